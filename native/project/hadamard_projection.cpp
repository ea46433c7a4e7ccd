// SPDX-License-Identifier: Apache-2.0
#include "project/hadamard_projection.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/dispatch.hpp"
#include "project/projection.hpp"
#include "project/random_words.hpp"

namespace kneighbors {

HadamardProjection::HadamardProjection(std::uint64_t seed, std::int64_t input_dim, std::int64_t target_dim)
    : input_dim_(input_dim) {
  if (target_dim < 1 || target_dim > input_dim || input_dim > std::int64_t{1} << 30) {
    throw std::invalid_argument("a Hadamard projection needs 1 <= target_dim <= input_dim <= 2^30, got " +
                                std::to_string(input_dim) + " to " + std::to_string(target_dim));
  }
  while (padded_ < input_dim_) padded_ *= 2;

  std::vector<std::uint32_t> words(static_cast<std::size_t>((input_dim_ + 31) / 32));
  random_words(seed, Stream::hadamard_flips, 0, 0, words.size(), words.data());
  const std::size_t held = static_cast<std::size_t>((input_dim_ + hadamard_block - 1) / hadamard_block * hadamard_block);
  flips_.assign(held, 0);
  double_flips_.assign(held, 0);
  for (std::int64_t j = 0; j < input_dim_; ++j) {
    const std::uint32_t flip = words[j / 32] >> (j % 32) & 1;
    flips_[j] = flip << 31;
    double_flips_[j] = std::uint64_t{flip} << 63;
  }

  std::vector<std::uint32_t> halves(static_cast<std::size_t>(2 * padded_));
  random_words(seed, Stream::hadamard_samples, 0, 0, halves.size(), halves.data());
  std::vector<std::pair<std::uint64_t, std::uint32_t>> keys(static_cast<std::size_t>(padded_));
  for (std::uint32_t p = 0; p < keys.size(); ++p) {
    keys[p] = {std::uint64_t{halves[2 * std::size_t{p}]} << 32 | halves[2 * std::size_t{p} + 1], p};
  }
  std::nth_element(keys.begin(), keys.begin() + (target_dim - 1), keys.end());
  for (std::int64_t i = 0; i < target_dim; ++i) sampled_.push_back(keys[i].second);
  std::sort(sampled_.begin(), sampled_.end());
}

std::int64_t HadamardProjection::memory_bytes() const {
  return static_cast<std::int64_t>(flips_.size() * 4 + double_flips_.size() * 8 + sampled_.size() * 4);
}

template <class T>
bool HadamardProjection::transform(const Rows& rows, int n_threads, T* out, Interrupt& interrupt) const {
  const std::int64_t rows_per_task = std::max<std::int64_t>(8, std::int64_t{1 << 18} / padded_);
  const T scale = static_cast<T>(1.0 / std::sqrt(static_cast<double>(target_dim())));
  const ProjectKernels& project = kernels().project;
  return project_rows(rows, target_dim(), n_threads, rows_per_task,
                      hadamard_workspace_values(padded_) * static_cast<std::int64_t>(sizeof(T)), out, interrupt,
                      [&](std::int64_t first, std::int64_t count, const Workspace& workspace) {
                        HadamardArguments<T> arguments{
                            static_cast<const T*>(rows.data) + first * input_dim_,
                            count,
                            input_dim_,
                            padded_,
                            nullptr,
                            sampled_.data(),
                            target_dim(),
                            scale,
                            workspace.get<T>(),
                            out + first * target_dim()};
                        if constexpr (sizeof(T) == 4) {
                          arguments.flips = flips_.data();
                          project.hadamard_float32(arguments);
                        } else {
                          arguments.flips = double_flips_.data();
                          project.hadamard_float64(arguments);
                        }
                      });
}

template bool HadamardProjection::transform<float>(const Rows&, int, float*, Interrupt&) const;
template bool HadamardProjection::transform<double>(const Rows&, int, double*, Interrupt&) const;

}  // namespace kneighbors

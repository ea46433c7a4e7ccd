// SPDX-License-Identifier: Apache-2.0
#include "project/sign_projection.hpp"

#include <cmath>

#include "kernels/dispatch.hpp"
#include "project/projection.hpp"
#include "project/random_words.hpp"

namespace kneighbors {

SignProjection::SignProjection(std::uint64_t seed, std::int64_t input_dim, std::int64_t target_dim)
    : input_dim_(input_dim), target_dim_(target_dim) {
  constexpr std::int64_t largest = std::int64_t{1} << 31;
  if (target_dim < 1 || input_dim < 1 || target_dim > largest || input_dim > largest) {
    throw std::invalid_argument("a sign projection needs 1 to 2^31 columns on both sides, got " +
                                std::to_string(input_dim) + " to " + std::to_string(target_dim));
  }
  const std::int64_t n_chunks = (input_dim + sign_chunk - 1) / sign_chunk;
  entries_.resize(static_cast<std::size_t>(n_chunks * target_dim));
  const std::int64_t rest = input_dim % sign_chunk;
  const std::uint32_t last_mask = rest ? (std::uint32_t{1} << rest) - 1 : ~std::uint32_t{0};
  std::vector<std::uint32_t> words(static_cast<std::size_t>(n_chunks));
  for (std::int64_t i = 0; i < target_dim; ++i) {
    random_words(seed, Stream::sign_entries, static_cast<std::uint64_t>(i), 0, words.size(), words.data());
    words.back() &= last_mask;
    for (std::int64_t chunk = 0; chunk < n_chunks; ++chunk) {
      std::uint64_t spread = 0;
      for (int group = 0; group < 8; ++group) {
        spread |= std::uint64_t{words[chunk] >> (4 * group) & 15} << (8 * group + 4);
      }
      entries_[chunk * target_dim + i] = spread;
    }
  }
}

template <class T>
bool SignProjection::transform(const Rows& rows, int n_threads, T* out, Interrupt& interrupt) const {
  constexpr std::int64_t rows_per_task = 128;
  const T scale = static_cast<T>(1.0 / std::sqrt(static_cast<double>(target_dim_)));
  const ProjectKernels& project = kernels().project;
  return project_rows(rows, target_dim_, n_threads, rows_per_task, sign_workspace_bytes(target_dim_), out, interrupt,
                      [&](std::int64_t first, std::int64_t count, const Workspace& workspace) {
                        const SignArguments<T> arguments{
                            static_cast<const T*>(rows.data) + first * input_dim_,
                            count,
                            input_dim_,
                            target_dim_,
                            entries_.data(),
                            scale,
                            workspace.get<void>(),
                            out + first * target_dim_};
                        if constexpr (sizeof(T) == 4) {
                          project.sign_float32(arguments);
                        } else {
                          project.sign_float64(arguments);
                        }
                      });
}

template bool SignProjection::transform<float>(const Rows&, int, float*, Interrupt&) const;
template bool SignProjection::transform<double>(const Rows&, int, double*, Interrupt&) const;

}  // namespace kneighbors

// SPDX-License-Identifier: Apache-2.0
#include "project/linear_projection.hpp"

#include <algorithm>

#include "kernels/dispatch.hpp"
#include "project/projection.hpp"

namespace kneighbors {

LinearProjection::LinearProjection(const double* mean, const double* components, std::int64_t n_outputs,
                                   std::int64_t n_columns)
    : n_columns_(n_columns), n_outputs_(n_outputs), padded_((n_columns + 7) / 8 * 8) {
  if (n_outputs < 1 || n_columns < 1) throw std::invalid_argument("a linear projection needs columns on both sides");
  mean_.assign(static_cast<std::size_t>(padded_), 0.0);
  std::copy(mean, mean + n_columns, mean_.begin());
  components_.assign(static_cast<std::size_t>(padded_ * n_outputs), 0.0);
  for (std::int64_t i = 0; i < n_outputs; ++i) {
    std::copy(components + i * n_columns, components + (i + 1) * n_columns, components_.begin() + i * padded_);
  }
}

template <class T>
bool LinearProjection::transform(const Rows& rows, int n_threads, T* out, Interrupt& interrupt) const {
  constexpr std::int64_t rows_per_task = 4 * linear_rows;
  const ProjectKernels& project = kernels().project;
  return project_rows(rows, n_outputs_, n_threads, rows_per_task,
                      linear_rows * padded_ * static_cast<std::int64_t>(sizeof(double)), out, interrupt,
                      [&](std::int64_t first, std::int64_t count, const Workspace& workspace) {
                        const LinearArguments<T> arguments{
                            static_cast<const T*>(rows.data) + first * n_columns_,
                            count,
                            n_columns_,
                            n_outputs_,
                            padded_,
                            mean_.data(),
                            components_.data(),
                            workspace.get<double>(),
                            out + first * n_outputs_};
                        if constexpr (sizeof(T) == 4) {
                          project.linear_float32(arguments);
                        } else {
                          project.linear_float64(arguments);
                        }
                      });
}

template bool LinearProjection::transform<float>(const Rows&, int, float*, Interrupt&) const;
template bool LinearProjection::transform<double>(const Rows&, int, double*, Interrupt&) const;

}  // namespace kneighbors

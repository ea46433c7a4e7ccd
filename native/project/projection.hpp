// SPDX-License-Identifier: Apache-2.0
// What every projection shares: its shape, and rows given out to threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "rows/rows.hpp"
#include "threads/pool.hpp"

namespace kneighbors {

// Memory for one thread's work, aligned to a cache line.
class Workspace {
 public:
  explicit Workspace(std::int64_t bytes)
      : memory_(::operator new(static_cast<std::size_t>(bytes), std::align_val_t{64})) {}
  ~Workspace() { ::operator delete(memory_, std::align_val_t{64}); }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  template <class T>
  T* get() const {
    return static_cast<T*>(memory_);
  }

 private:
  void* memory_;
};

// A projected value left the range of its type; the rows themselves were finite.
class ProjectionOverflow : public std::overflow_error {
 public:
  explicit ProjectionOverflow(std::int64_t row)
      : std::overflow_error("row " + std::to_string(row) + " leaves the range of its float type when projected"),
        row_(row) {}
  std::int64_t row() const { return row_; }

 private:
  std::int64_t row_;
};

// By the exponent's bits: sums of floats would wait for each other.
template <class T>
bool all_finite(const T* values, std::int64_t count) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  constexpr Bits exponent = std::bit_cast<Bits>(std::numeric_limits<T>::infinity());
  Bits found = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    found |= static_cast<Bits>((std::bit_cast<Bits>(values[i]) & exponent) == exponent);
  }
  return found == 0;
}

// Splits the rows into tasks and calls project(first, count, workspace) for each; then looks for overflow.
// Returns false where somebody asked to stop.
template <class T, class Project>
bool project_rows(const Rows& rows, std::int64_t n_outputs, int n_threads, std::int64_t rows_per_task,
                  std::int64_t workspace_bytes, T* out, Interrupt& interrupt, const Project& project) {
  std::atomic<std::int64_t> first_overflow{std::numeric_limits<std::int64_t>::max()};
  const std::int64_t n_tasks = (rows.n_rows + rows_per_task - 1) / rows_per_task;
  run_tasks(n_tasks, n_threads, [&](std::int64_t task) {
    if (interrupt.poll()) return;
    const Workspace workspace(workspace_bytes);
    const std::int64_t first = task * rows_per_task, count = std::min(rows_per_task, rows.n_rows - first);
    project(first, count, workspace);
    for (std::int64_t row = first; row < first + count; ++row) {
      if (all_finite(out + row * n_outputs, n_outputs)) continue;
      std::int64_t seen = first_overflow.load();
      while (row < seen && !first_overflow.compare_exchange_weak(seen, row)) {
      }
      break;
    }
  });
  if (interrupt.stopped()) return false;
  if (first_overflow.load() != std::numeric_limits<std::int64_t>::max()) throw ProjectionOverflow(first_overflow);
  return true;
}

}  // namespace kneighbors

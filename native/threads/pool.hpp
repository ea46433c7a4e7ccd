// SPDX-License-Identifier: Apache-2.0
// The one thread pool: survives fork, works for several callers at once, never has more threads than cores.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <thread>

namespace kneighbors {

// Lets the calling thread ask now and then whether to go on (Ctrl-C), and tells the others.
class Interrupt {
 public:
  // `check` returns true to stop; it is only ever called on the thread that made this object.
  explicit Interrupt(std::function<bool()> check);

  // True once somebody asked to stop. Cheap; call it every few hundred microseconds of work.
  bool poll();
  bool stopped() const { return stopped_.load(std::memory_order_relaxed); }

 private:
  std::function<bool()> check_;
  std::thread::id caller_;
  std::chrono::steady_clock::time_point next_;
  std::atomic<bool> stopped_{false};
};

// Runs body(task) for every task in [0, n_tasks), on at most n_threads threads of which the caller is one.
// Tasks start in order. Returns when all are done; rethrows the first exception a task threw.
void run_tasks(std::int64_t n_tasks, int n_threads, const std::function<void(std::int64_t)>& body);

// The most threads any call may use: what other tools set through threadpoolctl. Starts as the cores allowed.
int thread_limit();
void set_thread_limit(int n_threads);

}  // namespace kneighbors

// SPDX-License-Identifier: Apache-2.0
#include "threads/pool.hpp"

#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>

#if defined(__linux__)
#include <sched.h>
#endif

#include "threads/float_environment.hpp"

namespace kneighbors {

Interrupt::Interrupt(std::function<bool()> check)
    : check_(std::move(check)), caller_(std::this_thread::get_id()), next_(std::chrono::steady_clock::now()) {}

bool Interrupt::poll() {
  if (stopped()) return true;
  if (check_ && std::this_thread::get_id() == caller_) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= next_) {
      next_ = now + std::chrono::milliseconds(50);
      if (check_()) stopped_.store(true, std::memory_order_relaxed);
    }
  }
  return stopped();
}

namespace {

int allowed_cores() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1u, std::thread::hardware_concurrency());
}

// One call of run_tasks. Lives on the caller's stack; `helpers` says how many pool threads still look at it.
struct Job {
  Job(const std::function<void(std::int64_t)>& work_of_one, std::int64_t count, int helpers_at_most)
      : body(work_of_one), n_tasks(count), helpers_wanted(helpers_at_most) {}

  const std::function<void(std::int64_t)>& body;
  std::int64_t n_tasks;
  int helpers_wanted;
  int helpers = 0;
  std::atomic<std::int64_t> next{0};
  std::atomic<bool> failed{false};
  std::exception_ptr error;
  std::mutex error_mutex;

  void work() {
    const FloatEnvironment environment;
    for (;;) {
      const std::int64_t task = next.fetch_add(1, std::memory_order_relaxed);
      if (task >= n_tasks || failed.load(std::memory_order_relaxed)) return;
      try {
        body(task);
      } catch (...) {
        const std::lock_guard<std::mutex> lock(error_mutex);
        if (!error) error = std::current_exception();
        failed.store(true, std::memory_order_relaxed);
      }
    }
  }
};

class Pool {
 public:
  void run(Job& job) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      start_threads(job.helpers_wanted);
      jobs_.push_back(&job);
    }
    wake_.notify_all();
    job.work();
    std::unique_lock<std::mutex> lock(mutex_);
    jobs_.erase(std::remove(jobs_.begin(), jobs_.end(), &job), jobs_.end());
    finished_.wait(lock, [&] { return job.helpers == 0; });
  }

 private:
  // Threads are never joined: they sleep until the process ends.
  void start_threads(int wanted) {
    const int most = std::max(1, allowed_cores());
    while (n_threads_ < std::min(wanted, most)) {
      std::thread([this] { serve(); }).detach();
      ++n_threads_;
    }
  }

  void serve() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      Job* job = nullptr;
      wake_.wait(lock, [&] { return (job = take()) != nullptr; });
      lock.unlock();
      job->work();
      lock.lock();
      if (--job->helpers == 0) finished_.notify_all();
    }
  }

  Job* take() {
    for (Job* job : jobs_) {
      if (job->helpers_wanted > 0 && job->next.load(std::memory_order_relaxed) < job->n_tasks) {
        --job->helpers_wanted;
        ++job->helpers;
        return job;
      }
    }
    return nullptr;
  }

  std::mutex mutex_;
  std::condition_variable wake_, finished_;
  std::deque<Job*> jobs_;
  int n_threads_ = 0;
};

std::atomic<Pool*> the_pool{nullptr};

// A child process has none of its parent's threads: it starts with a pool of its own. The old one is left alone,
// since its locks may be held by threads that no longer exist.
void forget_pool_after_fork() { the_pool.store(new Pool, std::memory_order_release); }

Pool& pool() {
  static std::once_flag once;
  std::call_once(once, [] {
    the_pool.store(new Pool, std::memory_order_release);
    pthread_atfork(nullptr, nullptr, forget_pool_after_fork);
  });
  return *the_pool.load(std::memory_order_acquire);
}

std::atomic<int> limit{0};  // 0: not set yet

}  // namespace

void run_tasks(std::int64_t n_tasks, int n_threads, const std::function<void(std::int64_t)>& body) {
  if (n_tasks <= 0) return;
  n_threads = static_cast<int>(std::min<std::int64_t>(std::min(n_threads, 4096), n_tasks));
  Job job(body, n_tasks, std::max(0, n_threads - 1));
  if (n_threads <= 1) {
    job.work();
  } else {
    pool().run(job);
  }
  if (job.error) std::rethrow_exception(job.error);
}

int thread_limit() {
  const int set = limit.load(std::memory_order_relaxed);
  return set > 0 ? set : allowed_cores();
}

void set_thread_limit(int n_threads) { limit.store(std::max(1, n_threads), std::memory_order_relaxed); }

}  // namespace kneighbors

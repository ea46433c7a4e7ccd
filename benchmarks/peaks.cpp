// SPDX-License-Identifier: Apache-2.0
// What this machine can do at most: multiply-adds held in registers, and reading memory in a straight line.
//
//   peaks THREADS SECONDS -> one JSON object on standard output
//
// Rates are in thousand millions per second: float32 multiply-adds, int8 multiply-adds by the byte dot product (0
// where the compiler's target has none), and bytes read from an array of 128 MiB and from one of 2 GiB.
// Compiled with -march=native. Each figure is the best of many short trials: a peak, not an average.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>
#include <sys/mman.h>
#if defined(__AVX512VNNI__)
#include <immintrin.h>
#endif

namespace {

#if defined(__AVX512F__)
constexpr int kBytes = 64;
#elif defined(__AVX__)
constexpr int kBytes = 32;
#else
constexpr int kBytes = 16;
#endif
typedef float Floats __attribute__((vector_size(kBytes)));
typedef std::int64_t Words __attribute__((vector_size(kBytes)));
// Independent sums: enough to hide a latency of 4 or 5 cycles at two per cycle, few enough for 16 registers.
constexpr int kChains = 12;
constexpr long kSteps = 4'000'000;  // some milliseconds: waking a thread is nothing beside it

double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Makes a value unknown to the optimiser.
template <class T>
void forget(T& value) {
    asm volatile("" : "+m"(value));
}

// Keeps a result alive. By value: an array whose address is taken would live in memory, not in registers.
template <class T>
void keep(T value) {
    asm volatile("" : : "m"(value));
}

// All threads start together; returns the seconds until the last has finished.
double together(int threads, const std::function<void(int)>& work) {
    std::atomic<int> ready{0};
    std::atomic<bool> go{false};
    std::vector<std::thread> team;
    for (int t = 0; t < threads; ++t)
        team.emplace_back([&, t] {
            ++ready;
            while (!go) std::this_thread::yield();
            work(t);
        });
    while (ready < threads) std::this_thread::yield();
    const double started = now();
    go = true;
    for (auto& thread : team) thread.join();
    return now() - started;
}

// Best rate (amount per second) over trials that fill the time.
double best_rate(double seconds, double amount, const std::function<double()>& trial) {
    double best = 0;
    for (const double end = now() + seconds; now() < end;) best = std::max(best, amount / trial());
    return best;
}

void multiply_add(int) {
    Floats sums[kChains], factor, term;
    for (auto& sum : sums) sum = Floats{} + 1.0f;
    factor = Floats{} + 0.999f;
    term = Floats{} + 0.001f;
    forget(factor);
    forget(term);
    for (long step = 0; step < kSteps; ++step)
#pragma GCC unroll 12
        for (int chain = 0; chain < kChains; ++chain) sums[chain] = sums[chain] * factor + term;
    for (const auto& sum : sums) keep(sum);
}

#if defined(__AVX512VNNI__)
// One statement for all chains: given them one by one, GCC 12 moves every sum twice per step.
void byte_dot(int) {
    const __m512i a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(5);
    __m512i s0{}, s1{}, s2{}, s3{}, s4{}, s5{}, s6{}, s7{}, s8{}, s9{}, s10{}, s11{};
    for (long step = 0; step < kSteps; ++step)
        asm volatile(
            "vpdpbusd %13, %12, %0\n vpdpbusd %13, %12, %1\n vpdpbusd %13, %12, %2\n"
            "vpdpbusd %13, %12, %3\n vpdpbusd %13, %12, %4\n vpdpbusd %13, %12, %5\n"
            "vpdpbusd %13, %12, %6\n vpdpbusd %13, %12, %7\n vpdpbusd %13, %12, %8\n"
            "vpdpbusd %13, %12, %9\n vpdpbusd %13, %12, %10\n vpdpbusd %13, %12, %11\n"
            : "+v"(s0), "+v"(s1), "+v"(s2), "+v"(s3), "+v"(s4), "+v"(s5), "+v"(s6), "+v"(s7), "+v"(s8), "+v"(s9),
              "+v"(s10), "+v"(s11)
            : "v"(a), "v"(b));
}
#endif

// On huge pages where the system grants them: page look-ups would otherwise hide the memory's speed.
double read_rate(std::size_t bytes, int threads, double seconds) {
    constexpr std::size_t kPage = std::size_t(2) << 20;
    Words* const memory = static_cast<Words*>(std::aligned_alloc(kPage, bytes));
    if (memory == nullptr) return 0;
#if defined(MADV_HUGEPAGE)
    madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    std::memset(memory, 1, bytes);
    const std::size_t part = bytes / kBytes / threads / 16 * 16;
    const auto trial = [&] {
        return together(threads, [&](int t) {
            const Words* const first = memory + part * t;
            Words sums[16] = {};
            for (std::size_t i = 0; i < part; i += 16)
#pragma GCC unroll 16
                for (int j = 0; j < 16; ++j) sums[j] ^= first[i + j];
            for (const auto& sum : sums) keep(sum);
        });
    };
    const double rate = best_rate(seconds, double(part) * threads * kBytes, trial);
    std::free(memory);
    return rate;
}

}  // namespace

int main(int count, char** arguments) {
    const int threads = count > 1 ? std::atoi(arguments[1]) : 1;
    const double seconds = count > 2 ? std::atof(arguments[2]) : 1;
    const double lanes = kBytes / 4, steps = double(kSteps) * kChains * threads;
    const double float32 =
        best_rate(seconds, steps * lanes, [&] { return together(threads, multiply_add); });
    double int8 = 0;
#if defined(__AVX512VNNI__)
    int8 = best_rate(seconds, steps * 64, [&] { return together(threads, byte_dot); });
#endif
    const double near = read_rate(std::size_t(128) << 20, threads, seconds);
    const double far = read_rate(std::size_t(2) << 30, threads, seconds);
    std::printf(
        "{\"threads\": %d, \"vector_bits\": %d, \"float32_gmac\": %.1f, \"int8_gmac\": %.1f, "
        "\"read_128mib_gb\": %.1f, \"read_2gib_gb\": %.1f}\n",
        threads, kBytes * 8, float32 / 1e9, int8 / 1e9, near / 1e9, far / 1e9);
}

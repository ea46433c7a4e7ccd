// SPDX-License-Identifier: Apache-2.0
// Rounding to nearest with denormals kept, whatever another library has set on this thread.
#pragma once

#include <cfenv>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <cstdint>
#endif

namespace kneighbors {

class FloatEnvironment {
 public:
#if defined(__x86_64__)
  FloatEnvironment() : saved_(_mm_getcsr()) { _mm_setcsr(0x1F80); }  // all exceptions masked, nearest, no FTZ or DAZ
  ~FloatEnvironment() { _mm_setcsr(saved_); }

 private:
  unsigned int saved_;
#elif defined(__aarch64__)
  FloatEnvironment() {
    asm volatile("mrs %0, fpcr" : "=r"(saved_));
    asm volatile("msr fpcr, %0" : : "r"(std::uint64_t{0}));
  }
  ~FloatEnvironment() { asm volatile("msr fpcr, %0" : : "r"(saved_)); }

 private:
  std::uint64_t saved_;
#else
  FloatEnvironment() : saved_(std::fegetround()) { std::fesetround(FE_TONEAREST); }
  ~FloatEnvironment() { std::fesetround(saved_); }

 private:
  int saved_;
#endif

 public:
  FloatEnvironment(const FloatEnvironment&) = delete;
  FloatEnvironment& operator=(const FloatEnvironment&) = delete;
};

}  // namespace kneighbors

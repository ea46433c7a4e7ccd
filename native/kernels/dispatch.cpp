// SPDX-License-Identifier: Apache-2.0
#include "kernels/dispatch.hpp"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace kneighbors {

#if defined(__x86_64__)
const MatrixKernels* amx_kernels();
const KernelTable* avx512_vnni_kernels();
const KernelTable* avx512_kernels();
const KernelTable* avx_vnni_kernels();
const KernelTable* avx2_kernels();
const KernelTable* x86_64_v2_kernels();
#elif defined(__aarch64__)
const KernelTable* neon_kernels();
#else
const KernelTable* scalar_kernels();
#endif

namespace {

#if defined(__x86_64__)
// The compilers' builtin learned this feature late: CPUID leaf 7, subleaf 1, EAX bit 4.
bool has_avx_vnni() {
  unsigned int eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax & (1u << 4)) != 0;
}
#endif

#if defined(__x86_64__) && defined(__linux__)
// Matrix registers with byte products: CPUID leaf 7, EDX bits 24 and 25. Linux lets a process use them when it asks;
// it refuses where a thread's signal stack is too small for their contents.
bool may_use_amx() {
  unsigned int eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0 || (edx >> 24 & 3) != 3) return false;
  constexpr long request_permission = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}

const KernelTable* amx_table() {
  static const KernelTable table = [] {
    KernelTable with_matrix = *avx512_vnni_kernels();
    with_matrix.matrix = *amx_kernels();
    with_matrix.name = with_matrix.matrix.name;
    return with_matrix;
  }();
  return &table;
}
#endif

std::vector<const KernelTable*> find_runnable() {
  std::vector<const KernelTable*> found;
#if defined(__x86_64__)
  // Features, not levels; the builtins also ask whether the operating system saves the registers.
  __builtin_cpu_init();
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx512 && __builtin_cpu_supports("avx512vnni")) {
#if defined(__linux__)
    if (may_use_amx()) found.push_back(amx_table());
#endif
    found.push_back(avx512_vnni_kernels());
  }
  if (avx512) found.push_back(avx512_kernels());
  if (avx2 && has_avx_vnni()) found.push_back(avx_vnni_kernels());
  if (avx2) found.push_back(avx2_kernels());
  found.push_back(x86_64_v2_kernels());
#elif defined(__aarch64__)
  found.push_back(neon_kernels());
#else
  found.push_back(scalar_kernels());
#endif
  return found;
}

const KernelTable* find_named(const std::string& name) {
  std::string names;
  for (const KernelTable* table : runnable_kernels()) {
    if (name == table->name) return table;
    names += names.empty() ? table->name : std::string(", ") + table->name;
  }
  throw std::invalid_argument("instruction set '" + name + "' cannot run on this processor; it can run: " + names);
}

const KernelTable* choose_first() {
  const char* wanted = std::getenv("KNEIGHBORS_INSTRUCTION_SET");
  return wanted && *wanted ? find_named(wanted) : runnable_kernels().front();
}

std::atomic<const KernelTable*>& chosen() {
  static std::atomic<const KernelTable*> table{choose_first()};
  return table;
}

}  // namespace

const std::vector<const KernelTable*>& runnable_kernels() {
  static const std::vector<const KernelTable*> tables = find_runnable();
  return tables;
}

const KernelTable& kernels() { return *chosen().load(std::memory_order_relaxed); }

void use_kernels(const std::string& name) { chosen().store(find_named(name), std::memory_order_relaxed); }

}  // namespace kneighbors

// SPDX-License-Identifier: Apache-2.0
// Chooses the kernel table: by CPU features, once, or as told.
#pragma once

#include <string>
#include <vector>

#include "kernels/kernel_table.hpp"

namespace kneighbors {

// The tables this processor and operating system can run, best first.
const std::vector<const KernelTable*>& runnable_kernels();

// The table in use. The first call reads KNEIGHBORS_INSTRUCTION_SET; an unknown or unrunnable name there throws.
const KernelTable& kernels();

// Makes the named table the one in use from the next search on; throws std::invalid_argument otherwise.
void use_kernels(const std::string& name);

}  // namespace kneighbors

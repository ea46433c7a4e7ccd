// SPDX-License-Identifier: Apache-2.0
// How many leaves go where: nodes are as full as can be at the bottom, and every count follows from the number of
// leaves alone, so that parts of a tree can be built at the same time and land in the same places.
#pragma once

#include <algorithm>
#include <cstdint>

#include "tree/tree_kernels.hpp"

namespace kneighbors {

// The leaves of a full child of a node with n_leaves below it: the largest power of the width below n_leaves.
inline std::int64_t full_child(std::int64_t n_leaves) {
  std::int64_t size = 1;
  while (size * tree_width < n_leaves) size *= tree_width;
  return size;
}

// Nodes of a tree with n_leaves (at least one): itself, and what is below its children.
inline std::int64_t count_nodes(std::int64_t n_leaves) {
  const std::int64_t child = full_child(n_leaves);
  if (child == 1) return 1;
  const std::int64_t full = n_leaves / child, rest = n_leaves % child;
  return 1 + full * count_nodes(child) + (rest > 0 ? count_nodes(rest) : 0);
}

}  // namespace kneighbors

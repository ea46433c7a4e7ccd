// SPDX-License-Identifier: Apache-2.0
// The box tree as its kernels see it: raw arrays. A node holds the boxes of up to eight children, a leaf holds a
// small panel of rows; both are read eight at a time.
#pragma once

#include <cstdint>

namespace kneighbors {

constexpr int tree_width = 8;         // children of a node, and rows that a leaf is read by
constexpr int tree_leaf_rows = 16;    // rows of a leaf
constexpr int tree_most_columns = 8;  // kernels are made for each number of columns up to this, and one for all others
constexpr int tree_most_levels = 24;  // 8^24 leaves: more than can be

enum class TreeFormula { squared, absolute, maximum };
constexpr int n_tree_formulas = 3;

template <class T>
struct TreeView {
  const T* boxes;               // [node][column][low, high][tree_width]
  const std::int32_t* children; // [node][tree_width]: a node, or ~leaf
  const std::int32_t* widths;   // [node]: how many children there are
  const T* panels;              // [leaf][column][tree_leaf_rows]; NaN where there is no row
  const std::int64_t* places;   // [leaf][tree_leaf_rows]: which row it is
  std::int64_t n_columns;
};

// What a walk met: added to. The first most_visited nodes (and leaves, as ~leaf) are written down.
struct TreeWalk {
  std::int64_t n_nodes = 0, n_leaves = 0;
  std::int64_t most_visited = 0;
  std::int32_t* visited = nullptr;
};

// The k nearest rows of one query. `values` and `places` have room for k and are sorted by (value, place) at the end.
struct TreeQuery {
  const double* query;
  std::int64_t k;
  double limit;          // rows beyond it are of no interest; equal ones are
  std::int64_t exclude;  // a place that must not answer, or -1
  const std::uint8_t* allowed;  // per place: whether it may answer; null: all may
  double* values;
  std::int64_t* places;
  std::int64_t n_found;
  TreeWalk walk;
};

// All rows within `limit`, in no order.
struct TreeReach {
  const double* query;
  double limit;
  std::int64_t exclude;
  const std::uint8_t* allowed;
  void (*found)(void* context, double value, std::int64_t place);
  void* context;
  TreeWalk walk;
};

template <class T>
using TreeSearch = void (*)(const TreeView<T>&, TreeQuery&);
template <class T>
using TreeReachSearch = void (*)(const TreeView<T>&, TreeReach&);

// By formula and number of columns; [0] serves any number of columns.
template <class T>
struct TreeKernels {
  TreeSearch<T> search[n_tree_formulas][tree_most_columns + 1];
  TreeReachSearch<T> reach[n_tree_formulas];
};

}  // namespace kneighbors

// SPDX-License-Identifier: Apache-2.0
// A k-d tree whose nodes hold the boxes of up to eight children and whose leaves are small panels of rows. Exact:
// a child is passed over only when the bound of its box, as computed, exceeds the k-th distance, as computed.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernel_table.hpp"
#include "rows/rows.hpp"
#include "threads/pool.hpp"
#include "tree/tree_kernels.hpp"

namespace kneighbors {

struct TreeNeighbor {
  double value;
  std::int64_t place;
};

// One box of the tree, for pictures: a node's child or a leaf, its depth, and how many rows are below it.
struct TreeBox {
  std::int32_t node;  // or ~leaf
  int depth;
  std::int64_t n_rows;
};

template <class T>
class BoxTree {
 public:
  // Copies the rows into leaves. The same tree for any number of threads.
  BoxTree(const T* rows, std::int64_t n_rows, std::int64_t n_columns, int n_threads);

  // values and places: [n_queries][k], nearest first. `rows`: those that places count. exclude: one place per query
  // (-1: none), or null. allowed: per place whether it may answer, or null. There must be k rows for every query.
  // Returns false if interrupted.
  bool search(const T* rows, const Rows& queries, std::int64_t k, TreeFormula formula, int n_threads,
              const std::int64_t* exclude, const std::uint8_t* allowed, double* values, std::int64_t* places, Interrupt& interrupt) const;

  // Every row at most `limit` away, nearest first.
  bool search_radius(const Rows& queries, double limit, TreeFormula formula, int n_threads,
                     const std::int64_t* exclude, const std::uint8_t* allowed,
                     std::vector<std::vector<TreeNeighbor>>& answers, Interrupt& interrupt) const;

  // The nodes and leaves (~leaf) that one query opens, in order.
  std::vector<std::int32_t> trace(const double* query, std::int64_t k, TreeFormula formula,
                                  const std::uint8_t* allowed) const;
  // All boxes down to `most_depth`; lows and highs get n_columns values each.
  std::vector<TreeBox> boxes(int most_depth, std::int64_t most, std::vector<double>& lows,
                                std::vector<double>& highs) const;

  std::int64_t n_columns() const { return n_columns_; }
  std::int64_t n_rows() const { return n_rows_; }
  std::int64_t n_nodes() const { return static_cast<std::int64_t>(widths_.size()); }
  std::int64_t n_leaves() const { return static_cast<std::int64_t>(places_.size()) / tree_leaf_rows; }
  std::int64_t bytes() const;

 private:
  struct Builder;

  TreeView<T> view() const;
  void set_box(std::int64_t node, int child);
  std::int64_t count_rows(std::int32_t below) const;

  std::int64_t n_columns_, n_rows_;
  std::vector<T> boxes_, panels_;
  std::vector<std::int32_t> children_, widths_;
  std::vector<std::int64_t> places_;
};

extern template class BoxTree<float>;
extern template class BoxTree<double>;

}  // namespace kneighbors

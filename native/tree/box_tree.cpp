// SPDX-License-Identifier: Apache-2.0
#include "tree/box_tree.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "kernels/dispatch.hpp"
#include "threads/float_environment.hpp"
#include "tree/query_order.hpp"
#include "tree/tree_shape.hpp"

namespace kneighbors {

namespace {

template <class T>
const TreeKernels<T>& tree_kernels() {
  if constexpr (sizeof(T) == 4) {
    return *kernels().tree_float32;
  } else {
    return *kernels().tree_float64;
  }
}

// The value of one row, in the documented order (kernels/rerank_body.hpp): what the walk would report.
template <class T>
double row_value(const double* query, const T* row, std::int64_t n_columns, TreeFormula formula) {
  double lanes[8] = {0, 0, 0, 0, 0, 0, 0, 0};
  for (std::int64_t j = 0; j < n_columns; ++j) {
    const double difference = query[j] - static_cast<double>(row[j]);
    double& lane = lanes[j % 8];
    switch (formula) {
      case TreeFormula::squared: lane += difference * difference; break;
      case TreeFormula::absolute: lane += std::fabs(difference); break;
      case TreeFormula::maximum: lane = std::max(lane, std::fabs(difference)); break;
    }
  }
  if (formula == TreeFormula::maximum) return *std::max_element(lanes, lanes + 8);
  const double t0 = lanes[0] + lanes[4], t1 = lanes[1] + lanes[5];
  const double t2 = lanes[2] + lanes[6], t3 = lanes[3] + lanes[7];
  return (t0 + t2) + (t1 + t3);
}

}  // namespace

// Splits the rows in two, again and again, at the middle of the widest column of what is left.
template <class T>
struct BoxTree<T>::Builder {
  struct Keyed {
    T key;
    std::int64_t row;
    bool operator<(const Keyed& other) const { return key < other.key || (key == other.key && row < other.row); }
  };
  // Leaves [first_leaf, first_leaf + n_leaves) of the rows that order holds there; they hang below `node`.
  struct Part {
    std::int64_t node, first_leaf, n_leaves;
  };

  BoxTree& tree;
  const T* rows;
  std::int64_t n_rows;
  std::vector<std::int64_t> order;
  std::vector<char> has_boxes;  // per node
  std::vector<Part> parts;      // left for the threads
  std::int64_t part_leaves = 0;  // parts of at most so many leaves are left to them

  std::int64_t n_columns() const { return tree.n_columns_; }
  std::int64_t end_of(std::int64_t leaf) const { return std::min(n_rows, leaf * tree_leaf_rows); }

  std::int64_t widest_column(std::int64_t begin, std::int64_t end) const {
    std::vector<T> low(static_cast<std::size_t>(n_columns()), std::numeric_limits<T>::infinity());
    std::vector<T> high(low.size(), -std::numeric_limits<T>::infinity());
    // A few thousand rows tell which column is wide; the tree is right whichever is chosen.
    const std::int64_t step = std::max<std::int64_t>(1, (end - begin) / 4096);
    for (std::int64_t i = begin; i < end; i += step) {
      const T* row = rows + order[i] * n_columns();
      for (std::int64_t j = 0; j < n_columns(); ++j) {
        low[j] = std::min(low[j], row[j]);
        high[j] = std::max(high[j], row[j]);
      }
    }
    std::int64_t best = 0;
    double widest = -1;
    for (std::int64_t j = 0; j < n_columns(); ++j) {
      const double width = static_cast<double>(high[j]) - static_cast<double>(low[j]);
      if (width > widest) widest = width, best = j;
    }
    return best;
  }

  // Puts the rows of the first leaves before those of the others.
  void split(std::int64_t first_leaf, std::int64_t middle_leaf, std::int64_t last_leaf, std::vector<Keyed>& keyed) {
    const std::int64_t begin = end_of(first_leaf), middle = end_of(middle_leaf), end = end_of(last_leaf);
    const std::int64_t column = widest_column(begin, end);
    keyed.resize(static_cast<std::size_t>(end - begin));
    for (std::int64_t i = begin; i < end; ++i) keyed[i - begin] = {rows[order[i] * n_columns() + column], order[i]};
    std::nth_element(keyed.begin(), keyed.begin() + (middle - begin), keyed.end());
    for (std::int64_t i = begin; i < end; ++i) order[i] = keyed[i - begin].row;
  }

  // Halves [first, first + n) of the children of `size` leaves until each stands alone, then makes each.
  void make_children(std::int64_t node, std::int64_t first_leaf, std::int64_t last_leaf, std::int64_t size, int child,
                     int n_children, std::int64_t& next_node, std::vector<Keyed>& keyed) {
    if (n_children == 1) {
      if (size == 1) {
        tree.children_[node * tree_width + child] = ~static_cast<std::int32_t>(first_leaf);
        fill_leaf(first_leaf);
      } else {
        tree.children_[node * tree_width + child] = static_cast<std::int32_t>(next_node);
        make_node(next_node, first_leaf, last_leaf - first_leaf, keyed);
        next_node += count_nodes(last_leaf - first_leaf);
      }
      return;
    }
    const int left = n_children / 2;
    const std::int64_t middle = first_leaf + left * size;
    split(first_leaf, middle, last_leaf, keyed);
    make_children(node, first_leaf, middle, size, child, left, next_node, keyed);
    make_children(node, middle, last_leaf, size, child + left, n_children - left, next_node, keyed);
  }

  void make_node(std::int64_t node, std::int64_t first_leaf, std::int64_t n_leaves, std::vector<Keyed>& keyed) {
    if (n_leaves <= part_leaves) {
      parts.push_back({node, first_leaf, n_leaves});
      return;
    }
    const std::int64_t size = full_child(n_leaves);
    const int n_children = static_cast<int>((n_leaves + size - 1) / size);
    tree.widths_[node] = n_children;
    std::int64_t next_node = node + 1;
    make_children(node, first_leaf, first_leaf + n_leaves, size, 0, n_children, next_node, keyed);
  }

  // Rows of a leaf lie in ascending order, so that the bytes do not depend on how the split was found.
  void fill_leaf(std::int64_t leaf) {
    const std::int64_t begin = end_of(leaf), count = end_of(leaf + 1) - begin;
    std::sort(order.begin() + begin, order.begin() + begin + count);
    T* panel = tree.panels_.data() + leaf * n_columns() * tree_leaf_rows;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t place = order[begin + i];
      tree.places_[leaf * tree_leaf_rows + i] = place;
      for (std::int64_t j = 0; j < n_columns(); ++j) panel[j * tree_leaf_rows + i] = rows[place * n_columns() + j];
    }
  }

  // From the bottom up; a node's children have higher numbers.
  void set_boxes(std::int64_t node, std::int64_t end) {
    for (std::int64_t at = end - 1; at >= node; --at) {
      if (has_boxes[at]) continue;
      for (int child = 0; child < tree.widths_[at]; ++child) tree.set_box(at, child);
      has_boxes[at] = 1;
    }
  }

  void build(int n_threads) {
    order.resize(static_cast<std::size_t>(n_rows));
    for (std::int64_t i = 0; i < n_rows; ++i) order[i] = i;
    has_boxes.assign(static_cast<std::size_t>(tree.n_nodes()), 0);
    std::vector<Keyed> keyed;
    const std::int64_t n_leaves = tree.n_leaves();
    part_leaves = n_threads == 1 ? 0 : std::max<std::int64_t>(64, n_leaves / (4 * n_threads));
    if (part_leaves >= n_leaves) part_leaves = 0;
    make_node(0, 0, n_leaves, keyed);
    part_leaves = 0;
    const std::vector<Part> left = std::move(parts);
    run_tasks(static_cast<std::int64_t>(left.size()), n_threads, [&](std::int64_t task) {
      const FloatEnvironment environment;
      std::vector<Keyed> own;
      const Part& part = left[task];
      make_node(part.node, part.first_leaf, part.n_leaves, own);
      set_boxes(part.node, part.node + count_nodes(part.n_leaves));
    });
    set_boxes(0, tree.n_nodes());
  }
};

template <class T>
BoxTree<T>::BoxTree(const T* rows, std::int64_t n_rows, std::int64_t n_columns, int n_threads)
    : n_columns_(n_columns), n_rows_(n_rows) {
  if (n_rows < 1) throw std::invalid_argument("a tree needs at least one row");
  const std::int64_t n_leaves = (n_rows + tree_leaf_rows - 1) / tree_leaf_rows, n_nodes = count_nodes(n_leaves);
  if (n_leaves >= std::numeric_limits<std::int32_t>::max()) {
    throw std::invalid_argument("a tree holds at most 2^31 leaves of " + std::to_string(tree_leaf_rows) + " rows");
  }
  boxes_.assign(static_cast<std::size_t>(n_nodes * n_columns * 2 * tree_width), 0);
  children_.assign(static_cast<std::size_t>(n_nodes * tree_width), 0);
  widths_.assign(static_cast<std::size_t>(n_nodes), 0);
  panels_.assign(static_cast<std::size_t>(n_leaves * n_columns * tree_leaf_rows), std::numeric_limits<T>::quiet_NaN());
  places_.assign(static_cast<std::size_t>(n_leaves * tree_leaf_rows), -1);
  Builder builder{*this, rows, n_rows, {}, {}, {}};
  builder.build(n_threads);
}

// The box around what child `child` of `node` holds: the rows of a leaf, or the boxes of a node.
template <class T>
void BoxTree<T>::set_box(std::int64_t node, int child) {
  const std::int32_t below = children_[node * tree_width + child];
  T* own = boxes_.data() + node * n_columns_ * 2 * tree_width + child;
  for (std::int64_t j = 0; j < n_columns_; ++j) {
    T low = std::numeric_limits<T>::infinity(), high = -low;
    if (below < 0) {
      const T* column = panels_.data() + (~below * n_columns_ + j) * tree_leaf_rows;
      for (int i = 0; i < tree_leaf_rows; ++i) {  // a comparison with NaN is false: missing rows do not count
        if (column[i] < low) low = column[i];
        if (column[i] > high) high = column[i];
      }
    } else {
      const T* boxes = boxes_.data() + (below * n_columns_ + j) * 2 * tree_width;
      for (int i = 0; i < widths_[below]; ++i) {
        low = std::min(low, boxes[i]);
        high = std::max(high, boxes[tree_width + i]);
      }
    }
    own[j * 2 * tree_width] = low;
    own[(j * 2 + 1) * tree_width] = high;
  }
}

template <class T>
TreeView<T> BoxTree<T>::view() const {
  return {boxes_.data(), children_.data(), widths_.data(), panels_.data(), places_.data(), n_columns_};
}

template <class T>
std::int64_t BoxTree<T>::bytes() const {
  return static_cast<std::int64_t>((boxes_.size() + panels_.size()) * sizeof(T) +
                                   (children_.size() + widths_.size()) * sizeof(std::int32_t) +
                                   places_.size() * sizeof(std::int64_t));
}

template <class T>
bool BoxTree<T>::search(const T* rows, const Rows& queries, std::int64_t k, TreeFormula formula, int n_threads,
                        const std::int64_t* exclude, const std::uint8_t* allowed, double* values,
                        std::int64_t* places, Interrupt& interrupt) const {
  const TreeView<T> tree = view();
  const int columns = n_columns_ <= tree_most_columns ? static_cast<int>(n_columns_) : 0;
  const TreeSearch<T> search = tree_kernels<T>().search[static_cast<int>(formula)][columns];
  // Queries that lie together are asked together: they open the same nodes, and each starts from what the one
  // before it found.
  const std::vector<std::int64_t> order = query_order(queries);
  constexpr std::int64_t block = 128;
  run_tasks((queries.n_rows + block - 1) / block, n_threads, [&](std::int64_t task) {
    const FloatEnvironment environment;
    std::vector<double> wide(static_cast<std::size_t>(n_columns_));
    std::int64_t before = -1;
    for (std::int64_t i = task * block; i < std::min(queries.n_rows, (task + 1) * block); ++i) {
      if (interrupt.poll()) return;
      const std::int64_t query = order.empty() ? i : order[i];
      queries.widen(query, wide.data());
      TreeQuery asked{wide.data(), k, std::numeric_limits<double>::infinity(), exclude ? exclude[query] : -1, allowed,
                      values + query * k, places + query * k, 0, {}};
      if (before >= 0) {
        double farthest = 0;
        for (std::int64_t j = 0; j < k; ++j) {
          const std::int64_t place = places[before * k + j];
          farthest = place == asked.exclude
                         ? std::numeric_limits<double>::infinity()
                         : std::max(farthest, row_value(wide.data(), rows + place * n_columns_, n_columns_, formula));
        }
        asked.limit = farthest;
      }
      search(tree, asked);
      if (asked.n_found != k) {
        throw std::logic_error("query " + std::to_string(query) + " has " + std::to_string(asked.n_found) +
                               " answers instead of " + std::to_string(k));
      }
      if (!order.empty()) before = query;
    }
  });
  return !interrupt.stopped();
}

template <class T>
bool BoxTree<T>::search_radius(const Rows& queries, double limit, TreeFormula formula, int n_threads,
                               const std::int64_t* exclude, const std::uint8_t* allowed,
                               std::vector<std::vector<TreeNeighbor>>& answers, Interrupt& interrupt) const {
  const TreeView<T> tree = view();
  const TreeReachSearch<T> search = tree_kernels<T>().reach[static_cast<int>(formula)];
  answers.assign(static_cast<std::size_t>(queries.n_rows), {});
  run_tasks(queries.n_rows, n_threads, [&](std::int64_t query) {
    if (interrupt.poll()) return;
    const FloatEnvironment environment;
    std::vector<double> wide(static_cast<std::size_t>(n_columns_));
    queries.widen(query, wide.data());
    std::vector<TreeNeighbor>& found = answers[query];
    TreeReach asked{wide.data(), limit, exclude ? exclude[query] : -1, allowed,
                    [](void* context, double value, std::int64_t place) {
                      static_cast<std::vector<TreeNeighbor>*>(context)->push_back({value, place});
                    },
                    &found, {}};
    search(tree, asked);
    std::sort(found.begin(), found.end(), [](const TreeNeighbor& a, const TreeNeighbor& b) {
      return a.value < b.value || (a.value == b.value && a.place < b.place);
    });
  });
  return !interrupt.stopped();
}

template <class T>
std::vector<std::int32_t> BoxTree<T>::trace(const double* query, std::int64_t k, TreeFormula formula,
                                            const std::uint8_t* allowed) const {
  std::vector<std::int32_t> visited(static_cast<std::size_t>(n_nodes() + n_leaves()));
  std::vector<double> values(static_cast<std::size_t>(k));
  std::vector<std::int64_t> places(static_cast<std::size_t>(k));
  TreeQuery asked{query, k, std::numeric_limits<double>::infinity(), -1, allowed, values.data(), places.data(), 0, {}};
  asked.walk.visited = visited.data();
  asked.walk.most_visited = static_cast<std::int64_t>(visited.size());
  tree_kernels<T>().search[static_cast<int>(formula)][0](view(), asked);
  visited.resize(static_cast<std::size_t>(asked.walk.n_nodes + asked.walk.n_leaves));
  return visited;
}

template <class T>
std::vector<TreeBox> BoxTree<T>::boxes(int most_depth, std::int64_t most, std::vector<double>& lows,
                                          std::vector<double>& highs) const {
  std::vector<TreeBox> found, level;
  level.push_back({0, 0, n_rows_});
  // Level by level, so that what is left out is what lies deepest.
  for (int depth = 1; depth <= most_depth && !level.empty(); ++depth) {
    std::vector<TreeBox> next;
    for (const TreeBox& parent : level) {
      if (parent.node < 0) continue;
      for (int child = 0; child < widths_[parent.node]; ++child) {
        if (static_cast<std::int64_t>(found.size()) >= most) return found;
        const std::int32_t below = children_[parent.node * tree_width + child];
        for (std::int64_t j = 0; j < n_columns_; ++j) {
          const T* side = boxes_.data() + (parent.node * n_columns_ + j) * 2 * tree_width + child;
          lows.push_back(side[0]);
          highs.push_back(side[tree_width]);
        }
        next.push_back({below, depth, count_rows(below)});
        found.push_back(next.back());
      }
    }
    level = std::move(next);
  }
  return found;
}

template <class T>
std::int64_t BoxTree<T>::count_rows(std::int32_t below) const {
  std::int64_t count = 0;
  if (below < 0) {
    for (int i = 0; i < tree_leaf_rows; ++i) {
      count += places_[~below * tree_leaf_rows + i] >= 0;
    }
  } else {
    for (int child = 0; child < widths_[below]; ++child) count += count_rows(children_[below * tree_width + child]);
  }
  return count;
}

template class BoxTree<float>;
template class BoxTree<double>;

}  // namespace kneighbors

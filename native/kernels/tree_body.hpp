// SPDX-License-Identifier: Apache-2.0
// The walk down a box tree. Included inside a namespace of one instruction set, after rerank_body.hpp.
//
// A row's distance is summed in the documented order (rerank_body.hpp), eight rows side by side. A box's bound is the
// same sum over the distances to its sides, in the same order: every operation of it rounds monotonically, so a bound
// as computed is never above a distance as computed, and no slack is needed. Where a leaf has
// no row there is NaN, which passes no comparison.

template <int formula>
static inline __attribute__((always_inline)) Lanes8 tree_term(Lanes8 difference) {
  if constexpr (formula == static_cast<int>(TreeFormula::squared)) return difference * difference;
  return difference < 0 ? -difference : difference;
}

template <int formula>
static inline __attribute__((always_inline)) Lanes8 tree_join(Lanes8 total, Lanes8 term) {
  if constexpr (formula == static_cast<int>(TreeFormula::maximum)) {
    return (term <= total) | (total != total) ? total : term;  // NaN stays, on whichever side it is
  }
  return total + term;
}

// The sum over columns of term(column). columns == 0: as many as n_columns says.
template <int formula, int columns, class Term>
static inline __attribute__((always_inline)) Lanes8 tree_total(std::int64_t n_columns, const Term& term) {
  constexpr Lanes8 zero = {0, 0, 0, 0, 0, 0, 0, 0};
  if constexpr (columns == 0) {
    Lanes8 lanes[8] = {zero, zero, zero, zero, zero, zero, zero, zero};
    const std::int64_t whole = n_columns / 8 * 8;
    for (std::int64_t column = 0; column < whole; column += 8) {
      for (int lane = 0; lane < 8; ++lane) lanes[lane] = tree_join<formula>(lanes[lane], term(column + lane));
    }
    for (int lane = 0; lane < n_columns - whole; ++lane) {
      lanes[lane] = tree_join<formula>(lanes[lane], term(whole + lane));
    }
    for (int lane = 0; lane < 4; ++lane) lanes[lane] = tree_join<formula>(lanes[lane], lanes[lane + 4]);
    return tree_join<formula>(tree_join<formula>(lanes[0], lanes[2]), tree_join<formula>(lanes[1], lanes[3]));
  } else {
    // Lanes that no column falls into would add +0 to a term that is not negative: left out.
    Lanes8 lanes[4] = {zero, zero, zero, zero};
    for (int lane = 0; lane < 4 && lane < columns; ++lane) {
      lanes[lane] = lane + 4 < columns ? tree_join<formula>(term(lane), term(lane + 4)) : term(lane);
    }
    if (columns > 2) lanes[0] = tree_join<formula>(lanes[0], lanes[2]);
    if (columns > 3) lanes[1] = tree_join<formula>(lanes[1], lanes[3]);
    return columns > 1 ? tree_join<formula>(lanes[0], lanes[1]) : lanes[0];
  }
}

template <class T, int formula, int columns>
static inline __attribute__((always_inline)) Lanes8 row_values(const double* query, const T* rows,
                                                               std::int64_t n_columns) {
  return tree_total<formula, columns>(n_columns, [&](std::int64_t column) __attribute__((always_inline)) {
    return tree_term<formula>(query[column] - load_lanes(rows + column * tree_leaf_rows));
  });
}

template <class T, int formula, int columns>
static inline __attribute__((always_inline)) Lanes8 box_bounds(const double* query, const T* boxes,
                                                               std::int64_t n_columns) {
  return tree_total<formula, columns>(n_columns, [&](std::int64_t column) __attribute__((always_inline)) {
    const Lanes8 below = load_lanes(boxes + column * 2 * tree_width) - query[column];
    const Lanes8 above = query[column] - load_lanes(boxes + (column * 2 + 1) * tree_width);
    const Lanes8 outside = below > above ? below : above;
    return tree_term<formula>(outside > 0 ? outside : Lanes8{0, 0, 0, 0, 0, 0, 0, 0});
  });
}

// Many columns cost more than a call: the general bodies exist once.
template <class T, int formula>
static __attribute__((noinline)) void general_row_values(const double* query, const T* rows, std::int64_t n_columns,
                                                         double* values) {
  const Lanes8 result = row_values<T, formula, 0>(query, rows, n_columns);
  __builtin_memcpy(values, &result, sizeof(result));
}

template <class T, int formula>
static __attribute__((noinline)) void general_box_bounds(const double* query, const T* boxes, std::int64_t n_columns,
                                                         double* values) {
  const Lanes8 result = box_bounds<T, formula, 0>(query, boxes, n_columns);
  __builtin_memcpy(values, &result, sizeof(result));
}

struct TreeStack {
  static constexpr int most = tree_most_levels * tree_width;
  double bounds[most];
  std::int32_t nodes[most];
  int size = 0;
};

// Puts the children that the mask names on the stack, nearest on top.
static inline void push_children(TreeStack& stack, const double* bounds, std::uint32_t mask,
                                 const std::int32_t* children) {
  const int bottom = stack.size;
  for (; mask != 0; mask &= mask - 1) {
    const int child = __builtin_ctz(mask);
    const double bound = bounds[child];
    int at = stack.size++;
    for (; at > bottom && stack.bounds[at - 1] < bound; --at) {
      stack.bounds[at] = stack.bounds[at - 1];
      stack.nodes[at] = stack.nodes[at - 1];
    }
    stack.bounds[at] = bound;
    stack.nodes[at] = children[child];
  }
}

// Whether a row may answer at all.
template <class Query>
static inline __attribute__((always_inline)) bool may_answer(const Query& query, std::int64_t place) {
  return place != query.exclude && (query.allowed == nullptr || query.allowed[place] != 0);
}

static inline bool tree_after(double value, std::int64_t place, double other, std::int64_t other_place) {
  return value > other || (value == other && place > other_place);
}

// Few neighbours lie sorted; many are a heap with the farthest on top.
constexpr std::int64_t most_sorted = 48;

static void sift_down(double* values, std::int64_t* places, std::int64_t size, double value, std::int64_t place) {
  std::int64_t at = 0;
  for (std::int64_t child = 1; child < size; child = 2 * at + 1) {
    if (child + 1 < size && tree_after(values[child + 1], places[child + 1], values[child], places[child])) ++child;
    if (!tree_after(values[child], places[child], value, place)) break;
    values[at] = values[child];
    places[at] = places[child];
    at = child;
  }
  values[at] = value;
  places[at] = place;
}

static void keep_in_heap(TreeQuery& query, double value, std::int64_t place) {
  if (query.n_found == query.k) {
    if (!tree_after(query.values[0], query.places[0], value, place)) return;
    sift_down(query.values, query.places, query.k, value, place);
  } else {
    std::int64_t at = query.n_found++;
    for (; at > 0; at = (at - 1) / 2) {
      const std::int64_t parent = (at - 1) / 2;
      if (!tree_after(value, place, query.values[parent], query.places[parent])) break;
      query.values[at] = query.values[parent];
      query.places[at] = query.places[parent];
    }
    query.values[at] = value;
    query.places[at] = place;
  }
  if (query.n_found == query.k && query.values[0] < query.limit) query.limit = query.values[0];
}

static void sort_heap(TreeQuery& query) {
  for (std::int64_t size = query.n_found - 1; size > 0; --size) {
    const double value = query.values[size];
    const std::int64_t place = query.places[size];
    query.values[size] = query.values[0];
    query.places[size] = query.places[0];
    sift_down(query.values, query.places, size, value, place);
  }
}

static inline void keep_sorted(TreeQuery& query, double value, std::int64_t place) {
  std::int64_t at = query.n_found;
  if (at == query.k) {
    --at;
    if (!tree_after(query.values[at], query.places[at], value, place)) return;
  } else {
    ++query.n_found;
  }
  for (; at > 0 && tree_after(query.values[at - 1], query.places[at - 1], value, place); --at) {
    query.values[at] = query.values[at - 1];
    query.places[at] = query.places[at - 1];
  }
  query.values[at] = value;
  query.places[at] = place;
  if (query.n_found == query.k && query.values[query.k - 1] < query.limit) query.limit = query.values[query.k - 1];
}

// Calls visit(value, place) for every row that is at most *limit away; visit may lower it.
template <class T, int formula, int columns, class Visit>
static inline __attribute__((always_inline)) void walk_tree(const TreeView<T>& tree, const double* query,
                                                            const double* limit, TreeWalk& walk,
                                                            const Visit& visit) {
  const std::int64_t n_columns = columns == 0 ? tree.n_columns : columns;
  alignas(64) double values[tree_width];
  TreeStack stack;
  stack.size = 1;
  stack.bounds[0] = 0;
  stack.nodes[0] = 0;
  while (stack.size > 0) {
    --stack.size;
    if (stack.bounds[stack.size] > *limit) continue;
    const std::int64_t node = stack.nodes[stack.size];
    if (walk.n_nodes + walk.n_leaves < walk.most_visited) {
      walk.visited[walk.n_nodes + walk.n_leaves] = static_cast<std::int32_t>(node);
    }
    if (node >= 0) {
      ++walk.n_nodes;
      const T* boxes = tree.boxes + node * n_columns * (2 * tree_width);
      if constexpr (columns == 0) {
        general_box_bounds<T, formula>(query, boxes, n_columns, values);
      } else {
        const Lanes8 bounds = box_bounds<T, formula, columns>(query, boxes, n_columns);
        __builtin_memcpy(values, &bounds, sizeof(values));
      }
      const std::uint32_t mask = Lane::at_most(values, *limit) & ((1u << tree.widths[node]) - 1);
      push_children(stack, values, mask, tree.children + node * tree_width);
      continue;
    }
    ++walk.n_leaves;
    const std::int64_t leaf = ~node;
    const T* panel = tree.panels + leaf * n_columns * tree_leaf_rows;
    const std::int64_t* places = tree.places + leaf * tree_leaf_rows;
    for (int first = 0; first < tree_leaf_rows; first += tree_width) {
      if constexpr (columns == 0) {
        general_row_values<T, formula>(query, panel + first, n_columns, values);
      } else {
        const Lanes8 distances = row_values<T, formula, columns>(query, panel + first, n_columns);
        __builtin_memcpy(values, &distances, sizeof(values));
      }
      for (std::uint32_t mask = Lane::at_most(values, *limit); mask != 0; mask &= mask - 1) {
        const int row = __builtin_ctz(mask);
        visit(values[row], places[first + row]);
      }
    }
  }
}

template <class T, int formula>
static void search_many(const TreeView<T>& tree, TreeQuery& query) {
  walk_tree<T, formula, 0>(tree, query.query, &query.limit, query.walk, [&](double value, std::int64_t place) {
    if (may_answer(query, place)) keep_in_heap(query, value, place);
  });
  sort_heap(query);
}

template <class T, int formula, int columns>
static void tree_search(const TreeView<T>& tree, TreeQuery& query) {
  query.n_found = 0;
  if (query.k <= most_sorted) {
    walk_tree<T, formula, columns>(tree, query.query, &query.limit, query.walk,
                                   [&](double value, std::int64_t place) __attribute__((always_inline)) {
                                     if (may_answer(query, place)) keep_sorted(query, value, place);
                                   });
  } else {
    search_many<T, formula>(tree, query);
  }
}

template <class T, int formula>
static void tree_reach(const TreeView<T>& tree, TreeReach& query) {
  walk_tree<T, formula, 0>(tree, query.query, &query.limit, query.walk,
                           [&](double value, std::int64_t place) {
                             if (may_answer(query, place)) query.found(query.context, value, place);
                           });
}

#define KNEIGHBORS_TREE_SEARCHES(T, formula)                                                                  \
  {tree_search<T, formula, 0>, tree_search<T, formula, 1>, tree_search<T, formula, 2>,                        \
   tree_search<T, formula, 3>, tree_search<T, formula, 4>, tree_search<T, formula, 5>,                        \
   tree_search<T, formula, 6>, tree_search<T, formula, 7>, tree_search<T, formula, 8>}
// The maximum is less asked for: made for the plane and for space.
#define KNEIGHBORS_TREE_FEW_SEARCHES(T, formula)                                                              \
  {tree_search<T, formula, 0>, tree_search<T, formula, 0>, tree_search<T, formula, 2>,                        \
   tree_search<T, formula, 3>, tree_search<T, formula, 0>, tree_search<T, formula, 0>,                        \
   tree_search<T, formula, 0>, tree_search<T, formula, 0>, tree_search<T, formula, 0>}
#define KNEIGHBORS_TREE_KERNELS(T)                                                                            \
  {{KNEIGHBORS_TREE_SEARCHES(T, 0), KNEIGHBORS_TREE_SEARCHES(T, 1), KNEIGHBORS_TREE_FEW_SEARCHES(T, 2)},      \
   {tree_reach<T, 0>, tree_reach<T, 1>, tree_reach<T, 2>}}

static constexpr TreeKernels<float> tree_kernels_float32 = KNEIGHBORS_TREE_KERNELS(float);
static constexpr TreeKernels<double> tree_kernels_float64 = KNEIGHBORS_TREE_KERNELS(double);

#undef KNEIGHBORS_TREE_KERNELS
#undef KNEIGHBORS_TREE_FEW_SEARCHES
#undef KNEIGHBORS_TREE_SEARCHES

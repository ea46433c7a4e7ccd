// SPDX-License-Identifier: Apache-2.0
// Exact float64 distances of the metrics that are no dot product, in the documented summation order (that of
// rerank_body.hpp). Included after measure_power_body.hpp.

// The largest whole p whose powers are products; others go through a logarithm.
constexpr double largest_whole_power = 32;

template <class T, class Distance>
static inline void for_rows(const ExactArguments& arguments, Distance distance) {
  const T* rows = static_cast<const T*>(arguments.rows);
  for (std::int64_t i = 0; i < arguments.n_ids; ++i) {
    if (i + prefetch_distance < arguments.n_ids) {
      prefetch_row(rows + arguments.ids[i + prefetch_distance] * arguments.n_columns, arguments.n_columns);
    }
    arguments.out[i] = distance(rows + arguments.ids[i] * arguments.n_columns);
  }
}

// Calls add(query entries, row entries, column) for stretches of eight columns; the tail is padded with zeros.
template <class T, class Add>
KN_LANE void for_stretches(const double* query, const T* row, std::int64_t n_columns, Add add) {
  const std::int64_t whole = n_columns / 8 * 8;
  for (std::int64_t j = 0; j < whole; j += 8) add(load_lanes(query + j), load_lanes(row + j), j);
  if (whole < n_columns) {
    add(load_tail(query + whole, n_columns - whole), load_tail(row + whole, n_columns - whole), whole);
  }
}

KN_LANE double largest_lane(Lanes8 lanes) {
  double largest = lanes[0];
  for (int l = 1; l < 8; ++l) largest = lanes[l] > largest ? lanes[l] : largest;
  return largest;
}

template <class T>
static void exact_manhattan(const ExactArguments& arguments) {
  for_rows<T>(arguments, [&](const T* row) __attribute__((always_inline)) {
    Lanes8 lanes{};
    for_stretches(arguments.query, row, arguments.n_columns,
                  [&](Lanes8 q, Lanes8 x, std::int64_t) __attribute__((always_inline)) { lanes += magnitude(q - x); });
    return sum_lanes(lanes);
  });
}

template <class T>
static void exact_chebyshev(const ExactArguments& arguments) {
  for_rows<T>(arguments, [&](const T* row) __attribute__((always_inline)) {
    Lanes8 lanes{};
    for_stretches(arguments.query, row, arguments.n_columns,
                  [&](Lanes8 q, Lanes8 x, std::int64_t) __attribute__((always_inline)) {
                    const Lanes8 difference = magnitude(q - x);
                    lanes = difference > lanes ? difference : lanes;
                  });
    return largest_lane(lanes);
  });
}

template <class T>
static void exact_hamming(const ExactArguments& arguments) {
  for_rows<T>(arguments, [&](const T* row) __attribute__((always_inline)) {
    Lanes8 lanes{};
    for_stretches(arguments.query, row, arguments.n_columns,
                  [&](Lanes8 q, Lanes8 x, std::int64_t) __attribute__((always_inline)) {
                    lanes += q != x ? Lanes8{} + 1.0 : Lanes8{};
                  });
    return sum_lanes(lanes) / static_cast<double>(arguments.n_columns);
  });
}

// |q - x| / (|q| + |x|), 0 where both are 0. Where the sum overflows both parts are halved first.
template <class T>
static void exact_canberra(const ExactArguments& arguments) {
  for_rows<T>(arguments, [&](const T* row) __attribute__((always_inline)) {
    Lanes8 lanes{};
    for_stretches(arguments.query, row, arguments.n_columns,
                  [&](Lanes8 q, Lanes8 x, std::int64_t) __attribute__((always_inline)) {
                    const Lanes8 sum = magnitude(q) + magnitude(x);
                    const auto overflows = sum > 0x1.fffffffffffffp1023;
                    const Lanes8 halves = magnitude(q) * 0.5 + magnitude(x) * 0.5;
                    const Lanes8 numerator = overflows ? magnitude(q * 0.5 - x * 0.5) : magnitude(q - x);
                    const Lanes8 denominator = overflows ? halves : sum;
                    const Lanes8 ratio = numerator / (denominator > 0.0 ? denominator : Lanes8{} + 1.0);
                    lanes += ratio;
                  });
    return sum_lanes(lanes);
  });
}

// The sum of |q - x| over that of |q + x|; 0 where both are 0, infinity where only the second is. Where a sum
// overflows, both are taken of entries divided by 2^40.
template <class T>
static void exact_bray_curtis(const ExactArguments& arguments) {
  for_rows<T>(arguments, [&](const T* row) __attribute__((always_inline)) {
    double apart = 0, together = 0;
    for (const double factor : {1.0, 0x1p-40}) {
      Lanes8 differences{}, sums{};
      for_stretches(arguments.query, row, arguments.n_columns,
                    [&](Lanes8 q, Lanes8 x, std::int64_t) __attribute__((always_inline)) {
                      differences += magnitude(q * factor - x * factor);
                      sums += magnitude(q * factor + x * factor);
                    });
      apart = sum_lanes(differences), together = sum_lanes(sums);
      if (apart < __builtin_inf() && together < __builtin_inf()) break;
    }
    return apart == 0 ? 0.0 : apart / together;
  });
}

// Brings the largest difference of a row into [0.5, 1), in two factors: one alone may be out of range.
struct DifferenceScale {
  int exponent = 0;
  double first = 1, second = 1;
};

KN_LANE DifferenceScale difference_scale(double most) {
  DifferenceScale scale;
  (void)__builtin_frexp(most, &scale.exponent);
  scale.first = __builtin_ldexp(1.0, -scale.exponent / 2);
  scale.second = __builtin_ldexp(1.0, -scale.exponent - -scale.exponent / 2);
  return scale;
}

// 2^e sqrt(sum of (|q_j - x_j| 2^-e)^2 over the columns known on both sides, times all columns over those). Rows that
// share no column are at infinity here; a distance that overflows is the largest number.
template <class T>
static void exact_nan_euclidean(const ExactArguments& arguments) {
  constexpr double largest_number = 0x1.fffffffffffffp1023;
  for_rows<T>(arguments, [&](const T* row) __attribute__((always_inline)) {
    Lanes8 largest{}, counts{};
    for_stretches(arguments.query, row, arguments.n_columns,
                  [&](Lanes8 q, Lanes8 x, std::int64_t) __attribute__((always_inline)) {
                    const Lanes8 difference = magnitude(q - x);
                    const auto known = difference == difference;
                    largest = difference > largest ? difference : largest;
                    counts += known ? Lanes8{} + 1.0 : Lanes8{};
                  });
    const double columns = static_cast<double>(arguments.n_columns);
    const double padding = static_cast<double>((8 - arguments.n_columns % 8) % 8);
    const double known = sum_lanes(counts) - padding;
    if (!(known > 0)) return __builtin_inf();
    const double most = largest_lane(largest);
    if (!(most > 0)) return 0.0;
    if (!(most < __builtin_inf())) return largest_number;
    const DifferenceScale scale = difference_scale(most);
    Lanes8 lanes{};
    for_stretches(arguments.query, row, arguments.n_columns,
                  [&](Lanes8 q, Lanes8 x, std::int64_t) __attribute__((always_inline)) {
                    const Lanes8 difference = (q - x) * scale.first * scale.second;
                    lanes += difference == difference ? difference * difference : Lanes8{};
                  });
    const double distance = __builtin_ldexp(__builtin_sqrt(sum_lanes(lanes) * (columns / known)), scale.exponent);
    return distance < largest_number ? distance : largest_number;
  });
}

// 2^e (sum of w_j (|q_j - x_j| 2^-e)^p)^(1/p), where 2^e brings the largest difference into [0.5, 1): no power
// overflows, and none that matters vanishes. Columns of weight 0 take no part.
template <class T, bool weighted>
static inline void exact_minkowski_with(const ExactArguments& arguments) {
  const double p = arguments.power;
  const bool whole = p <= largest_whole_power && p == static_cast<double>(static_cast<int>(p));
  for_rows<T>(arguments, [&](const T* row) {
    Lanes8 largest{};
    for_stretches(arguments.query, row, arguments.n_columns,
                  [&](Lanes8 q, Lanes8 x, std::int64_t j) __attribute__((always_inline)) {
                    Lanes8 difference = magnitude(q - x);
                    if constexpr (weighted) {
                      const Lanes8 w = load_tail(arguments.weights + j,
                                                 arguments.n_columns - j < 8 ? arguments.n_columns - j : 8);
                      difference = w > 0.0 ? difference : Lanes8{};
                    }
                    largest = difference > largest ? difference : largest;
                  });
    const double most = largest_lane(largest);
    if (!(most > 0) || !(most < __builtin_inf())) return most;
    const DifferenceScale scale = difference_scale(most);
    Lanes8 lanes{};
    for_stretches(arguments.query, row, arguments.n_columns,
                  [&](Lanes8 q, Lanes8 x, std::int64_t j) __attribute__((always_inline)) {
                    const Lanes8 difference = magnitude(q - x) * scale.first * scale.second;
                    Lanes8 term = whole ? whole_power8(difference, static_cast<int>(p)) : power8(difference, p);
                    if constexpr (weighted) {
                      const Lanes8 w = load_tail(arguments.weights + j,
                                                 arguments.n_columns - j < 8 ? arguments.n_columns - j : 8);
                      term = w > 0.0 ? term * w : Lanes8{};
                    }
                    lanes += term;
                  });
    const double sum = sum_lanes(lanes);
    const double root = p == 1 ? sum : p == 2 ? __builtin_sqrt(sum) : power_of(sum, 1.0 / p);
    return __builtin_ldexp(root, scale.exponent);
  });
}

template <class T>
static void exact_minkowski(const ExactArguments& arguments) {
  if (arguments.weights) {
    exact_minkowski_with<T, true>(arguments);
  } else {
    exact_minkowski_with<T, false>(arguments);
  }
}

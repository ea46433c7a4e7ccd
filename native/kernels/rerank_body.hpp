// SPDX-License-Identifier: Apache-2.0
// Exact float64 distances in the documented summation order. Included inside a namespace of one instruction set.
//
// Eight lanes; lane l takes the elements j with j % 8 == l in increasing j, starting from +0; each term is rounded
// before it is added; the tail counts as zero padding; the lanes are summed as (l, l + 4), (l, l + 2), (0, 1).
// The compiler lowers the eight-lane vector to what the instruction set has; the arithmetic is the same on all.

typedef double Lanes8 __attribute__((vector_size(64)));

template <class T>
static inline __attribute__((always_inline)) Lanes8 load_lanes(const T* values) {
  typedef T Narrow __attribute__((vector_size(8 * sizeof(T)), aligned(alignof(T)), may_alias));
  return __builtin_convertvector(*reinterpret_cast<const Narrow*>(values), Lanes8);
}

template <class T>
static inline __attribute__((always_inline)) Lanes8 load_tail(const T* values, std::int64_t count) {
  T padded[8] = {0, 0, 0, 0, 0, 0, 0, 0};
  for (std::int64_t i = 0; i < count; ++i) padded[i] = values[i];
  return load_lanes(padded);
}

static inline __attribute__((always_inline)) double sum_lanes(Lanes8 lanes) {
  const double t0 = lanes[0] + lanes[4], t1 = lanes[1] + lanes[5];
  const double t2 = lanes[2] + lanes[6], t3 = lanes[3] + lanes[7];
  return (t0 + t2) + (t1 + t3);
}

template <class T>
static inline void prefetch_row(const T* row, std::int64_t n_columns) {
  const char* bytes = reinterpret_cast<const char*>(row);
  const std::int64_t size = n_columns * static_cast<std::int64_t>(sizeof(T));
  for (std::int64_t offset = 0; offset < size && offset < 4096; offset += 64) __builtin_prefetch(bytes + offset);
}

// Rows ahead of the one at work to ask memory for: survivors lie anywhere in the rows.
constexpr std::int64_t prefetch_distance = 3;

template <class T>
static void squared_distances(const double* query, const T* rows, std::int64_t n_columns,
                              const std::int64_t* ids, std::int64_t n_ids, double* out) {
  const std::int64_t whole = n_columns / 8 * 8;
  for (std::int64_t i = 0; i < n_ids; ++i) {
    if (i + prefetch_distance < n_ids) prefetch_row(rows + ids[i + prefetch_distance] * n_columns, n_columns);
    const T* row = rows + ids[i] * n_columns;
    Lanes8 lanes = {0, 0, 0, 0, 0, 0, 0, 0};
    for (std::int64_t j = 0; j < whole; j += 8) {
      const Lanes8 difference = load_lanes(query + j) - load_lanes(row + j);
      lanes += difference * difference;
    }
    if (whole < n_columns) {
      const Lanes8 difference =
          load_tail(query + whole, n_columns - whole) - load_tail(row + whole, n_columns - whole);
      lanes += difference * difference;
    }
    out[i] = sum_lanes(lanes);
  }
}

template <class T>
static void negated_dots(const double* query, const T* rows, std::int64_t n_columns, const std::int64_t* ids,
                         std::int64_t n_ids, double* out) {
  const std::int64_t whole = n_columns / 8 * 8;
  for (std::int64_t i = 0; i < n_ids; ++i) {
    if (i + prefetch_distance < n_ids) prefetch_row(rows + ids[i + prefetch_distance] * n_columns, n_columns);
    const T* row = rows + ids[i] * n_columns;
    Lanes8 lanes = {0, 0, 0, 0, 0, 0, 0, 0};
    for (std::int64_t j = 0; j < whole; j += 8) lanes += load_lanes(query + j) * load_lanes(row + j);
    if (whole < n_columns) {
      lanes += load_tail(query + whole, n_columns - whole) * load_tail(row + whole, n_columns - whole);
    }
    out[i] = -sum_lanes(lanes);
  }
}

// The power of two that brings the largest |entry| of a row into [0.5, 1): exact, and it keeps x . x from
// overflowing or vanishing. 1 for a row of zeros. Float32 rows cannot leave float64's range: they need none.
template <class T>
static inline double row_scale(const T* row, std::int64_t n_columns) {
  if constexpr (sizeof(T) == 4) {
    (void)row, (void)n_columns;
    return 1.0;
  } else {
    double largest = 0;
    for (std::int64_t j = 0; j < n_columns; ++j) {
      const double magnitude = __builtin_fabs(row[j]);
      largest = magnitude > largest ? magnitude : largest;
    }
    if (largest > 0x1p-100 && largest < 0x1p100) return 1.0;  // safe as it is
    int exponent = 0;
    if (largest > 0) (void)__builtin_frexp(largest, &exponent);
    // 2^1074 is beyond float64: denormal rows are brought as near as one factor can.
    if (exponent < -1022) exponent = -1022;
    return __builtin_ldexp(1.0, -exponent);
  }
}

template <class T>
static void cosine_sums(const double* query, const T* rows, std::int64_t n_columns, const std::int64_t* ids,
                        std::int64_t n_ids, double* dots, double* squares) {
  const std::int64_t whole = n_columns / 8 * 8;
  for (std::int64_t i = 0; i < n_ids; ++i) {
    if (i + prefetch_distance < n_ids) prefetch_row(rows + ids[i + prefetch_distance] * n_columns, n_columns);
    const T* row = rows + ids[i] * n_columns;
    const double scale = row_scale(row, n_columns);
    Lanes8 dot = {0, 0, 0, 0, 0, 0, 0, 0};
    Lanes8 square = {0, 0, 0, 0, 0, 0, 0, 0};
    for (std::int64_t j = 0; j < whole; j += 8) {
      const Lanes8 values = load_lanes(row + j) * scale;
      dot += load_lanes(query + j) * values;
      square += values * values;
    }
    if (whole < n_columns) {
      const Lanes8 values = load_tail(row + whole, n_columns - whole) * scale;
      dot += load_tail(query + whole, n_columns - whole) * values;
      square += values * values;
    }
    dots[i] = sum_lanes(dot);
    squares[i] = sum_lanes(square);
  }
}

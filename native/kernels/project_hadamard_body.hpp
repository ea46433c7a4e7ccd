// SPDX-License-Identifier: Apache-2.0
// The randomised Hadamard transform of the fast Johnson-Lindenstrauss projection. Included inside a namespace of one
// instruction set, after project_lane_body.hpp.
//
// Stages of strides 1, 2, 4, ..., padded / 2, in this order: a pair (a, b) at that stride becomes (a + b, a - b).
// The strides inside a register come first, those between the registers of a stretch next, both between one load and
// one store; what is left runs over the workspace, up to three stages per pass. Stretches that hold nothing but
// padding are skipped: 0 + 0 and 0 - 0 are +0, which they hold already.

// One stage inside a register: lane i becomes x[i] + x[i ^ Stride] or x[i ^ Stride] - x[i].
template <class T, int Stride, int... I>
KN_INLINE VectorOf<T> lane_stage(VectorOf<T> x, std::integer_sequence<int, I...>) {
  return add_signed<T, (I & Stride) != 0 ...>(x, __builtin_shufflevector(x, x, (I ^ Stride)...));
}

template <class T, int Stride = 1>
KN_INLINE VectorOf<T> lane_stages(VectorOf<T> x) {
  if constexpr (Stride < Register<T>::width) {
    x = lane_stage<T, Stride>(x, std::make_integer_sequence<int, Register<T>::width>());
    return lane_stages<T, Stride * 2>(x);
  } else {
    return x;
  }
}

// All stages among `Count` registers, nearest first.
template <int Count, int Stride = 1, class Vector>
KN_INLINE void register_stages(Vector* x) {
  if constexpr (Stride < Count) {
#pragma GCC unroll 16
    for (int i = 0; i < Count; ++i) {
      if (i & Stride) continue;
      const Vector a = x[i], b = x[i + Stride];
      x[i] = a + b;
      x[i + Stride] = a - b;
    }
    register_stages<Count, Stride * 2>(x);
  }
}

// Flips and transforms stretches of `Count` registers; `n_stretches` of them. The row to come, `ahead` of this one, is
// called to the second cache: the processor itself does not look past a page, which a row often fills.
template <class T, int Count>
KN_INLINE void first_pass(const T* row, const BitsOf<T>* flips, std::int64_t n_stretches, std::int64_t ahead,
                          T* to) {
  constexpr int width = Register<T>::width;
  for (std::int64_t stretch = 0; stretch < n_stretches; ++stretch) {
    VectorOf<T> x[Count];
#pragma GCC unroll 16
    for (int i = 0; i < Count; ++i) {
      __builtin_prefetch(row + ahead + i * width, 0, 2);
      x[i] = lane_stages<T>(load_flipped(row + i * width, flips + i * width));
    }
    register_stages<Count>(x);
#pragma GCC unroll 16
    for (int i = 0; i < Count; ++i) store_vector(to + i * width, x[i]);
    row += Count * width;
    flips += Count * width;
    to += Count * width;
  }
}

// The last stretch of a row, of which `rest` columns are there: what lies behind them belongs to other rows and is
// masked. Registers of zeros need no stages of their own.
template <class T, int Count>
KN_INLINE void last_stretch(const T* row, const BitsOf<T>* flips, std::int64_t rest, const T* keep, T* to) {
  constexpr int width = Register<T>::width;
  VectorOf<T> x[Count];
#pragma GCC unroll 16
  for (int i = 0; i < Count; ++i) {
    x[i] = VectorOf<T>{};
    if (i * width < rest) x[i] = lane_stages<T>(load_kept(row + i * width, flips + i * width, keep + i * width));
  }
  register_stages<Count>(x);
#pragma GCC unroll 16
  for (int i = 0; i < Count; ++i) store_vector(to + i * width, x[i]);
}

// The stages of strides step, 2 step, ..., Count / 2 * step over the first `extent` values.
template <class T, int Count>
KN_INLINE void later_pass(T* values, std::int64_t step, std::int64_t extent) {
  constexpr int width = Register<T>::width;
  for (T* block = values; block < values + extent; block += Count * step) {
    for (std::int64_t j = 0; j < step; j += width) {
      VectorOf<T> x[Count];
#pragma GCC unroll 16
      for (int i = 0; i < Count; ++i) x[i] = load_vector(block + i * step + j);
      register_stages<Count>(x);
#pragma GCC unroll 16
      for (int i = 0; i < Count; ++i) store_vector(block + i * step + j, x[i]);
    }
  }
}

KN_INLINE std::int64_t round_up_to(std::int64_t value, std::int64_t unit) { return (value + unit - 1) / unit * unit; }

template <class T>
KN_INLINE void fill_zeros(T* values, std::int64_t first, std::int64_t last) {
  constexpr int width = Register<T>::width;
  for (; first + width <= last; first += width) store_vector(values + first, VectorOf<T>{});
  for (; first < last; ++first) values[first] = 0;
}

// One row, with stretches of `Count` registers; padded is at least one stretch. `copy` is room for a stretch, `keep`
// has all bits set in the columns of the last one that are there.
template <class T, int Count>
KN_INLINE void transform_row(const HadamardArguments<T>& arguments, const T* row, T* values, T* copy, const T* keep) {
  constexpr std::int64_t stretch = Count * Register<T>::width;
  const std::int64_t whole = arguments.n_columns / stretch, rest = arguments.n_columns - whole * stretch;
  first_pass<T, Count>(row, arguments.flips, whole, arguments.n_columns, values);
  if (rest != 0) {
    const T* last = row + whole * stretch;
    if (last + stretch > arguments.rows + arguments.n_rows * arguments.n_columns) {  // no rows behind it to read into
      for (std::int64_t i = 0; i < rest; ++i) copy[i] = last[i];
      fill_zeros(copy, rest, stretch);
      last = copy;
    }
    last_stretch<T, Count>(last, arguments.flips + whole * stretch, rest, keep, values + whole * stretch);
  }
  std::int64_t extent = round_up_to(arguments.n_columns, stretch);  // values behind it are zeros, not yet written
  for (std::int64_t step = stretch; step < arguments.padded;) {
    const std::int64_t left = arguments.padded / step;
    const int count = left == 2 ? 2 : left == 4 || left == 16 ? 4 : 8;
    const std::int64_t next = round_up_to(extent, count * step);
    if (extent < next) fill_zeros(values, extent, next);
    extent = next;
    if (count == 8) later_pass<T, 8>(values, step, extent);
    if (count == 4) later_pass<T, 4>(values, step, extent);
    if (count == 2) later_pass<T, 2>(values, step, extent);
    step *= count;
  }
}

// Fewer columns than a register holds.
template <class T>
KN_INLINE void transform_short_row(const HadamardArguments<T>& arguments, const T* row, T* values) {
  for (std::int64_t i = 0; i < arguments.n_columns; ++i) values[i] = arguments.flips[i] ? -row[i] : row[i];
  fill_zeros(values, arguments.n_columns, arguments.padded);
  for (std::int64_t stride = 1; stride < arguments.padded; stride *= 2) {
    for (std::int64_t i = 0; i < arguments.padded; ++i) {
      if (i & stride) continue;
      const T a = values[i], b = values[i + stride];
      values[i] = a + b;
      values[i + stride] = a - b;
    }
  }
}

template <class T, int Count>
KN_INLINE void hadamard_rows(const HadamardArguments<T>& arguments) {
  const HadamardArguments<T> local = arguments;
  constexpr std::int64_t stretch = Count * Register<T>::width;
  static_assert(stretch <= hadamard_block);
  T* const values = local.workspace;
  T* const copy = local.workspace + local.padded;
  T* const keep = copy + hadamard_block;
  if constexpr (Count > 0) {
    typedef BitsOf<T> Bits __attribute__((may_alias));
    for (std::int64_t i = 0; i < stretch; ++i) {
      reinterpret_cast<Bits*>(keep)[i] = i < local.n_columns % stretch ? ~BitsOf<T>(0) : 0;
    }
  }
  for (std::int64_t i = 0; i < local.n_rows; ++i) {
    const T* row = local.rows + i * local.n_columns;
    T* out = local.out + i * local.n_sampled;
    if constexpr (Count == 0) {
      transform_short_row(local, row, values);
    } else {
      transform_row<T, Count>(local, row, values, copy, keep);
    }
    for (std::int64_t j = 0; j < local.n_sampled; ++j) out[j] = values[local.sampled[j]] * local.scale;
  }
}

template <class T>
static void hadamard_projection(const HadamardArguments<T>& arguments) {
  const std::int64_t registers = arguments.padded / Register<T>::width;
  if (registers >= 8) {
    hadamard_rows<T, 8>(arguments);
  } else if (registers == 4) {
    hadamard_rows<T, 4>(arguments);
  } else if (registers == 2) {
    hadamard_rows<T, 2>(arguments);
  } else if (registers == 1) {
    hadamard_rows<T, 1>(arguments);
  } else {
    hadamard_rows<T, 0>(arguments);
  }
}

// SPDX-License-Identifier: Apache-2.0
// The random sign projection. Included inside a namespace of one instruction set, after project_lane_body.hpp.
//
// Four columns have only 16 signed sums. They are tabulated once per group of four, for one or two registers of rows
// side by side, and each output adds the entry its four sign bits name: one addition where a product needs four.
// (The idea is the method of the four Russians: Arlazarov, Dinic, Kronrod, Faradzev, 1970.)
//
//   entry   (+-x0 +- x1) + (+-x2 +- x3)
//   chunk   the entries of eight groups, added one after the other
//   output  the chunks, added one after the other to +0; then multiplied by the scale

// zip(a, b): the first or second half of a[0], b[0], a[1], b[1], ...
template <class T, int First, int... I>
KN_INLINE VectorOf<T> zip(VectorOf<T> a, VectorOf<T> b, std::integer_sequence<int, I...>) {
  constexpr int width = Register<T>::width;
  return __builtin_shufflevector(a, b, (First + I / 2 + (I & 1) * width)...);
}

// Transposes a square of registers: log2(width) rounds in which register i meets register i + width / 2.
template <class T, int Round = 1>
KN_INLINE void transpose(VectorOf<T>* x) {
  constexpr int width = Register<T>::width;
  if constexpr (Round < width) {
    VectorOf<T> y[width];
    typedef std::make_integer_sequence<int, width> Lanes;
#pragma GCC unroll 16
    for (int i = 0; i < width / 2; ++i) {
      y[2 * i] = zip<T, 0>(x[i], x[i + width / 2], Lanes());
      y[2 * i + 1] = zip<T, width / 2>(x[i], x[i + width / 2], Lanes());
    }
    transpose<T, Round * 2>(y);
#pragma GCC unroll 16
    for (int i = 0; i < width; ++i) x[i] = y[i];
  }
}

// to[column][row] of sign_chunk columns of `Wide` registers of rows; row r starts at from + min(r, last) * stride.
template <class T, int Wide>
KN_INLINE void transpose_columns(const T* from, std::int64_t stride, std::int64_t last, T* to) {
  constexpr int width = Register<T>::width;
  for (int first = 0; first < Wide * width; first += width) {
    for (int column = 0; column < sign_chunk; column += width) {
      VectorOf<T> x[width];
#pragma GCC unroll 16
      for (int r = 0; r < width; ++r) {
        const std::int64_t row = first + r < last ? first + r : last;
        x[r] = load_vector(from + row * stride + column);
      }
      transpose<T>(x);
#pragma GCC unroll 16
      for (int r = 0; r < width; ++r) store_vector(to + (column + r) * Wide * width + first, x[r]);
    }
  }
}

// The 16 entries of each of the eight groups: tables[group][bits].
template <class T, int Wide>
KN_INLINE void tabulate(const T* columns, T* tables) {
  constexpr int width = Register<T>::width, entry = Wide * width;
  for (int group = 0; group < 8; ++group) {
    for (int part = 0; part < entry; part += width) {
      const T* x = columns + group * 4 * entry + part;
      T* table = tables + group * 16 * entry + part;
      const VectorOf<T> x0 = load_vector(x), x1 = load_vector(x + entry);
      const VectorOf<T> x2 = load_vector(x + 2 * entry), x3 = load_vector(x + 3 * entry);
      const VectorOf<T> low[2] = {x0 + x1, x0 - x1}, high[2] = {x2 + x3, x2 - x3};
      // Bits 0 and 1 negate x0 and x1, bits 2 and 3 negate x2 and x3; the other half are exact negatives.
#pragma GCC unroll 2
      for (int i = 0; i < 2; ++i) {
#pragma GCC unroll 2
        for (int j = 0; j < 2; ++j) {
          const VectorOf<T> sum = low[i] + high[j], difference = low[i] - high[j];
          const int low_bits = i ? 2 : 0, high_bits = j ? 8 : 0;  // + - is bit 1 or 3 alone
          const int opposite = 12;
          store_vector(table + (low_bits | high_bits) * entry, sum);
          store_vector(table + (low_bits | (high_bits ^ opposite)) * entry, difference);
          store_vector(table + ((low_bits ^ 3) | (high_bits ^ opposite)) * entry, -sum);
          store_vector(table + ((low_bits ^ 3) | high_bits) * entry, -difference);
        }
      }
    }
  }
}

// Adds one chunk to `Count` outputs.
template <class T, int Wide, int Count>
KN_INLINE void add_chunk(const T* tables, const std::uint32_t* signs, T* sums) {
  constexpr int width = Register<T>::width;
  constexpr std::uint64_t entry = Wide * width * sizeof(T), mask = 15 * entry;
  VectorOf<T> chunk[Count][Wide];
  std::uint64_t offsets[Count];
  const char* table = reinterpret_cast<const char*>(tables);
#pragma GCC unroll 8
  for (int i = 0; i < Count; ++i) {
    offsets[i] = signs[i] * entry;
    const T* found = reinterpret_cast<const T*>(table + (offsets[i] & mask));
#pragma GCC unroll 2
    for (int w = 0; w < Wide; ++w) chunk[i][w] = load_vector(found + w * width);
  }
#pragma GCC unroll 8
  for (int group = 1; group < 8; ++group) {
#pragma GCC unroll 8
    for (int i = 0; i < Count; ++i) {
      const T* found =
          reinterpret_cast<const T*>(table + group * 16 * entry + ((offsets[i] >> (4 * group)) & mask));
#pragma GCC unroll 2
      for (int w = 0; w < Wide; ++w) chunk[i][w] += load_vector(found + w * width);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < Count; ++i) {
#pragma GCC unroll 2
    for (int w = 0; w < Wide; ++w) {
      T* sum = sums + (i * Wide + w) * width;
      store_vector(sum, load_vector(sum) + chunk[i][w]);
    }
  }
}

// Up to `Wide` registers of rows.
template <class T, int Wide>
KN_INLINE void sign_rows(const SignArguments<T>& arguments, const T* rows, std::int64_t n_rows, T* out) {
  constexpr int width = Register<T>::width, entry = Wide * width;
  static_assert(entry * static_cast<std::int64_t>(sizeof(T)) <= sign_entry_bytes);
  constexpr int together = 4;
  T* const tables = static_cast<T*>(arguments.workspace);
  T* const columns = tables + 8 * 16 * entry;
  T* const ragged = columns + sign_chunk * entry;
  T* const sums = ragged + sign_chunk * entry;
  const std::int64_t n_columns = arguments.n_columns, n_outputs = arguments.n_outputs;

  for (std::int64_t i = 0; i < n_outputs * entry; ++i) sums[i] = 0;
  const std::uint32_t* signs = arguments.signs;
  for (std::int64_t first = 0; first < n_columns; first += sign_chunk, signs += n_outputs) {
    if (n_columns - first >= sign_chunk) {
      transpose_columns<T, Wide>(rows + first, n_columns, n_rows - 1, columns);
    } else {
      for (std::int64_t r = 0; r < n_rows; ++r) {
        for (std::int64_t j = 0; j < sign_chunk; ++j) {
          ragged[r * sign_chunk + j] = first + j < n_columns ? rows[r * n_columns + first + j] : T(0);
        }
      }
      transpose_columns<T, Wide>(ragged, sign_chunk, n_rows - 1, columns);
    }
    tabulate<T, Wide>(columns, tables);
    std::int64_t i = 0;
    for (; i + together <= n_outputs; i += together) add_chunk<T, Wide, together>(tables, signs + i, sums + i * entry);
    for (; i < n_outputs; ++i) add_chunk<T, Wide, 1>(tables, signs + i, sums + i * entry);
  }
  for (std::int64_t r = 0; r < n_rows; ++r) {
    for (std::int64_t i = 0; i < n_outputs; ++i) out[r * n_outputs + i] = sums[i * entry + r] * arguments.scale;
  }
}

template <class T>
static void sign_projection(const SignArguments<T>& arguments) {
  constexpr int width = Register<T>::width;
  constexpr int wide = 2;
  for (std::int64_t first = 0; first < arguments.n_rows;) {
    const std::int64_t left = arguments.n_rows - first;
    const T* rows = arguments.rows + first * arguments.n_columns;
    T* out = arguments.out + first * arguments.n_outputs;
    if (left > width) {
      const std::int64_t taken = left < wide * width ? left : wide * width;
      sign_rows<T, wide>(arguments, rows, taken, out);
      first += taken;
    } else {
      sign_rows<T, 1>(arguments, rows, left, out);
      first += left;
    }
  }
}

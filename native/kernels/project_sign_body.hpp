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

// The 16 entries of one group, for one register of rows: bit b of an entry's number subtracts column b.
template <class T>
KN_INLINE void tabulate(const VectorOf<T>* x, T* table, std::int64_t entry) {
  const VectorOf<T> low[2] = {x[0] + x[1], x[0] - x[1]}, high[2] = {x[2] + x[3], x[2] - x[3]};
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      const VectorOf<T> sum = low[i] + high[j], difference = low[i] - high[j];
      const int low_bits = i ? 2 : 0, high_bits = j ? 8 : 0;
      store_vector(table + (low_bits | high_bits) * entry, sum);
      store_vector(table + (low_bits | (high_bits ^ 12)) * entry, difference);
      // The other half are exact negatives; the sign of a zero is lost in the sum of the chunks, which starts at +0.
      store_vector(table + ((low_bits ^ 3) | (high_bits ^ 12)) * entry, -sum);
      store_vector(table + ((low_bits ^ 3) | high_bits) * entry, -difference);
    }
  }
}

// tables[group][entry][row] of the sign_chunk columns at `from`; row r starts at from + min(r, last) * stride.
template <class T, int Wide>
KN_INLINE void tabulate_chunk(const T* from, std::int64_t stride, std::int64_t last, std::int64_t ahead, T* tables) {
  constexpr int width = Register<T>::width, entry = Wide * width;
  constexpr int block = width < 4 ? 4 : width;  // columns transposed together: whole groups
  for (int column = 0; column < sign_chunk; column += block) {
    for (int first = 0; first < entry; first += width) {
      VectorOf<T> x[block];
#pragma GCC unroll 2
      for (int part = 0; part < block; part += width) {
#pragma GCC unroll 16
        for (int r = 0; r < width; ++r) {
          const std::int64_t row = first + r < last ? first + r : last;
          const T* place = from + row * stride + column + part;
          __builtin_prefetch(place + ahead, 0, 2);  // to the second cache: the first has the tables
          x[part + r] = load_vector(place);
        }
        transpose<T>(x + part);
      }
#pragma GCC unroll 4
      for (int group = 0; group < block / 4; ++group) {
        tabulate<T>(x + group * 4, tables + (column / 4 + group) * 16 * entry + first, entry);
      }
    }
  }
}

// Adds one chunk to `Count` outputs. A byte of a word holds 16 times an entry's number.
template <class T, int Wide, int Count>
KN_INLINE void add_chunk(const T* tables, const std::uint64_t* entries, T* sums) {
  constexpr int width = Register<T>::width;
  constexpr std::size_t entry = Wide * width * sizeof(T);
  const char* table = reinterpret_cast<const char*>(tables);
  VectorOf<T> chunk[Count][Wide];
  std::uint64_t words[Count];
#pragma GCC unroll 8
  for (int i = 0; i < Count; ++i) {
    words[i] = entries[i];
    const T* found = reinterpret_cast<const T*>(table + (words[i] & 255) * (entry / 16));
#pragma GCC unroll 2
    for (int w = 0; w < Wide; ++w) chunk[i][w] = load_vector(found + w * width);
  }
  // Left as a loop: unrolled, the compiler works out all places first and spills them.
#pragma GCC unroll 1
  for (int group = 1; group < 8; ++group) {
    table += 16 * entry;
#pragma GCC unroll 8
    for (int i = 0; i < Count; ++i) {
      words[i] >>= 8;
      const char* found = table + (words[i] & 255) * (entry / 16);
      asm("" : "+r"(found));  // one address for all registers of the entry: sums with an index in them cost two slots
#pragma GCC unroll 2
      for (int w = 0; w < Wide; ++w) chunk[i][w] += load_vector(reinterpret_cast<const T*>(found) + w * width);
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
  T* const ragged = tables + 8 * 16 * entry;
  T* const sums = ragged + sign_chunk * entry;
  const std::int64_t n_columns = arguments.n_columns, n_outputs = arguments.n_outputs;

  for (std::int64_t i = 0; i < n_outputs * entry; i += width) store_vector(sums + i, VectorOf<T>{});
  const std::uint64_t* entries = arguments.entries;
  for (std::int64_t first = 0; first < n_columns; first += sign_chunk, entries += n_outputs) {
    const std::int64_t left = n_columns - first;
    if (left >= sign_chunk) {
      // Rows lie far apart: the next chunk, or the first of the next rows, is fetched ahead.
      const std::int64_t ahead = left > sign_chunk ? sign_chunk : entry * n_columns - first;
      tabulate_chunk<T, Wide>(rows + first, n_columns, n_rows - 1, ahead, tables);
    } else {
      for (std::int64_t r = 0; r < n_rows; ++r) {
        T* copy = ragged + r * sign_chunk;
        for (std::int64_t j = 0; j < sign_chunk; j += width) store_vector(copy + j, VectorOf<T>{});
        for (std::int64_t j = 0; j < left; ++j) copy[j] = rows[r * n_columns + first + j];
      }
      tabulate_chunk<T, Wide>(ragged, sign_chunk, n_rows - 1, 0, tables);
    }
    std::int64_t i = 0;
    for (; i + together <= n_outputs; i += together) {
      add_chunk<T, Wide, together>(tables, entries + i, sums + i * entry);
    }
    for (; i < n_outputs; ++i) add_chunk<T, Wide, 1>(tables, entries + i, sums + i * entry);
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

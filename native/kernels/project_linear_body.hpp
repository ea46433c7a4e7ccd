// SPDX-License-Identifier: Apache-2.0
// Centred rows times components, in float64. Included inside a namespace of one instruction set, after
// project_lane_body.hpp.
//
// The summation order of the re-rank (rerank_body.hpp): eight lanes, lane l taking the columns j with j % 8 == l, each
// product rounded before it is added; then lanes (l, l + 4), (l, l + 2), (0, 1). The eight lanes are spelled out in
// registers, and a tile of rows and outputs hides the latency of the additions without touching their order.

constexpr int lane_parts = 64 / register_bytes;  // registers that hold eight doubles

// Tiles that leave the lanes of all pairs in registers.
constexpr int linear_tile_rows = register_bytes == 64 ? 4 : 2;
constexpr int linear_tile_outputs = register_bytes == 64 ? 4 : register_bytes == 32 ? 2 : 1;

template <class T, int RowCount, int OutputCount>
KN_INLINE void linear_tile(const LinearArguments<T>& arguments, const double* centred, std::int64_t row,
                           std::int64_t output) {
  constexpr int width = Register<double>::width;
  const std::int64_t padded = arguments.padded;
  const double* components = arguments.components + output * padded;
  VectorOf<double> lanes[RowCount][OutputCount][lane_parts];
#pragma GCC unroll 4
  for (int r = 0; r < RowCount; ++r) {
#pragma GCC unroll 4
    for (int i = 0; i < OutputCount; ++i) {
#pragma GCC unroll 4
      for (int part = 0; part < lane_parts; ++part) lanes[r][i][part] = VectorOf<double>{};
    }
  }
  for (std::int64_t j = 0; j < padded; j += 8) {
#pragma GCC unroll 4
    for (int part = 0; part < lane_parts; ++part) {
      VectorOf<double> component[OutputCount];
#pragma GCC unroll 4
      for (int i = 0; i < OutputCount; ++i) component[i] = load_vector(components + i * padded + j + part * width);
#pragma GCC unroll 4
      for (int r = 0; r < RowCount; ++r) {
        const VectorOf<double> values = load_vector(centred + r * padded + j + part * width);
#pragma GCC unroll 4
        for (int i = 0; i < OutputCount; ++i) lanes[r][i][part] += values * component[i];
      }
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < RowCount; ++r) {
#pragma GCC unroll 4
    for (int i = 0; i < OutputCount; ++i) {
      double sums[8];
#pragma GCC unroll 4
      for (int part = 0; part < lane_parts; ++part) store_vector(sums + part * width, lanes[r][i][part]);
      const double t0 = sums[0] + sums[4], t1 = sums[1] + sums[5], t2 = sums[2] + sums[6], t3 = sums[3] + sums[7];
      arguments.out[(row + r) * arguments.n_outputs + output + i] = static_cast<T>((t0 + t2) + (t1 + t3));
    }
  }
}

template <class T, int OutputCount>
KN_INLINE void linear_outputs(const LinearArguments<T>& arguments, std::int64_t first, std::int64_t count,
                              std::int64_t output) {
  std::int64_t r = 0;
  for (; r + linear_tile_rows <= count; r += linear_tile_rows) {
    linear_tile<T, linear_tile_rows, OutputCount>(arguments, arguments.workspace + r * arguments.padded, first + r,
                                                  output);
  }
  for (; r < count; ++r) {
    linear_tile<T, 1, OutputCount>(arguments, arguments.workspace + r * arguments.padded, first + r, output);
  }
}

template <class T>
static void linear_projection(const LinearArguments<T>& arguments) {
  const std::int64_t n_columns = arguments.n_columns, padded = arguments.padded;
  for (std::int64_t first = 0; first < arguments.n_rows; first += linear_rows) {
    const std::int64_t left = arguments.n_rows - first, count = left < linear_rows ? left : linear_rows;
    for (std::int64_t r = 0; r < count; ++r) {
      const T* row = arguments.rows + (first + r) * n_columns;
      double* centred = arguments.workspace + r * padded;
      for (std::int64_t j = 0; j < n_columns; ++j) centred[j] = static_cast<double>(row[j]) - arguments.mean[j];
      for (std::int64_t j = n_columns; j < padded; ++j) centred[j] = 0;
    }
    std::int64_t output = 0;
    for (; output + linear_tile_outputs <= arguments.n_outputs; output += linear_tile_outputs) {
      linear_outputs<T, linear_tile_outputs>(arguments, first, count, output);
    }
    for (; output < arguments.n_outputs; ++output) linear_outputs<T, 1>(arguments, first, count, output);
  }
}

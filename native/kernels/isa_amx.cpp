// SPDX-License-Identifier: Apache-2.0
// AMX with byte products: 32 queries against a panel of 64 rows, 16 x 16 sums to a matrix register, some eight times
// the products of AVX-512 VNNI per cycle. All other kernels are those of AVX-512 VNNI.
#include <immintrin.h>

#include "kernels/kernel_table.hpp"

namespace kneighbors::amx {

constexpr const char* isa_name = "amx";
constexpr int width = 16;
constexpr int vectors = panel_rows / width;

// The layout of LDTILECFG's operand. Registers 0 to 3: sums; 4 and 5: queries; 6 and 7: rows.
struct alignas(64) TileShapes {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t n_rows[16] = {};
};

static void begin(std::int64_t n_words) {
  const auto step = static_cast<std::uint8_t>(matrix_step(n_words));
  TileShapes shapes;
  for (int sums = 0; sums < 4; ++sums) shapes.row_bytes[sums] = 64, shapes.n_rows[sums] = 16;
  for (int queries = 4; queries < 6; ++queries) {
    shapes.row_bytes[queries] = static_cast<std::uint16_t>(4 * step), shapes.n_rows[queries] = 16;
  }
  for (int rows = 6; rows < 8; ++rows) shapes.row_bytes[rows] = 64, shapes.n_rows[rows] = step;
  asm volatile("" : : "r"(&shapes) : "memory");  // GCC 12 tells its intrinsic of the first eight bytes only
  _tile_loadconfig(&shapes);
}

static void end() { _tile_release(); }

constexpr std::int64_t row_stride = 4 * panel_rows, sum_stride = 4 * width;

// 32 queries and half a panel: every register of rows serves twice, for reading them is what large tiles wait for.
static inline __attribute__((always_inline)) void multiply_32(const TileArguments& tile, const std::uint32_t* rows,
                                                              std::int32_t* sums) {
  const std::int64_t step = matrix_step(tile.n_words), n_words = matrix_words(tile.n_words);
  const std::uint32_t* queries = tile.queries;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (std::int64_t word = 0; word < n_words; word += step) {
    _tile_loadd(6, rows, row_stride);
    _tile_loadd(4, queries, 4 * n_words);
    _tile_dpbsud(0, 4, 6);
    _tile_loadd(7, rows + width, row_stride);
    _tile_dpbsud(1, 4, 7);
    _tile_loadd(5, queries + 16 * n_words, 4 * n_words);
    _tile_dpbsud(2, 5, 6);
    _tile_dpbsud(3, 5, 7);
    queries += step;
    rows += step * panel_rows;
  }
  _tile_stored(0, sums, sum_stride);
  _tile_stored(1, sums + matrix_queries * width, sum_stride);
  _tile_stored(2, sums + 16 * width, sum_stride);
  _tile_stored(3, sums + (matrix_queries + 16) * width, sum_stride);
}

// 16 queries and a whole panel.
static inline __attribute__((always_inline)) void multiply_16(const TileArguments& tile, std::int32_t* sums) {
  const std::int64_t step = matrix_step(tile.n_words), n_words = matrix_words(tile.n_words);
  const std::uint32_t *queries = tile.queries, *rows = tile.panel;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (std::int64_t word = 0; word < n_words; word += step) {
    _tile_loadd(4, queries, 4 * n_words);
    _tile_loadd(6, rows, row_stride);
    _tile_dpbsud(0, 4, 6);
    _tile_loadd(7, rows + width, row_stride);
    _tile_dpbsud(1, 4, 7);
    _tile_loadd(6, rows + 2 * width, row_stride);
    _tile_dpbsud(2, 4, 6);
    _tile_loadd(7, rows + 3 * width, row_stride);
    _tile_dpbsud(3, 4, 7);
    queries += step;
    rows += step * panel_rows;
  }
  _tile_stored(0, sums, sum_stride);
  _tile_stored(1, sums + matrix_queries * width, sum_stride);
  _tile_stored(2, sums + 2 * matrix_queries * width, sum_stride);
  _tile_stored(3, sums + 3 * matrix_queries * width, sum_stride);
}

// The comparison is the other tiles', operation by operation (int8_tile_body.hpp): scores are the same numbers.
static bool tile(const TileArguments& tile, float* scores, std::uint64_t* masks) {
  alignas(64) std::int32_t sums[vectors * matrix_queries * width];
  if (tile.n_queries > 16) {
    multiply_32(tile, tile.panel, sums);
    multiply_32(tile, tile.panel + 2 * width, sums + 2 * matrix_queries * width);
  } else {
    multiply_16(tile, sums);
  }
  __m512 scale[vectors], base[vectors], error[vectors];
#pragma GCC unroll 4
  for (int v = 0; v < vectors; ++v) {
    scale[v] = _mm512_loadu_ps(tile.row_scale + v * width);
    base[v] = _mm512_loadu_ps(tile.row_base + v * width);
    error[v] = _mm512_loadu_ps(tile.row_error + v * width);
  }
  bool any = false;
  for (int q = 0; q < tile.n_queries; ++q) {
    const __m512 weight = _mm512_set1_ps(tile.query_weight[q]);
    const __m512 threshold = _mm512_set1_ps(tile.query_threshold[q]);
    const __m512 query_scale = _mm512_set1_ps(tile.query_scale[q]);
    const __m512i start = _mm512_set1_epi32(tile.query_start[q]);
    __m512 values[vectors];
    __mmask16 passed[vectors];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      const __m512i sum = _mm512_add_epi32(_mm512_load_si512(sums + (v * matrix_queries + q) * width), start);
      const __m512 product = _mm512_maskz_cvtepi32_ps(0xffff, sum);
      values[v] = _mm512_fmadd_ps(_mm512_mul_ps(product, scale[v]), query_scale, base[v]);
      passed[v] = _mm512_cmp_ps_mask(_mm512_fmadd_ps(weight, error[v], values[v]), threshold, _CMP_NLT_UQ);
    }
    masks[q] = 0;
    if (__builtin_expect(_kortestz_mask16_u8(_kor_mask16(passed[0], passed[1]), _kor_mask16(passed[2], passed[3])),
                         1)) {
      continue;
    }
    any = true;
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      masks[q] |= static_cast<std::uint64_t>(passed[v]) << (v * width);
      _mm512_storeu_ps(scores + q * panel_rows + v * width, values[v]);
    }
  }
  return any;
}

static const MatrixKernels kernels = {isa_name, begin, end, tile};

}  // namespace kneighbors::amx

namespace kneighbors {
const MatrixKernels* amx_kernels() { return &amx::kernels; }
}  // namespace kneighbors

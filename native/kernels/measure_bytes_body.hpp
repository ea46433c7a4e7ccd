// SPDX-License-Identifier: Apache-2.0
// The tile over byte codes: sums of absolute differences, eight columns of a row to a 64-bit lane. Everything is an
// integer, so nothing rounds. Included after measure_lane_body.hpp.

struct ByteLane {
#if defined(__AVX512F__)
  using Vector = __m512i;
  KN_LANE Vector load(const void* p) { return _mm512_loadu_si512(p); }
  KN_LANE Vector broadcast(const std::uint64_t* p) { return _mm512_set1_epi64(static_cast<long long>(*p)); }
  KN_LANE void store(std::int64_t* p, Vector v) { _mm512_storeu_si512(p, v); }
  KN_LANE Vector add_apart(Vector sum, Vector a, Vector b) { return _mm512_add_epi64(sum, _mm512_sad_epu8(a, b)); }
  KN_LANE std::uint32_t greater(Vector a, Vector b) { return _mm512_cmpgt_epi64_mask(a, b); }
#elif defined(__AVX2__)
  using Vector = __m256i;
  KN_LANE Vector load(const void* p) { return _mm256_loadu_si256(static_cast<const Vector*>(p)); }
  KN_LANE Vector broadcast(const std::uint64_t* p) { return _mm256_set1_epi64x(static_cast<long long>(*p)); }
  KN_LANE void store(std::int64_t* p, Vector v) { _mm256_storeu_si256(reinterpret_cast<Vector*>(p), v); }
  KN_LANE Vector add_apart(Vector sum, Vector a, Vector b) { return _mm256_add_epi64(sum, _mm256_sad_epu8(a, b)); }
  KN_LANE std::uint32_t greater(Vector a, Vector b) {
    return static_cast<std::uint32_t>(_mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(a, b))));
  }
#elif defined(__SSE4_2__)
  using Vector = __m128i;
  KN_LANE Vector load(const void* p) { return _mm_loadu_si128(static_cast<const Vector*>(p)); }
  KN_LANE Vector broadcast(const std::uint64_t* p) { return _mm_set1_epi64x(static_cast<long long>(*p)); }
  KN_LANE void store(std::int64_t* p, Vector v) { _mm_storeu_si128(reinterpret_cast<Vector*>(p), v); }
  KN_LANE Vector add_apart(Vector sum, Vector a, Vector b) { return _mm_add_epi64(sum, _mm_sad_epu8(a, b)); }
  KN_LANE std::uint32_t greater(Vector a, Vector b) {
    return static_cast<std::uint32_t>(_mm_movemask_pd(_mm_castsi128_pd(_mm_cmpgt_epi64(a, b))));
  }
#elif defined(__ARM_NEON)
  using Vector = int64x2_t;
  KN_LANE Vector load(const void* p) { return vld1q_s64(static_cast<const std::int64_t*>(p)); }
  KN_LANE Vector broadcast(const std::uint64_t* p) { return vdupq_n_s64(static_cast<std::int64_t>(*p)); }
  KN_LANE void store(std::int64_t* p, Vector v) { vst1q_s64(p, v); }
  KN_LANE Vector add_apart(Vector sum, Vector a, Vector b) {
    const uint8x16_t apart = vabdq_u8(vreinterpretq_u8_s64(a), vreinterpretq_u8_s64(b));
    return vreinterpretq_s64_u64(vpadalq_u32(vreinterpretq_u64_s64(sum), vpaddlq_u16(vpaddlq_u8(apart))));
  }
  KN_LANE std::uint32_t greater(Vector a, Vector b) {
    const uint64x2_t dropped = vcgtq_s64(a, b);
    return static_cast<std::uint32_t>((vgetq_lane_u64(dropped, 0) & 1) | (vgetq_lane_u64(dropped, 1) & 2));
  }
#else
  using Vector = std::int64_t;
  KN_LANE Vector load(const void* p) { return *static_cast<const std::int64_t*>(p); }
  KN_LANE Vector broadcast(const std::uint64_t* p) { return static_cast<std::int64_t>(*p); }
  KN_LANE void store(std::int64_t* p, Vector v) { *p = v; }
  KN_LANE Vector add_apart(Vector sum, Vector a, Vector b) {
    for (int bit = 0; bit < 64; bit += 8) {
      const int difference = static_cast<int>((a >> bit) & 255) - static_cast<int>((b >> bit) & 255);
      sum += difference < 0 ? -difference : difference;
    }
    return sum;
  }
  KN_LANE std::uint32_t greater(Vector a, Vector b) { return a > b; }
#endif
  static constexpr int width = static_cast<int>(sizeof(Vector) / 8);
};

template <int Q>
constexpr int byte_vectors_for() {
  int vectors = panel_rows / ByteLane::width;
  while (vectors > 1 && vectors * Q > tile_accumulators) vectors /= 2;
  return vectors;
}

template <int Q>
static bool bytes_tile(const MeasureTileArguments& tile, float* firsts, float*, std::uint64_t* masks) {
  constexpr int width = ByteLane::width;
  constexpr int vectors = byte_vectors_for<Q>();
  constexpr int slice_rows = width * vectors;
  constexpr std::uint64_t all = slice_rows == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << (slice_rows % 64)) - 1;
  for (int q = 0; q < Q; ++q) masks[q] = 0;
  bool any = false;
  for (int from = 0; from < panel_rows; from += slice_rows) {
    ByteLane::Vector sums[Q][vectors];
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) {
      const ByteLane::Vector start = ByteLane::load(tile.row_start + from + v * width);
#pragma GCC unroll 16
      for (int q = 0; q < Q; ++q) sums[q][v] = start;
    }
    const std::uint64_t* queries = reinterpret_cast<const std::uint64_t*>(tile.queries);
    const std::uint64_t* rows = reinterpret_cast<const std::uint64_t*>(tile.panel) + from;
    for (std::int64_t word = 0; word < tile.n_words; ++word) {
      ByteLane::Vector row[vectors];
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) row[v] = ByteLane::load(rows + v * width);
#pragma GCC unroll 16
      for (int q = 0; q < Q; ++q) {
        const ByteLane::Vector query = ByteLane::broadcast(queries + q);
#pragma GCC unroll 16
        for (int v = 0; v < vectors; ++v) sums[q][v] = ByteLane::add_apart(sums[q][v], row[v], query);
      }
      queries += Q;
      rows += panel_rows;
    }
    std::uint64_t kept[Q], some = 0;
#pragma GCC unroll 16
    for (int q = 0; q < Q; ++q) {
      const ByteLane::Vector limit = ByteLane::broadcast(reinterpret_cast<const std::uint64_t*>(tile.byte_limit + q));
      std::uint64_t dropped = 0;
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) {
        dropped |= static_cast<std::uint64_t>(ByteLane::greater(sums[q][v], limit)) << (v * width);
      }
      kept[q] = ~dropped & all;
      some |= kept[q];
    }
    if (__builtin_expect(some != 0, 0)) {
      any = true;
#pragma GCC unroll 16
      for (int q = 0; q < Q; ++q) {
        masks[q] |= kept[q] << from;
        if (kept[q]) {
          std::int64_t values[slice_rows];
#pragma GCC unroll 16
          for (int v = 0; v < vectors; ++v) ByteLane::store(values + v * width, sums[q][v]);
          for (int r = 0; r < slice_rows; ++r) {
            firsts[q * panel_rows + from + r] = static_cast<float>(values[r] - tile.row_start[from + r]);
          }
        }
      }
    }
  }
  return any;
}

static constexpr MeasureTileSet byte_tiles = {{1, 3, tile_queries},
                                              {bytes_tile<1>, bytes_tile<3>, bytes_tile<tile_queries>}};

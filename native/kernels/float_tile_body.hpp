// SPDX-License-Identifier: Apache-2.0
// The float32 register tile. Included inside a namespace of one instruction set, after its `Lane`.
//
// Q queries x (vectors * Lane::width) rows of accumulators stay in registers over all columns; the comparison with
// each query's threshold happens there too, so that a distance reaches memory only when its row survives. Few
// queries take more rows at a time: the sums must be many enough to hide the latency of an addition.

template <int Q>
constexpr int vectors_for() {
  int vectors = panel_rows / Lane::width;
  while (vectors > 1 && vectors * Q > tile_accumulators) vectors /= 2;
  return vectors;
}

template <int Q>
static bool float_tile(const TileArguments& tile, float* scores, std::uint64_t* masks) {
  constexpr int width = Lane::width;
  constexpr int vectors = vectors_for<Q>();
  constexpr int slice_rows = width * vectors;
  static_assert(panel_rows % slice_rows == 0);

  for (int q = 0; q < Q; ++q) masks[q] = 0;
  bool any = false;
  for (int first = 0; first < panel_rows; first += slice_rows) {
    typename Lane::Vector sums[Q][vectors];
    const float* queries = reinterpret_cast<const float*>(tile.queries);
    const float* rows = reinterpret_cast<const float*>(tile.panel) + first;
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) {
      const typename Lane::Vector base = Lane::load(tile.row_base + first + v * width);
#pragma GCC unroll 16
      for (int q = 0; q < Q; ++q) sums[q][v] = base;
    }
    for (std::int64_t column = 0; column < tile.n_words; ++column) {
      typename Lane::Vector row[vectors];
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) row[v] = Lane::load(rows + v * width);
#pragma GCC unroll 16
      for (int q = 0; q < Q; ++q) {
        const typename Lane::Vector query = Lane::broadcast(queries + q);
#pragma GCC unroll 16
        for (int v = 0; v < vectors; ++v) sums[q][v] = Lane::multiply_add(query, row[v], sums[q][v]);
      }
      queries += Q;
      rows += panel_rows;
    }
    // Masks first, all of them: a call in here would spill every accumulator.
    std::uint32_t survivors = 0;
    std::uint64_t slice_masks[Q];
#pragma GCC unroll 16
    for (int q = 0; q < Q; ++q) {
      const typename Lane::Vector weight = Lane::broadcast(tile.query_weight + q);
      const typename Lane::Vector threshold = Lane::broadcast(tile.query_threshold + q);
      std::uint64_t bits = 0;
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) {
        const typename Lane::Vector error = Lane::load(tile.row_error + first + v * width);
        const std::uint32_t mask = Lane::not_less(Lane::multiply_add(weight, error, sums[q][v]), threshold);
        bits |= static_cast<std::uint64_t>(mask) << (v * width);
      }
      slice_masks[q] = bits;
      survivors |= static_cast<std::uint32_t>(bits) | static_cast<std::uint32_t>(bits >> 32);
    }
    if (__builtin_expect(survivors != 0, 0)) {
      any = true;
#pragma GCC unroll 16
      for (int q = 0; q < Q; ++q) {
        masks[q] |= slice_masks[q] << first;
#pragma GCC unroll 16
        for (int v = 0; v < vectors; ++v) {
          Lane::store(scores + q * panel_rows + first + v * width, sums[q][v]);
        }
      }
    }
  }
  return any;
}

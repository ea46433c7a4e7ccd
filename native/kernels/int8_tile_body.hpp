// SPDX-License-Identifier: Apache-2.0
// The int8 register tile: exact integer dot products of four columns at a time. Included after float_tile_body.hpp.
//
// Rows hold code + bias without sign, queries signed codes; query_start takes the bias out again. The comparison is
// the float tile's.

template <int Q>
static bool int8_tile(const TileArguments& tile, float* scores, std::uint64_t* masks) {
  constexpr int width = Lane::width;
  constexpr int vectors = vectors_for<Q>();
  constexpr int slice_rows = width * vectors;
  static_assert(panel_rows % slice_rows == 0);

  for (int q = 0; q < Q; ++q) masks[q] = 0;
  bool any = false;
  for (int first = 0; first < panel_rows; first += slice_rows) {
    typename Lane::Integers sums[Q][vectors];
    const std::uint32_t* queries = tile.queries;
    const std::uint32_t* rows = tile.panel + first;
#pragma GCC unroll 16
    for (int q = 0; q < Q; ++q) {
      const typename Lane::Integers start = Lane::broadcast_integer(tile.query_start + q);
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) sums[q][v] = start;
    }
    for (std::int64_t word = 0; word < tile.n_words; ++word) {
      typename Lane::Integers row[vectors];
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) row[v] = Lane::load_words(rows + v * width);
#pragma GCC unroll 16
      for (int q = 0; q < Q; ++q) {
        const typename Lane::Integers query =
            Lane::broadcast_integer(reinterpret_cast<const std::int32_t*>(queries) + q);
#pragma GCC unroll 16
        for (int v = 0; v < vectors; ++v) Lane::add_byte_products(sums[q][v], row[v], query);
      }
      queries += Q;
      rows += panel_rows;
    }
    // Masks first, all of them: a call in here would spill every accumulator.
    typename Lane::Vector values[Q][vectors];
    std::uint32_t survivors = 0;
    std::uint64_t slice_masks[Q];
#pragma GCC unroll 16
    for (int q = 0; q < Q; ++q) {
      const typename Lane::Vector weight = Lane::broadcast(tile.query_weight + q);
      const typename Lane::Vector threshold = Lane::broadcast(tile.query_threshold + q);
      const typename Lane::Vector query_scale = Lane::broadcast(tile.query_scale + q);
      std::uint64_t bits = 0;
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) {
        const int at = first + v * width;
        const typename Lane::Vector scaled =
            Lane::multiply(Lane::to_float(sums[q][v]), Lane::load(tile.row_scale + at));
        values[q][v] = Lane::multiply_add(scaled, query_scale, Lane::load(tile.row_base + at));
        const std::uint32_t mask =
            Lane::not_less(Lane::multiply_add(weight, Lane::load(tile.row_error + at), values[q][v]), threshold);
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
        for (int v = 0; v < vectors; ++v) Lane::store(scores + q * panel_rows + first + v * width, values[q][v]);
      }
    }
  }
  return any;
}

// The same for row codes that this set's byte products cannot take (8 bits where it multiplies 7): panels packed
// under another instruction set. Right, not fast.
template <int Q>
static bool int8_plain_tile(const TileArguments& tile, float* scores, std::uint64_t* masks) {
  bool any = false;
  for (int q = 0; q < Q; ++q) {
    std::int32_t sums[panel_rows];
    for (int row = 0; row < panel_rows; ++row) sums[row] = tile.query_start[q];
    for (std::int64_t word = 0; word < tile.n_words; ++word) {
      const std::uint32_t query = tile.queries[word * Q + q];
      for (int byte = 0; byte < 32; byte += 8) {
        const std::int32_t code = static_cast<std::int8_t>(query >> byte);
        for (int row = 0; row < panel_rows; ++row) {
          sums[row] += code * static_cast<std::int32_t>((tile.panel[word * panel_rows + row] >> byte) & 0xff);
        }
      }
    }
    std::uint64_t bits = 0;
    for (int row = 0; row < panel_rows; ++row) {
      const float scaled = static_cast<float>(sums[row]) * tile.row_scale[row];
      const float score = scaled * tile.query_scale[q] + tile.row_base[row];
      scores[q * panel_rows + row] = score;
      const bool below = tile.query_weight[q] * tile.row_error[row] + score < tile.query_threshold[q];
      bits |= static_cast<std::uint64_t>(!below) << row;
    }
    masks[q] = bits;
    any |= bits != 0;
  }
  return any;
}

// SPDX-License-Identifier: Apache-2.0
// Tiles over packed bits, 32 columns to a word: how many bits differ, or are common. Included after
// measure_tile_body.hpp.

// Bytes take 8 at most per word; they are summed into words before one could pass 127.
constexpr std::int64_t words_per_sum = 15;

template <bool differing, int Q>
static bool bits_tile(const MeasureTileArguments& tile, float* firsts, float* seconds, std::uint64_t* masks) {
  using Integers = Lane::Integers;
  constexpr int width = Lane::width;
  constexpr int vectors = vectors_for<2 * Q>();
  constexpr int slice_rows = width * vectors;
  constexpr int planes = differing ? 2 : 1;
  const std::int32_t ones = 0x01010101;
  const Lane::Vector zero = MeasureLane::fill(0.0f);
  for (int q = 0; q < Q; ++q) masks[q] = 0;
  bool any = false;
  for (int from = 0; from < panel_rows; from += slice_rows) {
    Integers sums[Q][vectors];
#pragma GCC unroll 16
    for (int q = 0; q < Q; ++q) {
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) sums[q][v] = Integers{};
    }
    const std::int32_t* queries = reinterpret_cast<const std::int32_t*>(tile.queries);
    const std::uint32_t* rows = tile.panel + from;
    for (std::int64_t begin = 0; begin < tile.n_words; begin += words_per_sum) {
      const std::int64_t end = begin + words_per_sum < tile.n_words ? begin + words_per_sum : tile.n_words;
      Integers bytes[Q][vectors];
#pragma GCC unroll 16
      for (int q = 0; q < Q; ++q) {
#pragma GCC unroll 16
        for (int v = 0; v < vectors; ++v) bytes[q][v] = Integers{};
      }
      for (std::int64_t word = begin; word < end; ++word) {
#pragma GCC unroll 16
        for (int v = 0; v < vectors; ++v) {
          const Integers row = Lane::load_words(rows + v * width);
#pragma GCC unroll 16
          for (int q = 0; q < Q; ++q) {
            Integers bits;
            if constexpr (differing) {
              bits = (row ^ Lane::broadcast_integer(queries + q)) & Lane::broadcast_integer(queries + Q + q);
            } else {
              bits = row & Lane::broadcast_integer(queries + q);
            }
            bytes[q][v] = MeasureLane::add_bytes(bytes[q][v], MeasureLane::count_bits_of_bytes(bits));
          }
        }
        queries += planes * Q;
        rows += panel_rows;
      }
      const Integers one = Lane::broadcast_integer(&ones);
#pragma GCC unroll 16
      for (int q = 0; q < Q; ++q) {
#pragma GCC unroll 16
        for (int v = 0; v < vectors; ++v) Lane::add_byte_products(sums[q][v], bytes[q][v], one);
      }
    }
    Lane::Vector counts[Q][vectors], none[Q][vectors];
#pragma GCC unroll 16
    for (int q = 0; q < Q; ++q) {
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) counts[q][v] = Lane::to_float(sums[q][v]), none[q][v] = zero;
    }
    if constexpr (differing) {
      any |= keep_survivors<Q, vectors, false>(tile, from, counts, none, firsts, seconds, masks);
    } else {
      any |= keep_survivors<Q, vectors, true>(tile, from, none, counts, firsts, seconds, masks);
    }
  }
  return any;
}

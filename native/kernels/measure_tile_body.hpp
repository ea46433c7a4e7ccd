// SPDX-License-Identifier: Apache-2.0
// The float32 tiles of the metrics that are no dot product. Included after measure_lane_body.hpp. The scheme is that
// of float_tile_body.hpp: accumulators stay in registers over all columns, and so does the comparison.

struct AbsoluteTerm {
  static constexpr bool has_two = false;
  KN_LANE void add(Lane::Vector u, Lane::Vector r, float, Lane::Vector& first, Lane::Vector&) {
    first = MeasureLane::add(first, MeasureLane::absolute(MeasureLane::subtract(u, r)));
  }
};
struct LargestTerm {
  static constexpr bool has_two = false;
  KN_LANE void add(Lane::Vector u, Lane::Vector r, float, Lane::Vector& first, Lane::Vector&) {
    first = MeasureLane::maximum(first, MeasureLane::absolute(MeasureLane::subtract(u, r)));
  }
};
struct SquareTerm {
  static constexpr bool has_two = false;
  KN_LANE void add(Lane::Vector u, Lane::Vector r, float, Lane::Vector& first, Lane::Vector&) {
    const Lane::Vector difference = MeasureLane::subtract(u, r);
    first = Lane::multiply_add(difference, difference, first);
  }
};
struct CubeTerm {
  static constexpr bool has_two = false;
  KN_LANE void add(Lane::Vector u, Lane::Vector r, float, Lane::Vector& first, Lane::Vector&) {
    const Lane::Vector difference = MeasureLane::subtract(u, r);
    first = Lane::multiply_add(MeasureLane::multiply(difference, difference), MeasureLane::absolute(difference), first);
  }
};
struct FourthTerm {
  static constexpr bool has_two = false;
  KN_LANE void add(Lane::Vector u, Lane::Vector r, float, Lane::Vector& first, Lane::Vector&) {
    const Lane::Vector difference = MeasureLane::subtract(u, r);
    const Lane::Vector square = MeasureLane::multiply(difference, difference);
    first = Lane::multiply_add(square, square, first);
  }
};
struct PowerTerm {
  static constexpr bool has_two = false;
  KN_LANE void add(Lane::Vector u, Lane::Vector r, float power, Lane::Vector& first, Lane::Vector&) {
    first = MeasureLane::add(first, MeasureLane::power(MeasureLane::absolute(MeasureLane::subtract(u, r)), power));
  }
};
struct UnequalTerm {
  static constexpr bool has_two = false;
  KN_LANE void add(Lane::Vector u, Lane::Vector r, float, Lane::Vector& first, Lane::Vector&) {
    first = MeasureLane::one_where_unequal(u, r, first);
  }
};
struct CanberraTerm {
  static constexpr bool has_two = false;
  KN_LANE void add(Lane::Vector u, Lane::Vector r, float, Lane::Vector& first, Lane::Vector&) {
    const Lane::Vector difference = MeasureLane::absolute(MeasureLane::subtract(u, r));
    const Lane::Vector sum = MeasureLane::add(MeasureLane::absolute(u), MeasureLane::absolute(r));
    // 2^-120 keeps 0 / 0 a number; no sum that is not 0 is smaller.
    const Lane::Vector inverse = MeasureLane::reciprocal(MeasureLane::maximum(sum, MeasureLane::fill(0x1p-120f)));
    first = Lane::multiply_add(difference, inverse, first);
  }
};
struct BrayCurtisTerm {
  static constexpr bool has_two = true;
  KN_LANE void add(Lane::Vector u, Lane::Vector r, float, Lane::Vector& first, Lane::Vector& second) {
    first = MeasureLane::add(first, MeasureLane::absolute(MeasureLane::subtract(u, r)));
    second = MeasureLane::add(second, MeasureLane::absolute(MeasureLane::add(u, r)));
  }
};
struct KnownSquareTerm {
  static constexpr bool has_two = true;
  KN_LANE void add(Lane::Vector u, Lane::Vector r, float, Lane::Vector& first, Lane::Vector& second) {
    MeasureLane::add_known(MeasureLane::subtract(u, r), first, second);
  }
};

// The comparison and what it leaves, shared by all tiles: `first` and `second` of the rows from `from` on.
template <int Q, int vectors, bool has_two>
KN_LANE bool keep_survivors(const MeasureTileArguments& tile, int from, const Lane::Vector (&first)[Q][vectors],
                            const Lane::Vector (&second)[Q][vectors], float* firsts, float* seconds,
                            std::uint64_t* masks) {
  constexpr int width = Lane::width;
  constexpr std::uint64_t all = width * vectors == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << (width * vectors % 64)) - 1;
  std::uint64_t kept[Q], any = 0;
#pragma GCC unroll 16
  for (int q = 0; q < Q; ++q) {
    const Lane::Vector limit = Lane::broadcast(tile.limit + q), weight = Lane::broadcast(tile.weight + q);
    const Lane::Vector share = Lane::broadcast(tile.share + q);
    std::uint64_t dropped = 0;
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) {
      Lane::Vector bound = Lane::multiply_add(weight, Lane::load(tile.row_error + from + v * width), limit);
      if constexpr (has_two) bound = Lane::multiply_add(share, second[q][v], bound);
      dropped |= static_cast<std::uint64_t>(MeasureLane::greater(first[q][v], bound)) << (v * width);
    }
    kept[q] = ~dropped & all;
    any |= kept[q];
  }
  if (__builtin_expect(any != 0, 0)) {
#pragma GCC unroll 16
    for (int q = 0; q < Q; ++q) {
      masks[q] |= kept[q] << from;
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) {
        Lane::store(firsts + q * panel_rows + from + v * width, first[q][v]);
        if constexpr (has_two) Lane::store(seconds + q * panel_rows + from + v * width, second[q][v]);
      }
    }
    return true;
  }
  return false;
}

template <class Term, int Q>
static bool measure_tile(const MeasureTileArguments& tile, float* firsts, float* seconds, std::uint64_t* masks) {
  constexpr int width = Lane::width;
  constexpr int vectors = vectors_for<(Term::has_two ? 2 * Q : Q)>();
  constexpr int slice_rows = width * vectors;
  const Lane::Vector zero = MeasureLane::fill(0.0f);
  const float power = tile.power;
  for (int q = 0; q < Q; ++q) masks[q] = 0;
  bool any = false;
  for (int from = 0; from < panel_rows; from += slice_rows) {
    Lane::Vector first[Q][vectors], second[Q][vectors];
#pragma GCC unroll 16
    for (int q = 0; q < Q; ++q) {
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) first[q][v] = zero, second[q][v] = zero;
    }
    const float* queries = reinterpret_cast<const float*>(tile.queries);
    const float* rows = reinterpret_cast<const float*>(tile.panel) + from;
    for (std::int64_t column = 0; column < tile.n_words; ++column) {
      Lane::Vector row[vectors];
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) row[v] = Lane::load(rows + v * width);
#pragma GCC unroll 16
      for (int q = 0; q < Q; ++q) {
        const Lane::Vector query = Lane::broadcast(queries + q);
#pragma GCC unroll 16
        for (int v = 0; v < vectors; ++v) Term::add(query, row[v], power, first[q][v], second[q][v]);
      }
      queries += Q;
      rows += panel_rows;
    }
    any |= keep_survivors<Q, vectors, Term::has_two>(tile, from, first, second, firsts, seconds, masks);
  }
  return any;
}

// SPDX-License-Identifier: Apache-2.0
// The tiles and exact distances of native/measure for one instruction set. Included inside its namespace, after the
// bodies of the tiles, the re-rank and the encoding.

#include "kernels/measure_lane_body.hpp"
#include "kernels/measure_tile_body.hpp"
#include "kernels/measure_bits_body.hpp"
#include "kernels/measure_bytes_body.hpp"
#include "kernels/measure_power_body.hpp"
#include "kernels/measure_exact_body.hpp"

template <class Term>
constexpr MeasureTileSet float_tiles() {
  constexpr int most = Term::has_two ? tile_queries / 2 : tile_queries;
  return {{1, 3, most}, {measure_tile<Term, 1>, measure_tile<Term, 3>, measure_tile<Term, most>}};
}

static constexpr MeasureKernels measure_kernels = {
    MeasureLane::reciprocal_error,
    {float_tiles<AbsoluteTerm>(), float_tiles<LargestTerm>(), float_tiles<SquareTerm>(), float_tiles<CubeTerm>(),
     float_tiles<FourthTerm>(), float_tiles<PowerTerm>(), float_tiles<UnequalTerm>(), float_tiles<CanberraTerm>(),
     float_tiles<BrayCurtisTerm>(), float_tiles<KnownSquareTerm>(),
     {{1, 3, tile_queries / 2}, {bits_tile<true, 1>, bits_tile<true, 3>, bits_tile<true, tile_queries / 2>}},
     {{1, 3, tile_queries / 2}, {bits_tile<false, 1>, bits_tile<false, 3>, bits_tile<false, tile_queries / 2>}},
     byte_tiles},
    {exact_manhattan<float>, exact_chebyshev<float>, exact_minkowski<float>, exact_hamming<float>,
     exact_canberra<float>, exact_bray_curtis<float>, exact_nan_euclidean<float>},
    {exact_manhattan<double>, exact_chebyshev<double>, exact_minkowski<double>, exact_hamming<double>,
     exact_canberra<double>, exact_bray_curtis<double>, exact_nan_euclidean<double>},
};

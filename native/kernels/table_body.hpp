// SPDX-License-Identifier: Apache-2.0
// Fills the table of one instruction set. Included last, inside its namespace.

#include "kernels/project_table_body.hpp"
#include "kernels/measure_table_body.hpp"

static const KernelTable table = {
    isa_name,
    tile_queries,
    code_bits,
    {nullptr, float_tile<1>, float_tile<2>, float_tile<3>, float_tile<4>, float_tile<5>, float_tile<6>,
     float_tile<7>, float_tile<8>, float_tile<9>, float_tile<10>, float_tile<11>, float_tile<12>},
    {nullptr, int8_tile<1>, int8_tile<2>, int8_tile<3>, int8_tile<4>, int8_tile<5>, int8_tile<6>,
     int8_tile<7>, int8_tile<8>, int8_tile<9>, int8_tile<10>, int8_tile<11>, int8_tile<12>},
    {nullptr, int8_plain_tile<1>, int8_plain_tile<2>, int8_plain_tile<3>, int8_plain_tile<4>, int8_plain_tile<5>, int8_plain_tile<6>,
     int8_plain_tile<7>, int8_plain_tile<8>, int8_plain_tile<9>, int8_plain_tile<10>, int8_plain_tile<11>, int8_plain_tile<12>},
    squared_distances<float>,
    squared_distances<double>,
    negated_dots<float>,
    negated_dots<double>,
    cosine_sums<float>,
    cosine_sums<double>,
    encode_bytes,
    project_kernels,
    &tree_kernels_float32,
    &tree_kernels_float64,
    measure_kernels,
    code_estimates,
};

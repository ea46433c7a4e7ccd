// SPDX-License-Identifier: Apache-2.0
// Fills the table of one instruction set. Included last, inside its namespace.

static const KernelTable table = {
    isa_name,
    max_tile_queries,
    {nullptr, float_tile<1>, float_tile<2>, float_tile<3>, float_tile<4>, float_tile<5>, float_tile<6>},
    squared_distances<float>,
    squared_distances<double>,
    negated_dots<float>,
    negated_dots<double>,
    cosine_sums<float>,
    cosine_sums<double>,
};

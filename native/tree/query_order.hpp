// SPDX-License-Identifier: Apache-2.0
// An order of the queries in which neighbours in the list are neighbours in space.
#pragma once

#include <cstdint>
#include <vector>

#include "rows/rows.hpp"

namespace kneighbors {

// By the Morton code of the widest columns; empty when there are too few queries to gain by it.
std::vector<std::int64_t> query_order(const Rows& queries);

}  // namespace kneighbors

// SPDX-License-Identifier: Apache-2.0
// The walk over a graph: from a few starts towards the query, always from the nearest row not yet gone from.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/row_codes.hpp"

namespace kneighbors {

// Each node has `degree` places for links; -1 ends them.
struct Links {
  std::int64_t degree = 0;
  std::vector<std::int32_t> nodes;

  const std::int32_t* of(std::int64_t node) const { return nodes.data() + node * degree; }
  std::int32_t* of(std::int64_t node) { return nodes.data() + node * degree; }
  std::int64_t count(std::int64_t node) const {
    const std::int32_t* links = of(node);
    std::int64_t n = 0;
    while (n < degree && links[n] >= 0) ++n;
    return n;
  }
};

struct Candidate {
  float distance;
  std::int32_t node;

  bool operator<(const Candidate& other) const {
    return distance < other.distance || (distance == other.distance && node < other.node);
  }
};

// What one walk needs, kept from walk to walk.
class Walk {
 public:
  // The nearest `width` nodes that a walk over nodes below `n_nodes` meets, nearest first. Under `among_records` the
  // query is a row of the graph: distances instead of estimates.
  void run(const RowCodes& codes, const Links& links, std::int64_t n_nodes, const std::vector<std::int32_t>& starts,
           const CodeQuery& query, std::int64_t width, bool among_records);

  const std::vector<Candidate>& pool() const { return pool_; }
  std::int64_t n_estimated() const { return n_estimated_; }
  std::int64_t n_expanded() const { return n_expanded_; }
  const std::vector<std::int32_t>& path() const { return path_; }
  bool keep_path = false;

 private:
  void meet(const RowCodes& codes, const CodeQuery& query, std::int64_t width, bool among_records);
  void keep(Candidate candidate, std::int64_t width);

  std::vector<Candidate> pool_;
  std::vector<char> expanded_;  // beside the pool
  std::size_t next_ = 0;        // nothing before it is left to expand
  std::vector<std::uint16_t> seen_;
  std::uint16_t epoch_ = 0;
  std::vector<std::int32_t> fresh_, path_;
  std::vector<float> values_;
  std::int64_t n_estimated_ = 0, n_expanded_ = 0;
};

}  // namespace kneighbors

// SPDX-License-Identifier: Apache-2.0
// What one query has gathered so far: candidates known to lie in an interval, and neighbours known exactly. The sums
// of these tiles bound a distance from both sides when they are met, so that no score is kept (scan/collector.hpp).
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "scan/collector.hpp"

namespace kneighbors {

struct IntervalCandidate {
  double upper;  // its distance is at most this
  float lower;   // and at least this
  std::int64_t id;
};

class IntervalCollector {
 public:
  // k == 0 keeps every row within `reach` (radius search); otherwise `reach` starts at infinity and shrinks.
  void start(std::int64_t k, double reach) {
    k_ = k;
    reach_ = reach;
    trigger_ = next_trigger();
  }

  double reach() const { return reach_; }
  void lower_reach(double reach) { reach_ = std::min(reach_, reach); }
  bool is_due() const { return static_cast<std::int64_t>(candidates.size()) >= trigger_; }
  bool is_crowded() const { return static_cast<std::int64_t>(candidates.size()) >= capacity() / 2; }
  void rearm() { trigger_ = next_trigger(); }

  // The k-th smallest upper bound known: no answer lies beyond it. `scratch` is reused between calls.
  void tighten(std::vector<double>& scratch) {
    if (k_ == 0 || static_cast<std::int64_t>(candidates.size() + neighbors.size()) < k_) return;
    scratch.clear();
    for (const IntervalCandidate& candidate : candidates) scratch.push_back(candidate.upper);
    for (const Neighbor& neighbor : neighbors) scratch.push_back(neighbor.distance);
    const auto kth = scratch.begin() + (k_ - 1);
    std::nth_element(scratch.begin(), kth, scratch.end());
    lower_reach(*kth);
  }

  // Drops the candidates that the reach rules out.
  void prune() {
    const double reach = reach_;
    std::erase_if(candidates, [reach](const IntervalCandidate& candidate) {
      return static_cast<double>(candidate.lower) > reach;
    });
  }

  // Keeps the best k of the exactly known neighbours (radius: those within reach).
  void trim() {
    if (k_ == 0) {
      std::erase_if(neighbors, [this](const Neighbor& neighbor) { return !(neighbor.distance <= reach_); });
      return;
    }
    if (static_cast<std::int64_t>(neighbors.size()) > k_) {
      std::nth_element(neighbors.begin(), neighbors.begin() + (k_ - 1), neighbors.end());
      neighbors.resize(static_cast<std::size_t>(k_));
    }
    if (static_cast<std::int64_t>(neighbors.size()) == k_) {
      lower_reach(std::max_element(neighbors.begin(), neighbors.end())->distance);
    }
  }

  std::vector<IntervalCandidate> candidates;
  std::vector<Neighbor> neighbors;  // in no order until the end

 private:
  // Bounds the memory of one query when nothing can be screened: then candidates are settled exactly in batches.
  std::int64_t capacity() const { return std::max<std::int64_t>(4 * k_, 4096); }

  std::int64_t next_trigger() const {
    const std::int64_t held = static_cast<std::int64_t>(candidates.size());
    if (k_ == 0) return capacity();
    const std::int64_t more = std::max({held / 4, k_ / 2, std::int64_t{48}});
    return std::min(std::max(held + more, 2 * k_ + 32 - static_cast<std::int64_t>(neighbors.size())), capacity());
  }

  std::int64_t k_ = 0, trigger_ = 0;
  double reach_ = std::numeric_limits<double>::infinity();
};

}  // namespace kneighbors

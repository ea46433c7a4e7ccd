// SPDX-License-Identifier: Apache-2.0
// What one query has gathered so far: candidates known by their score, and neighbours known exactly.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

namespace kneighbors {

struct Neighbor {
  double distance;
  std::int64_t id;

  // The order of all answers: nearer first, then the lower row id.
  bool operator<(const Neighbor& other) const {
    return distance < other.distance || (distance == other.distance && id < other.id);
  }
};

struct Candidate {
  float score;
  std::int64_t id;
};

// A number that at least `wanted` of the keys reach, and few more: halving an interval and counting has no branch to
// mispredict, unlike a selection, and the caller needs no exact rank. 1 <= wanted <= count; no key may be NaN.
inline float reached_by(const float* keys, std::int64_t count, std::int64_t wanted) {
  float low = *std::min_element(keys, keys + count), high = *std::max_element(keys, keys + count);
  const std::int64_t enough = wanted + wanted / 8 + 1;
  for (int step = 0; step < 24; ++step) {
    const float middle = low / 2 + high / 2;
    if (!(middle > low)) break;  // nothing between them, or one of them infinite
    std::int32_t above = 0;
    for (std::int64_t i = 0; i < count; ++i) above += keys[i] >= middle;
    if (above >= wanted) {
      low = middle;
      if (above <= enough) break;
    } else {
      high = middle;
    }
  }
  return low;
}

class Collector {
 public:
  static constexpr double infinity = std::numeric_limits<double>::infinity();

  // k == 0 keeps every row within `reach` (radius search); otherwise `reach` starts at infinity and shrinks.
  void start(std::int64_t k, double reach) {
    k_ = k;
    reach_ = reach;
    candidates.clear();
    neighbors.clear();
    trigger_ = next_trigger();
  }

  double reach() const { return reach_; }
  void lower_reach(double reach) { reach_ = std::min(reach_, reach); }
  bool is_due() const { return static_cast<std::int64_t>(candidates.size()) >= trigger_; }
  bool is_crowded() const { return static_cast<std::int64_t>(candidates.size()) >= capacity() / 2; }
  void rearm() { trigger_ = next_trigger(); }

  // The k-th smallest of these upper bounds, and of the distances known exactly, is a reach: no answer lies beyond.
  // `uppers` holds those of any candidates; it is overwritten.
  void tighten(std::vector<double>& uppers) {
    for (const Neighbor& neighbor : neighbors) uppers.push_back(neighbor.distance);
    if (k_ == 0 || static_cast<std::int64_t>(uppers.size()) < k_) return;
    const auto kth = uppers.begin() + (k_ - 1);
    std::nth_element(uppers.begin(), kth, uppers.end());
    lower_reach(*kth);
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

  std::vector<Candidate> candidates;  // known by score alone
  std::vector<Neighbor> neighbors;    // known exactly, in no order until the end

 private:
  // Bounds the memory of one query when nothing can be screened: then candidates are settled exactly in batches.
  std::int64_t capacity() const { return std::max<std::int64_t>(4 * k_, 4096); }

  std::int64_t next_trigger() const {
    const std::int64_t held = static_cast<std::int64_t>(candidates.size());
    if (k_ == 0) return capacity();
    const std::int64_t more = std::max({held / 4, k_ / 2, std::int64_t{24}});
    return std::min(std::max(held + more, 2 * k_ - static_cast<std::int64_t>(neighbors.size())), capacity());
  }

  std::int64_t k_ = 0, trigger_ = 0;
  double reach_ = infinity;
};

}  // namespace kneighbors

// SPDX-License-Identifier: Apache-2.0
#include "graph/walk.hpp"

#include <algorithm>

namespace kneighbors {

void Walk::run(const RowCodes& codes, const Links& links, std::int64_t n_nodes,
               const std::vector<std::int32_t>& starts, const CodeQuery& query, std::int64_t width,
               bool among_records) {
  if (static_cast<std::int64_t>(seen_.size()) < n_nodes) seen_.resize(static_cast<std::size_t>(n_nodes), 0);
  if (++epoch_ == 0) {  // every mark of 65,535 walks ago would look like one of now
    std::fill(seen_.begin(), seen_.end(), std::uint16_t{0});
    epoch_ = 1;
  }
  pool_.clear();
  expanded_.clear();
  path_.clear();
  next_ = 0;
  n_estimated_ = n_expanded_ = 0;

  fresh_.clear();
  for (const std::int32_t start : starts) {
    if (start >= n_nodes || seen_[start] == epoch_) continue;
    seen_[start] = epoch_;
    fresh_.push_back(start);
  }
  meet(codes, query, width, among_records);
  while (next_ < pool_.size()) {
    if (expanded_[next_]) {
      ++next_;
      continue;
    }
    expanded_[next_] = 1;
    const std::int32_t node = pool_[next_].node;
    ++next_;
    ++n_expanded_;
    if (keep_path) path_.push_back(node);
    if (next_ < pool_.size()) __builtin_prefetch(links.of(pool_[next_].node));
    fresh_.clear();
    const std::int32_t* linked = links.of(node);
    for (std::int64_t i = 0; i < links.degree && linked[i] >= 0; ++i) {
      if (linked[i] >= n_nodes || seen_[linked[i]] == epoch_) continue;
      seen_[linked[i]] = epoch_;
      fresh_.push_back(linked[i]);
    }
    meet(codes, query, width, among_records);
  }
}

void Walk::meet(const RowCodes& codes, const CodeQuery& query, std::int64_t width, bool among_records) {
  const std::int64_t count = static_cast<std::int64_t>(fresh_.size());
  if (count == 0) return;
  values_.resize(std::max(values_.size(), fresh_.size()));
  if (among_records) {
    codes.distances(query, fresh_.data(), count, values_.data());
  } else {
    codes.estimate(query, fresh_.data(), count, values_.data());
  }
  n_estimated_ += count;
  for (std::int64_t i = 0; i < count; ++i) keep({values_[i], fresh_[i]}, width);
}

void Walk::keep(Candidate candidate, std::int64_t width) {
  if (static_cast<std::int64_t>(pool_.size()) == width) {
    if (!(candidate < pool_.back())) return;
    pool_.pop_back();
    expanded_.pop_back();
  }
  const std::size_t at =
      static_cast<std::size_t>(std::lower_bound(pool_.begin(), pool_.end(), candidate) - pool_.begin());
  pool_.insert(pool_.begin() + static_cast<std::ptrdiff_t>(at), candidate);
  expanded_.insert(expanded_.begin() + static_cast<std::ptrdiff_t>(at), 0);
  next_ = std::min(next_, at);
}

}  // namespace kneighbors

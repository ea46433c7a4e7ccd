// SPDX-License-Identifier: Apache-2.0
#include "graph/graph.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

#include "graph/graph_scratch.hpp"
#include "kernels/dispatch.hpp"
#include "scan/exact.hpp"
#include "threads/float_environment.hpp"

namespace kneighbors {

bool Graph::search(const Rows& rows, const Rows& queries, std::int64_t k, std::int64_t width, int n_threads,
                   const std::int64_t* exclude, const std::uint64_t* allowed, double* values, std::int64_t* places,
                   GraphStatistics& statistics, Interrupt& interrupt) const {
  constexpr std::int64_t block = 16;
  const std::shared_lock unchanged(changing_);
  std::mutex counting;
  run_tasks((queries.n_rows + block - 1) / block, n_threads, [&](std::int64_t task) {
    const FloatEnvironment environment;
    const Borrowed scratch(*this);
    GraphStatistics own;
    for (std::int64_t query = task * block; query < std::min(queries.n_rows, (task + 1) * block); ++query) {
      if (interrupt.poll()) return;
      answer(rows, queries, query, k, width, exclude ? exclude[query] : -1, allowed, values + query * k,
             places + query * k, *scratch, own);
    }
    const std::lock_guard lock(counting);
    statistics.n_queries += own.n_queries;
    statistics.n_expanded += own.n_expanded;
    statistics.n_estimated += own.n_estimated;
    statistics.n_exact += own.n_exact;
  });
  return !interrupt.stopped();
}

void Graph::enter(const CodeQuery& query, bool among_records, Scratch& scratch) const {
  constexpr std::int64_t top_width = 16, width = 4;
  scratch.entries = starts_;
  for (std::size_t layer = layers_.size(); layer-- > 0;) {
    const auto n = static_cast<std::int64_t>(layers_[layer].nodes.size()) / layers_[layer].degree;
    scratch.walk.run(codes_, layers_[layer], n, scratch.entries, query,
                     layer + 1 == layers_.size() ? top_width : width, among_records);
    scratch.entries.clear();
    for (const Candidate& candidate : scratch.walk.pool()) scratch.entries.push_back(candidate.node);
  }
}

void Graph::answer(const Rows& rows, const Rows& queries, std::int64_t query, std::int64_t k, std::int64_t width,
                   std::int64_t excluded, const std::uint64_t* allowed, double* values, std::int64_t* places,
                   Scratch& scratch, GraphStatistics& statistics) const {
  codes_.ask(queries, query, scratch.query);
  const auto may_answer = [&](std::int64_t place) {
    return place < rows.n_rows && place != excluded && (allowed == nullptr || (allowed[place >> 6] >> (place & 63) & 1) != 0);
  };
  // What a walk met beyond k is measured too: codes may have mixed up the last of them.
  const std::int64_t wanted = k + std::max<std::int64_t>(8, k / 2);
  std::vector<std::int64_t>& met = scratch.places;
  for (std::int64_t now = std::max(width, k);; now *= 2) {
    met.clear();
    if (now < n_nodes()) {
      enter(scratch.query, false, scratch);
      scratch.walk.run(codes_, links_, n_nodes(), scratch.entries, scratch.query, now, false);
      statistics.n_expanded += scratch.walk.n_expanded();
      statistics.n_estimated += scratch.walk.n_estimated();
      for (const Candidate& candidate : scratch.walk.pool()) {
        const std::int64_t place = places_[candidate.node];
        if (may_answer(place)) met.push_back(place);
        if (static_cast<std::int64_t>(met.size()) == wanted) break;
      }
    } else {  // as wide as the graph: nothing to walk for
      for (std::int64_t node = 0; node < n_nodes(); ++node) {
        if (may_answer(places_[node])) met.push_back(places_[node]);
      }
    }
    if (static_cast<std::int64_t>(met.size()) >= k) break;
    if (now >= n_nodes()) {
      throw std::logic_error("query " + std::to_string(query) + " has " + std::to_string(met.size()) +
                             " answers instead of " + std::to_string(k));
    }
  }
  scratch.wide.resize(static_cast<std::size_t>(rows.n_columns));
  queries.widen(query, scratch.wide.data());
  if (metric() == Metric::cosine) {
    const double scale = power_of_two_scale(scratch.wide.data(), rows.n_columns);
    for (double& value : scratch.wide) value *= scale;
  }
  ExactDistance exact(rows, metric(), kernels());
  exact.set_query(scratch.wide.data());
  scratch.exact.resize(met.size());
  exact(met.data(), static_cast<std::int64_t>(met.size()), scratch.exact.data());
  std::vector<std::int64_t>& order = scratch.order;
  order.resize(met.size());
  for (std::size_t i = 0; i < met.size(); ++i) order[i] = static_cast<std::int64_t>(i);
  std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](std::int64_t a, std::int64_t b) {
    return scratch.exact[a] < scratch.exact[b] || (scratch.exact[a] == scratch.exact[b] && met[a] < met[b]);
  });
  for (std::int64_t i = 0; i < k; ++i) {
    values[i] = scratch.exact[order[i]];
    places[i] = met[order[i]];
  }
  ++statistics.n_queries;
  statistics.n_exact += static_cast<std::int64_t>(met.size());
}

std::vector<std::int64_t> Graph::trace(const Rows& query, std::int64_t width) const {
  const std::shared_lock unchanged(changing_);
  Scratch scratch;
  codes_.ask(query, 0, scratch.query);
  enter(scratch.query, false, scratch);
  scratch.walk.keep_path = true;
  scratch.walk.run(codes_, links_, n_nodes(), scratch.entries, scratch.query, width, false);
  std::vector<std::int64_t> path;
  for (const std::int32_t node : scratch.walk.path()) path.push_back(places_[node]);
  return path;
}

std::int64_t Graph::bytes() const {
  const std::shared_lock unchanged(changing_);
  std::size_t words = links_.nodes.size() + starts_.size();
  for (const Links& layer : layers_) words += layer.nodes.size();
  return codes_.bytes() + static_cast<std::int64_t>(words * sizeof(std::int32_t) +
                                                    places_.size() * sizeof(std::int64_t) + dead_.size());
}

}  // namespace kneighbors

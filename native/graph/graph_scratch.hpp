// SPDX-License-Identifier: Apache-2.0
// Memory that walks and pruning use again and again; one for each thread at work.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "graph/graph.hpp"

namespace kneighbors {

struct Graph::Scratch {
  Walk walk;
  CodeQuery query, chosen;
  std::vector<Candidate> candidates;
  std::vector<std::int32_t> nodes, entries;
  std::vector<float> values;
  std::vector<double> wide, exact;
  std::vector<std::int64_t> places, order;
};

class Graph::Borrowed {
 public:
  explicit Borrowed(const Graph& graph) : graph_(graph) {
    const std::lock_guard lock(graph.borrowing_);
    if (graph.spare_.empty()) {
      scratch_ = std::make_unique<Scratch>();
    } else {
      scratch_ = std::move(graph.spare_.back());
      graph.spare_.pop_back();
    }
  }
  ~Borrowed() {
    const std::lock_guard lock(graph_.borrowing_);
    graph_.spare_.push_back(std::move(scratch_));
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;

  Scratch& operator*() const { return *scratch_; }

 private:
  const Graph& graph_;
  std::unique_ptr<Scratch> scratch_;
};

}  // namespace kneighbors

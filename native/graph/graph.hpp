// SPDX-License-Identifier: Apache-2.0
// A proximity graph of fixed degree, with seven-bit codes in the walk and exact distances at the end.
//
// Nodes are numbered in an order that says nothing about the rows, so the first of them are a sample of all. The graph
// as it was when it held only those is kept as an upper layer: walks enter there (Malkov and Yashunin, "Efficient and
// robust approximate nearest neighbor search using hierarchical navigable small world graphs", 2018).
//
// Links are pruned as in Vamana (Subramanya et al., "DiskANN", 2019): a row is no link if a nearer one leads there.
// Rows join in batches whose sizes depend on their number only; a batch searches the graph as it was, and links back
// are grouped by target and sorted, so that the graph is the same for any number of threads.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "graph/walk.hpp"
#include "kernels/kernel_table.hpp"
#include "rows/rows.hpp"
#include "threads/pool.hpp"

namespace kneighbors {

struct GraphSettings {
  std::int64_t degree = 32;       // links of a row, at most
  std::int64_t build_width = 80;  // of the walks that find a new row's links
  double slack = 1.2;             // how much farther a way through another link may lead
};

struct GraphStatistics {
  std::int64_t n_queries = 0, n_expanded = 0, n_estimated = 0, n_exact = 0;
};

// Everything but the rows.
struct GraphState {
  std::vector<unsigned char> codes;
  std::vector<std::int32_t> links;
  std::vector<std::int64_t> places;
  std::vector<std::int32_t> starts;
  std::vector<std::uint8_t> dead;
  std::vector<std::int32_t> layers;  // one after the other
  std::vector<std::int64_t> layer_sizes;
  std::vector<double> center;
  int exponent = 0;
  double largest_norm = 0;
};

class Graph {
 public:
  Graph(Metric metric, std::int64_t n_columns, const GraphSettings& settings);
  ~Graph();

  // Each returns false if interrupted; the graph is then not to be used. They wait for searches, and searches for them.
  // `rows` holds all rows; those at `joining`, places from 0 on that are not in the graph yet, join. Places of rows and
  // the numbers of nodes differ.
  bool add(const Rows& rows, std::vector<std::int64_t> joining, int n_threads, Interrupt& interrupt);
  // Rows that must be walked over no more; others take over their links.
  bool remove(const std::int64_t* places, std::int64_t n_places, int n_threads, Interrupt& interrupt);

  // values and places: [n_queries][k], nearest first. width: of the walks. allowed: a bit per place, or null. Rows
  // that joined after `rows` was made do not answer; those that were removed do, unless `allowed` says otherwise.
  // There must be k rows for every query; if a walk meets fewer, a wider one follows, and in the end all are looked at.
  bool search(const Rows& rows, const Rows& queries, std::int64_t k, std::int64_t width, int n_threads,
              const std::int64_t* exclude, const std::uint64_t* allowed, double* values, std::int64_t* places,
              GraphStatistics& statistics, Interrupt& interrupt) const;

  // The places that one walk goes from, in order.
  std::vector<std::int64_t> trace(const Rows& query, std::int64_t width) const;
  // How many rows no walk can reach; 0 by construction.
  std::int64_t n_unreachable() const;

  Metric metric() const { return codes_.frame().metric(); }
  std::int64_t n_columns() const { return codes_.frame().n_columns(); }
  std::int64_t n_nodes() const { return static_cast<std::int64_t>(places_.size()); }
  const GraphSettings& settings() const { return settings_; }
  std::int64_t bytes() const;

  GraphState state() const;
  // Takes what a file kept. Throws std::invalid_argument where it contradicts itself.
  void restore(GraphState state);

 private:
  struct Scratch;
  class Borrowed;
  struct Back;

  // Nodes to start from: found in the upper layers, the smallest first. Into scratch.entries.
  void enter(const CodeQuery& query, bool among_records, Scratch& scratch) const;
  bool join(std::int64_t first, std::int64_t end, int n_threads, Interrupt& interrupt);
  void find_links(std::int64_t node, std::int64_t n_frozen, Scratch& scratch);
  bool link_back(std::vector<Back>& backs, int n_threads, Interrupt& interrupt);
  void prune(std::int64_t node, std::vector<Candidate>& candidates, Scratch& scratch);
  void choose_starts();
  void link_unreached();
  bool link_from(std::int64_t node, std::vector<std::int32_t>& n_links_to, Scratch& scratch);
  std::vector<char> reached() const;
  void answer(const Rows& rows, const Rows& queries, std::int64_t query, std::int64_t k, std::int64_t width,
              std::int64_t excluded, const std::uint64_t* allowed, double* values, std::int64_t* places,
              Scratch& scratch, GraphStatistics& statistics) const;

  GraphSettings settings_;
  RowCodes codes_;
  Links links_;
  std::vector<std::int64_t> places_;  // of each node
  std::vector<std::uint8_t> dead_;    // per node
  std::vector<std::int32_t> starts_;
  std::vector<Links> layers_;  // of the first nodes; the largest first

  mutable std::shared_mutex changing_;
  mutable std::mutex borrowing_;
  mutable std::vector<std::unique_ptr<Scratch>> spare_;
};

}  // namespace kneighbors

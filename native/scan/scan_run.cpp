// SPDX-License-Identifier: Apache-2.0
#include "scan/scan_run.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "kernels/dispatch.hpp"

namespace kneighbors {
namespace {

// Bytes of panels that stay in the second-level cache while a group of queries passes over them (within 2 % of the
// best from 128 to 512 KiB), and bytes of packed queries in such a group, so that memory is read once for many.
constexpr std::int64_t block_bytes = 256 << 10;
constexpr std::int64_t group_bytes = 1 << 20;

// Matrix registers wait for the rows, not for products: blocks stay in the first-level cache where rows are short.
constexpr std::int64_t matrix_block_bytes = 32 << 10;

// A thread takes this many bytes of panels at a time: small enough that threads of different speed end together.
constexpr std::int64_t stretch_bytes = 2 << 20;

// Matrix registers multiply 16 queries and 64 columns in the time of one: below these numbers of queries and of words
// the other tiles are as fast.
constexpr std::int64_t least_matrix_queries = 12, least_matrix_words = 9;

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// The smallest distance any lane has proven for a query, shared by all of them.
void lower_shared(std::atomic<double>& shared, double value) {
  double seen = shared.load(std::memory_order_relaxed);
  while (value < seen && !shared.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

// Asks for the block after this one, a share with every tile: when its turn comes it is in the cache. A lone tile
// reads memory as a stream, which the processor foresees by itself.
class NextBlock {
 public:
  NextBlock(const Panels& panels, std::int64_t begin, std::int64_t count, std::int64_t n_tiles) {
    const std::int64_t end = std::min(panels.n_full_panels(), begin + count);
    if (begin >= end || n_tiles < 4) return;
    next_ = reinterpret_cast<const char*>(panels.values(begin));
    end_ = next_ + (end - begin) * panels.panel_bytes();
    share_ = divide_up(divide_up(end_ - next_, n_tiles), 64) * 64;
  }
  void prefetch_share() {
    const char* stop = std::min(end_, next_ + share_);
    for (; next_ < stop; next_ += 64) __builtin_prefetch(next_, 0, 2);
  }

 private:
  const char *next_ = nullptr, *end_ = nullptr;
  std::int64_t share_ = 0;
};

}  // namespace

// Scratch of one task, and the exact distances it asks for.
struct ScanRun::Settler {
  explicit Settler(ScanRun& run) : run(run), exact(run.rows_, run.panels_.frame().metric(), run.kernels_) {}
  ~Settler() {
    run.n_exact_ += n_exact;
    run.n_candidates_ += n_candidates;
  }

  // Turns every candidate into an exactly known neighbour and keeps the best.
  void settle(std::int64_t query, Collector& collector) {
    if (!collector.candidates.empty()) {
      if (query != current) {
        exact.set_query(run.wide_query(query));
        current = query;
      }
      ids.clear();
      for (const Candidate& candidate : collector.candidates) ids.push_back(candidate.id);
      distances.resize(ids.size());
      exact(ids.data(), static_cast<std::int64_t>(ids.size()), distances.data());
      for (std::size_t i = 0; i < ids.size(); ++i) collector.neighbors.push_back({distances[i], ids[i]});
      n_exact += static_cast<std::int64_t>(ids.size());
      collector.candidates.clear();
    }
    collector.trim();
  }

  // Keys of the candidates, the most promising highest: as high as their upper bounds are low, or nearly. A score
  // that says nothing ranks last.
  void rank(const Collector& collector, float weight) {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    keys.resize(collector.candidates.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const Candidate& candidate = collector.candidates[i];
      const float key = candidate.score - weight * run.panels_.row_error(candidate.id);
      keys[i] = std::fabs(key) < infinity ? key : -std::numeric_limits<float>::max();
    }
  }

  ScanRun& run;
  ExactDistance exact;
  std::int64_t current = -1;
  std::vector<std::int64_t> ids;
  std::vector<double> distances, uppers;
  std::vector<float> keys;
  std::vector<Candidate> rest;
  std::int64_t n_exact = 0, n_candidates = 0;
};

// A thread's use of them.
struct ScanRun::MatrixRegisters {
  explicit MatrixRegisters(const ScanRun& run) : run(run) {
    if (run.uses_matrix_) run.kernels_.matrix.begin(run.panels_.n_words());
  }
  ~MatrixRegisters() {
    if (run.uses_matrix_) run.kernels_.matrix.end();
  }
  MatrixRegisters(const MatrixRegisters&) = delete;
  MatrixRegisters& operator=(const MatrixRegisters&) = delete;
  const ScanRun& run;
};

ScanRun::ScanRun(const Rows& rows, const Panels& panels, const Rows& queries, std::int64_t first, std::int64_t count,
                 std::int64_t k, double reach, const std::int64_t* exclude, const std::uint64_t* allowed,
                 int n_threads, Interrupt& interrupt)
    : rows_(rows),
      panels_(panels),
      kernels_(kernels()),
      queries_(queries),
      first_(first),
      count_(count),
      k_(k),
      reach_(reach),
      exclude_(exclude),
      allowed_(allowed),
      n_threads_(n_threads),
      interrupt_(interrupt),
      n_columns_(queries.n_columns) {
  plan();
}

void ScanRun::pack_queries() {
  run_tasks(divide_up(n_tiles_, 4), n_threads_, [&](std::int64_t task) {
    for (std::int64_t tile = task * 4; tile < std::min(n_tiles_, task * 4 + 4); ++tile) pack_tile(tile);
  });
}

bool ScanRun::measure(const std::vector<std::int64_t>& chosen) {
  constexpr std::int64_t rows_at_once = 1024;
  pack_queries();
  const auto n_chosen = static_cast<std::int64_t>(chosen.size());
  run_tasks(count_ * n_lanes_, n_threads_, [&](std::int64_t task) {
    Settler settler(*this);
    const std::int64_t query = task / n_lanes_, lane = task % n_lanes_;
    const std::int64_t excluded = exclude_ ? exclude_[first_ + query] : -1;
    Collector& collector = collectors_[slot(query, lane)];
    const std::int64_t last = n_chosen * (lane + 1) / n_lanes_;
    for (std::int64_t begin = n_chosen * lane / n_lanes_; begin < last; begin += rows_at_once) {
      if (interrupt_.poll()) return;
      for (std::int64_t i = begin; i < std::min(last, begin + rows_at_once); ++i) {
        if (chosen[i] != excluded) collector.candidates.push_back({0, chosen[i]});
      }
      settler.n_candidates += static_cast<std::int64_t>(collector.candidates.size());
      settler.settle(query, collector);
    }
  });
  return !interrupt_.stopped();
}

bool ScanRun::scan_panels() {
  pack_queries();
  run_tasks(n_groups_ * n_lanes_, n_threads_, [&](std::int64_t task) {
    scan_group(task / n_lanes_, task % n_lanes_);
  });
  return !interrupt_.stopped();
}

bool ScanRun::finish(const Consume& consume) {
  constexpr std::int64_t queries_per_task = 8;
  run_tasks(divide_up(count_, queries_per_task), n_threads_, [&](std::int64_t task) {
    Settler settler(*this);
    const std::int64_t last = std::min(count_, (task + 1) * queries_per_task);
    for (std::int64_t query = task * queries_per_task; query < last; ++query) {
      if (interrupt_.poll()) return;
      consume(query, gather(query, settler));
    }
  });
  return !interrupt_.stopped();
}

void ScanRun::plan() {
  const Codec& codec = panels_.codec();
  tile_functions_ = codec.kind() == CodecKind::float32         ? kernels_.float_tile
                    : codec.bits() <= kernels_.code_bits ? kernels_.int8_tile
                                                         : kernels_.int8_plain_tile;
  uses_matrix_ = kernels_.matrix.tile && codec.kind() == CodecKind::int8 && count_ >= least_matrix_queries &&
                 panels_.n_words() >= least_matrix_words;
  const int widest = uses_matrix_ ? matrix_queries : kernels_.tile_queries;
  // A tile of the matrix registers is whole, whatever its number of queries.
  const std::int64_t query_words = uses_matrix_ ? matrix_words(panels_.n_words()) : panels_.n_words();
  n_tiles_ = divide_up(count_, widest);
  tiles_.resize(static_cast<std::size_t>(n_tiles_));
  for (std::int64_t tile = 0; tile < n_tiles_; ++tile) {  // balanced, so that no tile is left with one query
    const std::int64_t begin = count_ * tile / n_tiles_, end = count_ * (tile + 1) / n_tiles_;
    tiles_[tile] = {begin, static_cast<int>(end - begin), (uses_matrix_ ? tile * widest : begin) * query_words,};
  }
  const std::int64_t tile_bytes = widest * panels_.n_words() * 4;
  const std::int64_t tiles_per_group = std::clamp<std::int64_t>(group_bytes / tile_bytes, 1, n_tiles_);
  n_groups_ = divide_up(n_tiles_, tiles_per_group);
  // Groups enough to keep every thread busy to the end need no lanes; else all threads share each group.
  n_lanes_ = n_groups_ >= 8 * static_cast<std::int64_t>(n_threads_) ? 1 : n_threads_;
  next_panel_ = std::vector<std::atomic<std::int64_t>>(static_cast<std::size_t>(n_groups_));
  const std::int64_t panel_bytes = panels_.panel_bytes();
  block_panels_ = std::max<std::int64_t>(1, (uses_matrix_ ? matrix_block_bytes : block_bytes) / panel_bytes);
  stretch_panels_ = std::max(block_panels_, stretch_bytes / panel_bytes / block_panels_ * block_panels_);
  stretch_panels_ = std::min(stretch_panels_, divide_up(panels_.n_panels(), n_lanes_));
  const std::int64_t packed_queries = uses_matrix_ ? n_tiles_ * widest : count_;
  packed_ = allocate_array<std::uint32_t>(packed_queries * query_words);
  if (uses_matrix_) std::fill_n(packed_.get(), packed_queries * query_words, 0u);
  scales_.resize(static_cast<std::size_t>(count_));
  starts_.resize(static_cast<std::size_t>(count_));
  wide_.resize(static_cast<std::size_t>(count_ * n_columns_));
  bounds_.resize(static_cast<std::size_t>(count_));
  collectors_.resize(static_cast<std::size_t>(count_ * n_lanes_));
  for (Collector& collector : collectors_) collector.start(k_, reach_);
  weights_.resize(collectors_.size());
  thresholds_.resize(collectors_.size());
  shared_ = std::vector<std::atomic<double>>(static_cast<std::size_t>(n_lanes_ > 1 ? count_ : 0));
  for (auto& value : shared_) value.store(reach_, std::memory_order_relaxed);
}

void ScanRun::pack_tile(std::int64_t index) {
  const TileSpan& tile = tiles_[index];
  std::vector<double> values(static_cast<std::size_t>(n_columns_));
  for (int q = 0; q < tile.count; ++q) {
    const std::int64_t query = tile.first + q;
    const bool has_direction = panels_.frame().widen(queries_, first_ + query, values.data(), "query row");
    double* wide = wide_.data() + query * n_columns_;
    queries_.widen(first_ + query, wide);
    if (panels_.frame().metric() == Metric::cosine) {  // as the exact distance wants it
      const double scale = power_of_two_scale(wide, n_columns_);
      for (std::int64_t j = 0; j < n_columns_; ++j) wide[j] *= scale;
    }
    const std::int64_t place = uses_matrix_ ? q * matrix_words(panels_.n_words()) : q;
    const QueryBound& bound = bounds_[query].emplace(panels_, values.data(), has_direction,
                                                     packed_.get() + tile.offset + place,
                                                     uses_matrix_ ? 1 : tile.count);
    scales_[query] = bound.scale();
    starts_[query] = bound.start();
    for (std::int64_t lane = 0; lane < n_lanes_; ++lane) allow(query, lane);
  }
}

void ScanRun::allow(std::int64_t query, std::int64_t lane) {
  const std::size_t at = slot(query, lane);
  bounds_[query]->allow(collectors_[at].reach(), weights_[at], thresholds_[at]);
}

void ScanRun::scan_group(std::int64_t group, std::int64_t lane) {
  Settler settler(*this);
  const MatrixRegisters registers(*this);
  for (;;) {
    const std::int64_t begin = next_panel_[group].fetch_add(stretch_panels_, std::memory_order_relaxed);
    if (begin >= panels_.n_panels()) return;
    const std::int64_t end = std::min(panels_.n_panels(), begin + stretch_panels_);
    for (std::int64_t block = begin; block < end; block += block_panels_) {
      if (!scan_block(group, lane, block, std::min(end, block + block_panels_), settler)) return;
    }
  }
}

// All queries of a group against the panels of one block; false if interrupted.
bool ScanRun::scan_block(std::int64_t group, std::int64_t lane, std::int64_t begin, std::int64_t end, Settler& settler) {
  const std::int64_t tile_begin = n_tiles_ * group / n_groups_, tile_end = n_tiles_ * (group + 1) / n_groups_;
  alignas(64) float scores[matrix_queries * panel_rows];
  std::uint64_t masks[matrix_queries];
  NextBlock next(panels_, end, block_panels_, tile_end - tile_begin);

  for (std::int64_t index = tile_begin; index < tile_end; ++index) {
    if (interrupt_.poll()) return false;
    const TileSpan& tile = tiles_[index];
    if (n_lanes_ > 1) take_shared(tile, lane);
    const std::size_t at = slot(tile.first, lane);
    TileArguments arguments{};
    arguments.queries = packed_.get() + tile.offset;
    arguments.query_weight = &weights_[at];
    arguments.query_threshold = &thresholds_[at];
    arguments.query_scale = &scales_[tile.first];
    arguments.query_start = &starts_[tile.first];
    arguments.n_words = panels_.n_words();
    arguments.n_queries = tile.count;
    const TileFunction score_tile = uses_matrix_ ? kernels_.matrix.tile : tile_functions_[tile.count];
    for (std::int64_t panel = begin; panel < end; ++panel) {
      const std::uint64_t open = allowed_ ? allowed_[panel] : ~std::uint64_t{0};
      if (!open) continue;
      arguments.panel = panels_.values(panel);
      arguments.row_base = panels_.base(panel);
      arguments.row_error = panels_.error(panel);
      arguments.row_scale = panels_.scale(panel);
      if (score_tile(arguments, scores, masks)) [[unlikely]] {
        for (int q = 0; q < tile.count; ++q) {
          if (masks[q] & open) take(tile.first + q, lane, panel, scores + q * panel_rows, masks[q] & open, settler);
        }
      }
    }
    next.prefetch_share();
  }
  return true;
}

void ScanRun::take_shared(const TileSpan& tile, std::int64_t lane) {
  for (int q = 0; q < tile.count; ++q) {
    const std::int64_t query = tile.first + q;
    Collector& collector = collectors_[slot(query, lane)];
    const double seen = shared_[query].load(std::memory_order_relaxed);
    if (seen < collector.reach()) {
      collector.lower_reach(seen);
      allow(query, lane);
    }
  }
}

// Survivors of one panel for one query.
void ScanRun::take(std::int64_t query, std::int64_t lane, std::int64_t panel, const float* scores, std::uint64_t mask,
          Settler& settler) {
  Collector& collector = collectors_[slot(query, lane)];
  const std::int64_t excluded = exclude_ ? exclude_[first_ + query] : -1;
  const std::int64_t first_row = panel * panel_rows;
  for (; mask; mask &= mask - 1) {
    const int row = std::countr_zero(mask);
    const std::int64_t id = first_row + row;
    if (id >= rows_.n_rows || id == excluded) continue;
    collector.candidates.push_back({scores[row], id});
    ++settler.n_candidates;
  }
  if (collector.is_due()) tighten(query, lane, collector, settler);
}

void ScanRun::tighten(std::int64_t query, std::int64_t lane, Collector& collector, Settler& settler) {
  prove(query, lane, collector, settler);
  prune(query, lane, collector);
  if (collector.is_crowded()) {  // the screen cannot tell these apart
    settler.settle(query, collector);
    allow(query, lane);
  }
  if (n_lanes_ > 1 && k_ > 0) lower_shared(shared_[query], collector.reach());
  collector.rearm();
}

// Lowers the reach by the upper bounds of the most promising candidates: any k rows prove one.
void ScanRun::prove(std::int64_t query, std::int64_t lane, Collector& collector, Settler& settler) {
  const auto n_candidates = static_cast<std::int64_t>(collector.candidates.size());
  if (k_ == 0 || n_candidates + static_cast<std::int64_t>(collector.neighbors.size()) < k_) return;
  settler.uppers.clear();
  if (n_candidates > 0) {
    settler.rank(collector, weights_[slot(query, lane)]);
    const float least = reached_by(settler.keys.data(), n_candidates, std::min(k_, n_candidates));
    const QueryBound& bound = *bounds_[query];
    for (std::int64_t i = 0; i < n_candidates; ++i) {
      if (!(settler.keys[i] >= least)) continue;
      const Candidate& candidate = collector.candidates[i];
      settler.uppers.push_back(
          bound.upper(candidate.score, panels_.row_base(candidate.id), panels_.row_error(candidate.id)));
    }
  }
  collector.tighten(settler.uppers);
}

// Drops the candidates that the present reach rules out, by the tile's own comparison.
void ScanRun::prune(std::int64_t query, std::int64_t lane, Collector& collector) {
  allow(query, lane);
  const float weight = weights_[slot(query, lane)], threshold = thresholds_[slot(query, lane)];
  std::erase_if(collector.candidates, [&](const Candidate& candidate) {
    return weight * panels_.row_error(candidate.id) + candidate.score < threshold;
  });
}

// The query's answer: all lanes merged, what is left measured exactly, in order.
std::vector<Neighbor>& ScanRun::gather(std::int64_t query, Settler& settler) {
  Collector& whole = collectors_[slot(query, 0)];
  for (std::int64_t lane = 1; lane < n_lanes_; ++lane) {
    Collector& part = collectors_[slot(query, lane)];
    whole.candidates.insert(whole.candidates.end(), part.candidates.begin(), part.candidates.end());
    whole.neighbors.insert(whole.neighbors.end(), part.neighbors.begin(), part.neighbors.end());
    whole.lower_reach(part.reach());
  }
  prove(query, 0, whole, settler);
  prune(query, 0, whole);
  // The likeliest are measured first, k of them, then twice as many: what they prove rules out most of the rest.
  for (std::int64_t share = k_; k_ > 0 && static_cast<std::int64_t>(whole.candidates.size()) > 2 * share; share *= 2) {
    settler.rank(whole, weights_[slot(query, 0)]);
    const float least = reached_by(settler.keys.data(), static_cast<std::int64_t>(whole.candidates.size()), share);
    settler.rest.clear();
    std::size_t n_likely = 0;
    for (std::size_t i = 0; i < whole.candidates.size(); ++i) {
      const Candidate candidate = whole.candidates[i];
      if (settler.keys[i] >= least) {
        whole.candidates[n_likely++] = candidate;
      } else {
        settler.rest.push_back(candidate);
      }
    }
    whole.candidates.resize(n_likely);
    settler.settle(query, whole);
    whole.candidates.assign(settler.rest.begin(), settler.rest.end());
    prune(query, 0, whole);
  }
  settler.settle(query, whole);
  std::sort(whole.neighbors.begin(), whole.neighbors.end());
  return whole.neighbors;
}

}  // namespace kneighbors

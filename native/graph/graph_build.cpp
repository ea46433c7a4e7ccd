// SPDX-License-Identifier: Apache-2.0
// How rows join a graph and leave it.
#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>

#include "graph/graph_scratch.hpp"
#include "threads/float_environment.hpp"

namespace kneighbors {

namespace {

constexpr std::int64_t n_starts = 32;
constexpr std::int64_t first_batch = 64;
constexpr std::int64_t layer_share = 16;  // one node of so many is in the layer above
constexpr std::int64_t smallest_layer = 64;

// Nodes are numbered in an order that says nothing about the rows: those that came first are a sample of all.
void shuffle(std::vector<std::int64_t>& places) {
  std::uint64_t state = 0x9e3779b97f4a7c15u;
  for (std::size_t i = places.size(); i > 1; --i) {
    state += 0x9e3779b97f4a7c15u;  // splitmix64
    std::uint64_t word = state;
    word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9u;
    word = (word ^ word >> 27) * 0x94d049bb133111ebu;
    word ^= word >> 31;
    const auto pick = static_cast<std::size_t>(static_cast<unsigned __int128>(word) * i >> 64);
    std::swap(places[i - 1], places[pick]);
  }
}

}  // namespace

struct Graph::Back {
  std::int32_t target;
  Candidate from;

  bool operator<(const Back& other) const {
    return target < other.target || (target == other.target && from < other.from);
  }
};

Graph::Graph(Metric metric, std::int64_t n_columns, const GraphSettings& settings)
    : settings_(settings), codes_(metric, n_columns) {
  if (settings.degree < 4 || settings.degree > 512) throw std::invalid_argument("the degree must be 4 to 512");
  if (settings.build_width < 8 || settings.build_width > 4096) {
    throw std::invalid_argument("the build width must be 8 to 4096");
  }
  links_.degree = settings.degree;
}

Graph::~Graph() = default;

bool Graph::add(const Rows& rows, std::vector<std::int64_t> joining, int n_threads, Interrupt& interrupt) {
  const std::unique_lock changing(changing_);
  const std::int64_t first = n_nodes(), end = first + static_cast<std::int64_t>(joining.size());
  for (const std::int64_t place : joining) {
    if (place < 0 || place >= rows.n_rows) throw std::invalid_argument("there is no row " + std::to_string(place));
  }
  if (end >= std::numeric_limits<std::int32_t>::max()) throw std::invalid_argument("a graph holds at most 2^31 rows");
  shuffle(joining);
  if (first == 0) {
    codes_.encode(rows, joining, n_threads);
  } else {
    codes_.append(rows, joining, n_threads);
  }
  places_.insert(places_.end(), joining.begin(), joining.end());
  dead_.resize(static_cast<std::size_t>(end), 0);
  links_.nodes.resize(static_cast<std::size_t>(end * links_.degree), -1);
  if (first == 0) choose_starts();
  // Doubling up to a share of all: what is in a batch does not see the rest of it.
  std::vector<std::int64_t> layers;
  if (first == 0) {
    for (std::int64_t n = end / layer_share; n >= smallest_layer; n /= layer_share) layers.push_back(n);
  }
  for (std::int64_t done = first; done < end;) {
    const std::int64_t most = std::max<std::int64_t>(512, end / 50);
    const std::int64_t size = std::clamp<std::int64_t>(done, first_batch, most);
    std::int64_t next = std::min(end, done + size);
    if (!layers.empty()) next = std::min(next, layers.back());
    if (!join(done, next, n_threads, interrupt)) return false;
    done = next;
    if (!layers.empty() && done == layers.back()) {
      layers.pop_back();
      const auto last = links_.nodes.begin() + static_cast<std::ptrdiff_t>(done * links_.degree);
      layers_.insert(layers_.begin(), Links{links_.degree, {links_.nodes.begin(), last}});
    }
  }
  choose_starts();
  link_unreached();
  return true;
}

bool Graph::join(std::int64_t first, std::int64_t end, int n_threads, Interrupt& interrupt) {
  // The very first see each other.
  const std::int64_t n_frozen = first == 0 ? end : first;
  run_tasks(end - first, n_threads, [&](std::int64_t task) {
    if (interrupt.poll()) return;
    const FloatEnvironment environment;
    const Borrowed scratch(*this);
    find_links(first + task, n_frozen, *scratch);
  });
  if (interrupt.stopped()) return false;
  std::vector<Back> backs;
  backs.reserve(static_cast<std::size_t>((end - first) * links_.degree));
  Scratch scratch;
  for (std::int64_t node = first; node < end; ++node) {
    const std::int64_t count = links_.count(node);
    codes_.ask_record(node, scratch.query);
    scratch.values.resize(static_cast<std::size_t>(count));
    codes_.distances(scratch.query, links_.of(node), count, scratch.values.data());
    for (std::int64_t i = 0; i < count; ++i) {
      backs.push_back({links_.of(node)[i], {scratch.values[i], static_cast<std::int32_t>(node)}});
    }
  }
  std::sort(backs.begin(), backs.end());
  return link_back(backs, n_threads, interrupt);
}

void Graph::find_links(std::int64_t node, std::int64_t n_frozen, Scratch& scratch) {
  codes_.ask_record(node, scratch.query);
  std::vector<Candidate>& candidates = scratch.candidates;
  candidates.clear();
  if (n_frozen <= 2 * first_batch) {  // few enough to look at all
    scratch.nodes.clear();
    for (std::int64_t other = 0; other < n_frozen; ++other) {
      if (other != node && !dead_[other]) scratch.nodes.push_back(static_cast<std::int32_t>(other));
    }
    scratch.values.resize(scratch.nodes.size());
    codes_.distances(scratch.query, scratch.nodes.data(), static_cast<std::int64_t>(scratch.nodes.size()),
                     scratch.values.data());
    for (std::size_t i = 0; i < scratch.nodes.size(); ++i) candidates.push_back({scratch.values[i], scratch.nodes[i]});
    std::sort(candidates.begin(), candidates.end());
  } else {
    enter(scratch.query, true, scratch);
    scratch.walk.run(codes_, links_, n_frozen, scratch.entries, scratch.query, settings_.build_width, true);
    for (const Candidate& candidate : scratch.walk.pool()) {
      if (!dead_[candidate.node]) candidates.push_back(candidate);
    }
  }
  prune(node, candidates, scratch);
}

// Keeps, of candidates in order, those that no kept one leads to: at most `degree`.
void Graph::prune(std::int64_t node, std::vector<Candidate>& candidates, Scratch& scratch) {
  const float slack = static_cast<float>(settings_.slack * settings_.slack);  // distances are squared
  std::int32_t* links = links_.of(node);
  std::int64_t n_kept = 0;
  // Rows at distance 0 of each other would leave room for nothing else.
  std::size_t left = candidates.size();
  while (left > 0 && n_kept < links_.degree) {
    const Candidate kept = candidates.front();
    links[n_kept++] = kept.node;
    // Looks at what is left only once the link is sure: pruning costs more than finding.
    codes_.ask_record(kept.node, scratch.chosen);
    scratch.nodes.clear();
    for (std::size_t i = 1; i < left; ++i) scratch.nodes.push_back(candidates[i].node);
    scratch.values.resize(scratch.nodes.size());
    codes_.distances(scratch.chosen, scratch.nodes.data(), static_cast<std::int64_t>(scratch.nodes.size()),
                     scratch.values.data());
    std::size_t kept_back = 0;
    for (std::size_t i = 1; i < left; ++i) {
      if (slack * scratch.values[i - 1] > candidates[i].distance) candidates[kept_back++] = candidates[i];
    }
    left = kept_back;
  }
  std::fill(links + n_kept, links + links_.degree, -1);
}

// `backs` in order of target: each target takes those who link to it, and prunes when they are too many.
bool Graph::link_back(std::vector<Back>& backs, int n_threads, Interrupt& interrupt) {
  std::vector<std::size_t> groups;
  for (std::size_t i = 0; i < backs.size(); ++i) {
    if (i == 0 || backs[i].target != backs[i - 1].target) groups.push_back(i);
  }
  groups.push_back(backs.size());
  run_tasks(static_cast<std::int64_t>(groups.size()) - 1, n_threads, [&](std::int64_t group) {
    if (interrupt.poll()) return;
    const FloatEnvironment environment;
    const std::size_t begin = groups[group], end = groups[group + 1];
    const std::int32_t target = backs[begin].target;
    std::int32_t* links = links_.of(target);
    const std::int64_t count = links_.count(target);
    const auto is_linked = [&](std::int32_t node) { return std::find(links, links + count, node) != links + count; };
    const Borrowed borrowed(*this);
    Scratch& scratch = *borrowed;
    std::vector<Candidate>& candidates = scratch.candidates;
    candidates.clear();
    for (std::size_t i = begin; i < end; ++i) {
      if (backs[i].from.node != target && !is_linked(backs[i].from.node)) candidates.push_back(backs[i].from);
    }
    const auto n_new = static_cast<std::int64_t>(candidates.size());
    if (count + n_new <= links_.degree) {
      for (std::int64_t i = 0; i < n_new; ++i) links[count + i] = candidates[i].node;
      return;
    }
    codes_.ask_record(target, scratch.query);
    scratch.values.resize(static_cast<std::size_t>(count));
    codes_.distances(scratch.query, links, count, scratch.values.data());
    for (std::int64_t i = 0; i < count; ++i) candidates.push_back({scratch.values[i], links[i]});
    std::sort(candidates.begin(), candidates.end());
    prune(target, candidates, scratch);
  });
  return !interrupt.stopped();
}

bool Graph::remove(const std::int64_t* places, std::int64_t n_places, int n_threads, Interrupt& interrupt) {
  const std::unique_lock changing(changing_);
  const std::int64_t n_held = places_.empty() ? 0 : 1 + *std::max_element(places_.begin(), places_.end());
  std::vector<std::int32_t> node_of(static_cast<std::size_t>(n_held), -1);
  for (std::size_t node = 0; node < places_.size(); ++node) node_of[places_[node]] = static_cast<std::int32_t>(node);
  for (std::int64_t i = 0; i < n_places; ++i) {
    if (places[i] < 0 || places[i] >= n_held || node_of[places[i]] < 0 || dead_[node_of[places[i]]]) {
      throw std::invalid_argument("there is no row at place " + std::to_string(places[i]));
    }
  }
  for (std::int64_t i = 0; i < n_places; ++i) dead_[node_of[places[i]]] = 1;
  // Whoever linked to a row that goes may link to whatever that row linked to. Only rows that stay are written to,
  // only links of rows that go are read: the order of work changes nothing.
  constexpr std::int64_t block = 256;
  run_tasks((n_nodes() + block - 1) / block, n_threads, [&](std::int64_t task) {
    if (interrupt.poll()) return;
    const FloatEnvironment environment;
    const Borrowed borrowed(*this);
    Scratch& scratch = *borrowed;
    for (std::int64_t node = task * block; node < std::min(n_nodes(), (task + 1) * block); ++node) {
      std::int32_t* links = links_.of(node);
      const std::int64_t count = links_.count(node);
      if (dead_[node] || std::none_of(links, links + count, [&](std::int32_t to) { return dead_[to]; })) continue;
      std::vector<std::int32_t> others;
      for (std::int64_t i = 0; i < count; ++i) {
        if (!dead_[links[i]]) {
          others.push_back(links[i]);
          continue;
        }
        const std::int32_t* further = links_.of(links[i]);
        for (std::int64_t j = 0; j < links_.degree && further[j] >= 0; ++j) {
          if (!dead_[further[j]] && further[j] != node) others.push_back(further[j]);
        }
      }
      std::sort(others.begin(), others.end());
      others.erase(std::unique(others.begin(), others.end()), others.end());
      codes_.ask_record(node, scratch.query);
      scratch.values.resize(others.size());
      codes_.distances(scratch.query, others.data(), static_cast<std::int64_t>(others.size()), scratch.values.data());
      std::vector<Candidate>& candidates = scratch.candidates;
      candidates.clear();
      for (std::size_t i = 0; i < others.size(); ++i) candidates.push_back({scratch.values[i], others[i]});
      std::sort(candidates.begin(), candidates.end());
      prune(node, candidates, scratch);
    }
  });
  if (interrupt.stopped()) return false;
  choose_starts();
  link_unreached();
  return true;
}

// The first that are alive: a sample of all rows, since nodes are in no order.
void Graph::choose_starts() {
  starts_.clear();
  for (std::int64_t node = 0; node < n_nodes() && static_cast<std::int64_t>(starts_.size()) < n_starts; ++node) {
    if (!dead_[node]) starts_.push_back(static_cast<std::int32_t>(node));
  }
}

std::vector<char> Graph::reached() const {
  std::vector<char> is_reached(places_.size(), 0);
  std::vector<std::int32_t> open(starts_);
  for (const std::int32_t start : starts_) is_reached[start] = 1;
  while (!open.empty()) {
    const std::int32_t* links = links_.of(open.back());
    open.pop_back();
    for (std::int64_t i = 0; i < links_.degree && links[i] >= 0; ++i) {
      if (is_reached[links[i]]) continue;
      is_reached[links[i]] = 1;
      open.push_back(links[i]);
    }
  }
  return is_reached;
}

std::int64_t Graph::n_unreachable() const {
  const std::shared_lock unchanged(changing_);
  const std::vector<char> is_reached = reached();
  std::int64_t count = 0;
  for (std::int64_t node = 0; node < n_nodes(); ++node) count += !dead_[node] && !is_reached[node];
  return count;
}

// A row that no way leads to is linked from a near one, in the place of a link that its target can do without; a row
// that none can take in becomes a start.
void Graph::link_unreached() {
  std::vector<std::int32_t> n_links_to(places_.size(), 0);
  for (const std::int32_t node : links_.nodes) {
    if (node >= 0) ++n_links_to[node];
  }
  Scratch scratch;
  for (int round = 0; round < 4; ++round) {
    const std::vector<char> is_reached = reached();
    bool all = true;
    for (std::int64_t node = 0; node < n_nodes(); ++node) {
      if (dead_[node] || is_reached[node]) continue;
      all = false;
      if (round == 3 || !link_from(node, n_links_to, scratch)) starts_.push_back(static_cast<std::int32_t>(node));
    }
    if (all) return;
  }
}

bool Graph::link_from(std::int64_t node, std::vector<std::int32_t>& n_links_to, Scratch& scratch) {
  codes_.ask_record(node, scratch.query);
  enter(scratch.query, true, scratch);
  scratch.walk.run(codes_, links_, n_nodes(), scratch.entries, scratch.query, settings_.build_width, true);
  for (const Candidate& candidate : scratch.walk.pool()) {
    if (dead_[candidate.node] || candidate.node == node) continue;
    std::int32_t* links = links_.of(candidate.node);
    std::int64_t place = links_.count(candidate.node);
    if (place == links_.degree) {
      do {
        --place;  // from the last: links are pruned in order of distance
      } while (place > 0 && n_links_to[links[place]] < 2);
      if (place == 0) continue;
      --n_links_to[links[place]];
    }
    links[place] = static_cast<std::int32_t>(node);
    ++n_links_to[node];
    return true;
  }
  return false;
}

}  // namespace kneighbors

// SPDX-License-Identifier: Apache-2.0
// A graph as the arrays that a file keeps, and back. Nothing in them is believed.
#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "graph/graph_scratch.hpp"

namespace kneighbors {

namespace {

void refuse(const std::string& why) { throw std::invalid_argument("the stored graph " + why); }

// Links of the first nodes, layer after layer; each holds fewer than the one before, and links to itself only.
std::vector<Links> layers_of(const GraphState& state, std::int64_t degree, std::int64_t n_nodes) {
  std::vector<Links> layers;
  std::int64_t before = n_nodes;
  std::size_t at = 0;
  for (const std::int64_t size : state.layer_sizes) {
    if (size < 1 || size >= before) refuse("has layers that do not become smaller");
    const auto count = static_cast<std::size_t>(size * degree);
    if (count > state.layers.size() - at) refuse("has layers that end too early");
    const auto begin = state.layers.begin() + static_cast<std::ptrdiff_t>(at);
    layers.push_back({degree, {begin, begin + static_cast<std::ptrdiff_t>(count)}});
    for (const std::int32_t node : layers.back().nodes) {
      if (node < -1 || node >= size) refuse("links to row " + std::to_string(node) + " in a layer without it");
    }
    at += count;
    before = size;
  }
  if (at != state.layers.size()) refuse("has more links than layers");
  return layers;
}

}  // namespace

GraphState Graph::state() const {
  const std::shared_lock unchanged(changing_);
  GraphState state{codes_.records(),         links_.nodes,           places_, starts_, dead_, {}, {},
                   codes_.frame().center(), codes_.frame().exponent(), codes_.largest_norm()};
  for (const Links& layer : layers_) {
    state.layers.insert(state.layers.end(), layer.nodes.begin(), layer.nodes.end());
    state.layer_sizes.push_back(static_cast<std::int64_t>(layer.nodes.size()) / layer.degree);
  }
  return state;
}

void Graph::restore(GraphState state) {
  const auto n = static_cast<std::int64_t>(state.places.size());
  if (n < 1 || n >= std::numeric_limits<std::int32_t>::max()) refuse("holds no rows, or too many");
  if (static_cast<std::int64_t>(state.center.size()) != n_columns() || state.exponent < -1200 ||
      state.exponent > 1200) {
    refuse("has the frame of other rows");
  }
  RowCodes codes(metric(), n_columns());
  if (static_cast<std::int64_t>(state.codes.size()) != n * codes.stride()) {
    refuse("has codes for another number of rows, or of another width");
  }
  if (static_cast<std::int64_t>(state.links.size()) != n * settings_.degree) {
    refuse("has links for another number of rows");
  }
  if (state.dead.size() != state.places.size()) refuse("says of another number of rows whether they are gone");
  std::vector<char> is_taken(state.places.size(), 0);
  for (const std::int64_t place : state.places) {
    if (place < 0 || place >= n || is_taken[place]) refuse("does not name each row once");
    is_taken[place] = 1;
  }
  for (const std::int32_t node : state.links) {
    if (node < -1 || node >= n) refuse("links to row " + std::to_string(node) + ", which it does not hold");
  }
  if (state.starts.empty() || static_cast<std::int64_t>(state.starts.size()) > n) {
    refuse("has no starts, or too many");
  }
  for (const std::int32_t node : state.starts) {
    if (node < 0 || node >= n) refuse("starts from row " + std::to_string(node) + ", which it does not hold");
  }
  std::vector<Links> layers = layers_of(state, settings_.degree, n);
  Frame frame(metric(), n_columns());
  frame.restore(std::move(state.center), state.exponent);
  codes.restore(frame, state.largest_norm, std::move(state.codes));

  const std::unique_lock changing(changing_);
  codes_ = std::move(codes);
  links_.nodes = std::move(state.links);
  places_ = std::move(state.places);
  starts_ = std::move(state.starts);
  dead_ = std::move(state.dead);
  layers_ = std::move(layers);
}

}  // namespace kneighbors

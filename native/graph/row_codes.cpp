// SPDX-License-Identifier: Apache-2.0
#include "graph/row_codes.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "kernels/dispatch.hpp"
#include "threads/float_environment.hpp"
#include "threads/pool.hpp"

namespace kneighbors {

namespace {

constexpr int bits = 7;
constexpr int bias = 1 << (bits - 1);

double norm_of(const std::vector<double>& values) {
  double square = 0;
  for (const double value : values) square += value * value;
  return std::sqrt(square);
}

}  // namespace

RowCodes::RowCodes(Metric metric, std::int64_t n_columns)
    : frame_(metric, n_columns),
      codec_(CodecKind::int8, bits),
      n_words_((codec_.words(n_columns) + code_block_words - 1) / code_block_words * code_block_words),
      stride_(static_cast<std::int64_t>(sizeof(CodeHeader)) + 4 * n_words_) {
  if (n_columns > Codec::most_int8_columns) {
    throw std::invalid_argument("a graph takes at most " + std::to_string(Codec::most_int8_columns) + " columns");
  }
}

void RowCodes::encode(const Rows& rows, const std::vector<std::int64_t>& places, int n_threads) {
  frame_.choose(rows);
  if (frame_.metric() == Metric::inner_product) {
    std::vector<double> row(static_cast<std::size_t>(rows.n_columns));
    for (std::int64_t i = 0; i < rows.n_rows; ++i) {
      rows.widen(i, row.data());
      largest_norm_ = std::max(largest_norm_, norm_of(row));
    }
  }
  append(rows, places, n_threads);
}

void RowCodes::append(const Rows& rows, const std::vector<std::int64_t>& places, int n_threads) {
  const std::int64_t first = n_records_, count = static_cast<std::int64_t>(places.size());
  records_.resize(static_cast<std::size_t>((first + count) * stride_), 0);
  n_records_ = first + count;
  constexpr std::int64_t block = 256;
  run_tasks((count + block - 1) / block, n_threads, [&](std::int64_t task) {
    const FloatEnvironment environment;
    for (std::int64_t i = task * block; i < std::min(count, (task + 1) * block); ++i) {
      encode_one(rows, places[i], first + i);
    }
  });
}

void RowCodes::encode_one(const Rows& rows, std::int64_t place, std::int64_t node) {
  const std::int64_t n_columns = frame_.n_columns();
  std::vector<double> row(static_cast<std::size_t>(n_columns));
  const bool is_product = frame_.metric() == Metric::inner_product;
  CodeHeader header{0, 0, 0, 0};
  if (is_product) {
    rows.widen(place, row.data());
    const double norm = norm_of(row);
    // In the frame's scale, as the codes are. Rows added later may be longer than any: their tail is nothing.
    const double missing = std::max(0.0, (largest_norm_ - norm) * (largest_norm_ + norm));
    header.tail = static_cast<float>(std::ldexp(std::sqrt(missing), frame_.exponent()));
  }
  frame_.widen(rows, place, row.data(), "row");
  frame_.place_row(row.data());
  unsigned char* record = records_.data() + node * stride_;
  std::vector<std::uint32_t> words(static_cast<std::size_t>(n_words_), 0);
  const Encoding encoding = codec_.encode_row(row.data(), n_columns, words.data(), 1);
  header.scale = encoding.scale;
  header.half_square = static_cast<float>(encoding.square / 2);
  std::memcpy(record, &header, sizeof(header));
  std::memcpy(record + sizeof(header), words.data(), words.size() * sizeof(std::uint32_t));
}

void RowCodes::ask(const Rows& queries, std::int64_t query, CodeQuery& out) const {
  const std::int64_t n_columns = frame_.n_columns();
  std::vector<double> values(static_cast<std::size_t>(n_columns));
  frame_.widen(queries, query, values.data(), "query");
  double own_scale = 1;
  if (frame_.metric() == Metric::inner_product) own_scale = power_of_two_scale(values.data(), n_columns);
  frame_.place_query(values.data(), own_scale);
  out.words.assign(static_cast<std::size_t>(n_words_), 0);
  const Encoding encoding = codec_.encode_query(values.data(), n_columns, out.words.data(), 1);
  out.scale = encoding.scale;
  out.start = encoding.offset;
  out.half_square = static_cast<float>(encoding.square / 2);
}

void RowCodes::ask_record(std::int64_t node, CodeQuery& out) const {
  const unsigned char* record = records_.data() + node * stride_;
  CodeHeader header;
  std::memcpy(&header, record, sizeof(header));
  out.words.resize(static_cast<std::size_t>(n_words_));
  std::memcpy(out.words.data(), record + sizeof(header), out.words.size() * sizeof(std::uint32_t));
  auto* bytes = reinterpret_cast<signed char*>(out.words.data());
  std::int32_t sum = 0;
  for (std::int64_t j = 0; j < frame_.n_columns(); ++j) {
    bytes[j] = static_cast<signed char>(bytes[j] - bias);
    sum += bytes[j];
  }
  // The last word of a row is padded with the bias; a query's padding must be nothing.
  for (std::int64_t j = frame_.n_columns(); j < 4 * n_words_; ++j) bytes[j] = 0;
  out.start = -bias * sum;
  out.scale = header.scale;
  out.half_square = header.half_square;
  out.tail = header.tail;
}

CodeArguments RowCodes::arguments(const CodeQuery& query, const std::int32_t* nodes, std::int64_t n_nodes) const {
  return {records_.data(), stride_, nodes, n_nodes, query.words.data(), n_words_, query.scale, query.start};
}

void RowCodes::estimate(const CodeQuery& query, const std::int32_t* nodes, std::int64_t n_nodes, float* out) const {
  kernels().code_estimates(arguments(query, nodes, n_nodes), out);
  if (frame_.metric() != Metric::inner_product) return;
  for (std::int64_t i = 0; i < n_nodes; ++i) {
    CodeHeader header;
    std::memcpy(&header, records_.data() + nodes[i] * stride_, sizeof(header));
    out[i] -= header.half_square;
  }
}

void RowCodes::distances(const CodeQuery& record, const std::int32_t* nodes, std::int64_t n_nodes, float* out) const {
  kernels().code_estimates(arguments(record, nodes, n_nodes), out);
  for (std::int64_t i = 0; i < n_nodes; ++i) out[i] = std::max(0.0f, 2 * (out[i] + record.half_square));
  if (frame_.metric() != Metric::inner_product) return;
  for (std::int64_t i = 0; i < n_nodes; ++i) {
    CodeHeader header;
    std::memcpy(&header, records_.data() + nodes[i] * stride_, sizeof(header));
    const float difference = header.tail - record.tail;
    out[i] += difference * difference;
  }
}

void RowCodes::restore(const Frame& frame, double largest_norm, std::vector<unsigned char> records) {
  frame_ = frame;
  largest_norm_ = largest_norm;
  records_ = std::move(records);
  n_records_ = static_cast<std::int64_t>(records_.size()) / stride_;
}

}  // namespace kneighbors

// SPDX-License-Identifier: Apache-2.0
// Answers of the core on fixed inputs, a digest of their bits for each part and instruction set: "set part digest".
// What stands here must be the same on every processor. Inputs are made by integer arithmetic alone.
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "kernels/dispatch.hpp"
#include "project/hadamard_projection.hpp"
#include "project/linear_projection.hpp"
#include "project/sign_projection.hpp"
#include "scan/exact.hpp"
#include "scan/flat_scan.hpp"
#include "threads/float_environment.hpp"
#include "threads/pool.hpp"
#include "tree/box_tree.hpp"

using namespace kneighbors;

namespace {

class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : state_(seed) {}
  std::uint64_t word() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  // In [-1, 1), a multiple of 2^-30.
  double value() { return static_cast<double>(static_cast<std::int64_t>(word() >> 33) - (1 << 30)) * 0x1p-30; }

 private:
  std::uint64_t state_;
};

class Digest {
 public:
  void add(std::uint64_t word) {
    for (int byte = 0; byte < 8; ++byte) hash_ = (hash_ ^ (word >> 8 * byte & 255)) * 0x100000001B3u;
  }
  template <class T>
  void add_all(const std::vector<T>& values) {
    for (const T& value : values) {
      if constexpr (sizeof(T) == 4) add(std::bit_cast<std::uint32_t>(value));
      else add(std::bit_cast<std::uint64_t>(value));
    }
  }
  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xCBF29CE484222325u;
};

enum class Kind { plain, far, tied, tiny, heavy };
constexpr Kind kinds[] = {Kind::plain, Kind::far, Kind::tied, Kind::tiny, Kind::heavy};

// Rows and queries of a kind, as float32 or float64.
struct Data {
  std::int64_t n_rows, n_queries, n_columns;
  std::vector<double> rows, queries;
  std::vector<float> narrow_rows, narrow_queries;

  Data(Kind kind, std::int64_t n_rows, std::int64_t n_queries, std::int64_t n_columns)
      : n_rows(n_rows), n_queries(n_queries), n_columns(n_columns) {
    Numbers numbers(static_cast<std::uint64_t>(n_columns) * 977 + static_cast<std::uint64_t>(kind));
    fill(rows, n_rows, kind, numbers);
    fill(queries, n_queries, kind, numbers);
    for (std::int64_t j = 0; j < n_columns; ++j) queries[static_cast<std::size_t>(j)] = rows[static_cast<std::size_t>(j)];
    narrow_rows.assign(rows.begin(), rows.end());
    narrow_queries.assign(queries.begin(), queries.end());
  }

  Rows row_view(bool wide) const {
    if (wide) return {rows.data(), true, n_rows, n_columns};
    return {narrow_rows.data(), false, n_rows, n_columns};
  }
  Rows query_view(bool wide) const {
    if (wide) return {queries.data(), true, n_queries, n_columns};
    return {narrow_queries.data(), false, n_queries, n_columns};
  }

 private:
  void fill(std::vector<double>& out, std::int64_t count, Kind kind, Numbers& numbers) {
    for (std::int64_t i = 0; i < count * n_columns; ++i) {
      double value = numbers.value();
      if (kind == Kind::far) value += 1000;
      if (kind == Kind::tied) value = std::floor(value * 2);
      if (kind == Kind::tiny) value *= 0x1p-140;
      if (kind == Kind::heavy) value = value * value * value / (1.0009765625 - value * value);
      out.push_back(value);
    }
  }
};

void say(const char* part, const Digest& digest) {
  std::printf("%s %s %016llx\n", kernels().name, part, static_cast<unsigned long long>(digest.value()));
}

constexpr std::int64_t widths[] = {1, 2, 3, 7, 8, 16, 17, 31, 33, 64, 100, 131, 384};
constexpr Metric metrics[] = {Metric::squared_euclidean, Metric::inner_product, Metric::cosine};

Interrupt never() {
  return Interrupt([] { return false; });
}

void search(CodecKind codec, const char* part) {
  Digest digest;
  const std::int64_t k = 7;
  for (const std::int64_t n_columns : widths) {
    for (const Kind kind : kinds) {
      const Data data(kind, 700, 20, n_columns);
      for (const Metric metric : metrics) {
        for (const bool wide : {false, true}) {
          FlatScan scan(data.row_view(wide), metric, codec, 2);
          std::vector<double> distances(static_cast<std::size_t>(data.n_queries * k));
          std::vector<std::int64_t> ids(distances.size());
          Interrupt interrupt = never();
          scan.search(data.query_view(wide), k, 2, nullptr, nullptr, distances.data(), ids.data(), interrupt);
          digest.add_all(distances), digest.add_all(ids);
          RadiusAnswer answer;
          scan.search_radius(data.query_view(wide), distances[static_cast<std::size_t>(k) * 3 - 1], 1, nullptr,
                             nullptr, answer, interrupt);
          digest.add_all(answer.offsets);
          for (const Neighbor& found : answer.neighbors) {
            digest.add(std::bit_cast<std::uint64_t>(found.distance)), digest.add(static_cast<std::uint64_t>(found.id));
          }
        }
      }
    }
  }
  say(part, digest);
}

void rerank() {
  Digest digest;
  for (const std::int64_t n_columns : widths) {
    for (const Kind kind : kinds) {
      const Data data(kind, 90, 3, n_columns);
      std::vector<std::int64_t> ids(90);
      for (std::int64_t i = 0; i < 90; ++i) ids[static_cast<std::size_t>(i)] = (i * 37 + 5) % 90;
      for (const Metric metric : metrics) {
        for (const bool wide : {false, true}) {
          ExactDistance exact(data.row_view(wide), metric, kernels());
          std::vector<double> distances(90), query(static_cast<std::size_t>(n_columns));
          for (std::int64_t i = 0; i < data.n_queries; ++i) {
            data.query_view(wide).widen(i, query.data());
            exact.set_query(query.data());
            for (const std::int64_t count : {90, 1, 5}) {
              distances.assign(static_cast<std::size_t>(count), 0);
              exact(ids.data(), count, distances.data());
              digest.add_all(distances);
            }
          }
        }
      }
    }
  }
  say("rerank", digest);
}

template <class T, class Projection>
void project(const Projection& projection, const Data& data, Digest& digest) {
  std::vector<T> out(static_cast<std::size_t>(data.n_rows * projection.target_dim()));
  Interrupt interrupt = never();
  projection.transform(data.row_view(sizeof(T) == 8), 2, out.data(), interrupt);
  digest.add_all(out);
}

void projections() {
  Digest sign, hadamard, linear;
  for (const std::int64_t n_columns : {1, 2, 5, 31, 32, 33, 64, 100, 257, 784}) {
    const Data data(Kind::plain, 37, 2, n_columns);
    for (const std::int64_t target : {1, 3, 16, 70}) {
      const SignProjection signs(7, n_columns, target);
      project<float>(signs, data, sign), project<double>(signs, data, sign);
      if (target > n_columns) continue;
      const HadamardProjection transform(9, n_columns, target);
      project<float>(transform, data, hadamard), project<double>(transform, data, hadamard);
      const Data components(Kind::heavy, target, 1, n_columns);
      const LinearProjection stored(components.queries.data(), components.rows.data(), target, n_columns);
      project<float>(stored, data, linear), project<double>(stored, data, linear);
    }
  }
  say("sign", sign), say("hadamard", hadamard), say("linear", linear);
}

template <class T>
void grow_tree(const T* rows, const Data& data, bool wide, Digest& digest) {
  const BoxTree<T> tree(rows, data.n_rows, data.n_columns, 2);
  const std::int64_t k = 6;
  for (const TreeFormula formula : {TreeFormula::squared, TreeFormula::absolute, TreeFormula::maximum}) {
    std::vector<double> values(static_cast<std::size_t>(data.n_queries * k));
    std::vector<std::int64_t> places(values.size());
    Interrupt interrupt = never();
    tree.search(rows, data.query_view(wide), k, formula, 2, nullptr, nullptr, values.data(), places.data(), interrupt);
    digest.add_all(values), digest.add_all(places);
  }
}

void trees() {
  Digest digest;
  for (const std::int64_t n_columns : {1, 2, 3, 5, 8, 11, 16}) {
    for (const Kind kind : kinds) {
      const Data data(kind, 900, 25, n_columns);
      grow_tree(data.rows.data(), data, true, digest);
      grow_tree(data.narrow_rows.data(), data, false, digest);
    }
  }
  say("tree", digest);
}

}  // namespace

int main() {
  for (const KernelTable* table : runnable_kernels()) {
    use_kernels(table->name);
    search(CodecKind::float32, "float32");
    search(CodecKind::int8, "int8");
    rerank();
    projections();
    trees();
  }
}

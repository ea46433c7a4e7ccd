// SPDX-License-Identifier: Apache-2.0
// The counter-based generator behind every random projection: Philox-4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel
// random numbers: as easy as 1, 2, 3", SC11). A word is a pure function of (seed, stream, row, position), so any part
// of a projection can be made at any time, anywhere, in any order.
//
//   key      the seed: low word, high word
//   counter  (position / 4, row, stream, 0); word number position % 4 of the block is the answer
#pragma once

#include <array>
#include <cstdint>

namespace kneighbors {

// What the random words are for. Part of the saved form: never renumber.
enum class Stream : std::uint32_t { sign_entries = 1, hadamard_flips = 2, hadamard_samples = 3 };

using PhiloxBlock = std::array<std::uint32_t, 4>;

constexpr PhiloxBlock philox(PhiloxBlock counter, std::uint32_t key_low, std::uint32_t key_high) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t first = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t second = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<std::uint32_t>(second >> 32) ^ counter[1] ^ key_low, static_cast<std::uint32_t>(second),
               static_cast<std::uint32_t>(first >> 32) ^ counter[3] ^ key_high, static_cast<std::uint32_t>(first)};
    key_low += 0x9E3779B9;
    key_high += 0xBB67AE85;
  }
  return counter;
}

// Words [first, first + count) of one row of a stream. Positions stay below 2^34, rows below 2^32.
inline void random_words(std::uint64_t seed, Stream stream, std::uint64_t row, std::uint64_t first,
                         std::uint64_t count, std::uint32_t* out) {
  PhiloxBlock block{};
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t position = first + i;
    if (i == 0 || position % 4 == 0) {
      block = philox({static_cast<std::uint32_t>(position / 4), static_cast<std::uint32_t>(row),
                      static_cast<std::uint32_t>(stream), 0},
                     static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32));
    }
    out[i] = block[position % 4];
  }
}

}  // namespace kneighbors

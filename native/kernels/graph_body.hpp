// SPDX-License-Identifier: Apache-2.0
// Estimates of rows picked one by one, from their codes. Included inside a namespace of one instruction set.
//
// Row codes have seven bits, so the sums are exact integers everywhere; what follows is three float operations in one
// order. Estimates are therefore the same on every machine, and so is the way that a walk takes.

static void code_estimates(const CodeArguments& codes, float* out) {
  constexpr std::int64_t ahead = 4;  // records to ask memory for beforehand: they lie anywhere
  const auto record = [&](std::int64_t i) { return codes.records + codes.nodes[i] * codes.stride; };
  const auto prefetch = [&](std::int64_t i) {
    const unsigned char* bytes = record(i);
    for (std::int64_t offset = 0; offset < codes.stride; offset += 64) __builtin_prefetch(bytes + offset);
  };
  for (std::int64_t i = 0; i < codes.n_nodes && i < ahead; ++i) prefetch(i);
  for (std::int64_t i = 0; i < codes.n_nodes; ++i) {
    if (i + ahead < codes.n_nodes) prefetch(i + ahead);
    CodeHeader header;
    __builtin_memcpy(&header, record(i), sizeof(header));
    const std::uint32_t* words = reinterpret_cast<const std::uint32_t*>(record(i) + sizeof(CodeHeader));
    const std::int32_t zero = 0;
    typename Lane::Integers sums[4] = {Lane::broadcast_integer(&zero), Lane::broadcast_integer(&zero),
                                       Lane::broadcast_integer(&zero), Lane::broadcast_integer(&zero)};
    for (std::int64_t word = 0; word < codes.n_words; word += code_block_words) {
#pragma GCC unroll 16
      for (int part = 0; part < code_block_words / Lane::width; ++part) {
        const typename Lane::Integers query =
            Lane::load_words(codes.query + word + part * Lane::width);
        Lane::add_byte_products(sums[part % 4], Lane::load_words(words + word + part * Lane::width), query);
      }
    }
    std::int32_t sum = codes.query_start + Lane::sum(sums[0]);
    if constexpr (Lane::width < 16) sum += Lane::sum(sums[1]);
    if constexpr (Lane::width < 8) sum += Lane::sum(sums[2]) + Lane::sum(sums[3]);
    const float product = codes.query_scale * (header.scale * static_cast<float>(sum));
    out[i] = header.half_square - product;
  }
}

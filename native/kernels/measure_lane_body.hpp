// SPDX-License-Identifier: Apache-2.0
// What the tiles of native/measure need of a register of floats beyond `Lane`. Included inside a namespace of one
// instruction set, after its `Lane`.

#define KN_LANE static inline __attribute__((always_inline))

// Arithmetic is written with the compiler's own vector operators where they exist.
#if defined(__AVX512F__) || defined(__AVX2__) || defined(__SSE4_2__) || defined(__ARM_NEON)
typedef std::int32_t MeasureWords __attribute__((vector_size(sizeof(Lane::Vector)), may_alias));
typedef float MeasureFloats __attribute__((vector_size(sizeof(Lane::Vector)), may_alias));
#else
typedef std::int32_t MeasureWords;
typedef float MeasureFloats;
#endif

template <class To, class From>
KN_LANE To same_bits(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  __builtin_memcpy(&to, &from, sizeof(to));
  return to;
}

struct MeasureLane {
  using Vector = Lane::Vector;
  using Integers = Lane::Integers;

  KN_LANE Vector fill(float value) { return Lane::broadcast(&value); }
  KN_LANE Vector add(Vector a, Vector b) { return a + b; }
  KN_LANE Vector subtract(Vector a, Vector b) { return a - b; }
  KN_LANE Vector multiply(Vector a, Vector b) { return a * b; }

  KN_LANE Vector absolute(Vector a) { return same_bits<Vector>(same_bits<MeasureWords>(a) & 0x7fffffff); }

#if defined(__AVX512F__)
  static constexpr float reciprocal_error = 0x1p-14f;
  KN_LANE Vector maximum(Vector a, Vector b) { return _mm512_maskz_max_ps(0xffff, a, b); }
  KN_LANE Vector reciprocal(Vector a) { return _mm512_maskz_rcp14_ps(0xffff, a); }
  KN_LANE Vector one_where_unequal(Vector a, Vector b, Vector sum) {
    return _mm512_mask_add_ps(sum, _mm512_cmp_ps_mask(a, b, _CMP_NEQ_UQ), sum, _mm512_set1_ps(1.0f));
  }
  KN_LANE std::uint32_t greater(Vector a, Vector b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
  KN_LANE void add_known(Vector difference, Vector& squares, Vector& counts) {
    const __mmask16 known = _mm512_cmp_ps_mask(difference, difference, _CMP_ORD_Q);
    squares = _mm512_mask3_fmadd_ps(difference, difference, squares, known);
    counts = _mm512_mask_add_ps(counts, known, counts, _mm512_set1_ps(1.0f));
  }
  KN_LANE Integers count_bits_of_bytes(Integers a) {
    const __m512i low = _mm512_set1_epi8(15);
    const __m512i counts = _mm512_maskz_broadcast_i32x4(0xffff, _mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    return _mm512_add_epi8(_mm512_shuffle_epi8(counts, a & low),
                           _mm512_shuffle_epi8(counts, _mm512_srli_epi16(a, 4) & low));
  }
  KN_LANE Integers add_bytes(Integers a, Integers b) { return _mm512_add_epi8(a, b); }
#elif defined(__AVX2__)
  static constexpr float reciprocal_error = 0x1p-11f;
  KN_LANE Vector maximum(Vector a, Vector b) { return _mm256_max_ps(a, b); }
  KN_LANE Vector reciprocal(Vector a) { return _mm256_rcp_ps(a); }
  KN_LANE Vector one_where_unequal(Vector a, Vector b, Vector sum) {
    return sum + _mm256_and_ps(_mm256_cmp_ps(a, b, _CMP_NEQ_UQ), _mm256_set1_ps(1.0f));
  }
  KN_LANE std::uint32_t greater(Vector a, Vector b) {
    return static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ)));
  }
  KN_LANE void add_known(Vector difference, Vector& squares, Vector& counts) {
    const Vector known = _mm256_cmp_ps(difference, difference, _CMP_ORD_Q);
    const Vector kept = _mm256_and_ps(difference, known);
    squares = Lane::multiply_add(kept, kept, squares);
    counts = counts + _mm256_and_ps(known, _mm256_set1_ps(1.0f));
  }
  KN_LANE Integers count_bits_of_bytes(Integers a) {
    const __m256i low = _mm256_set1_epi8(15);
    const __m256i counts = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    return _mm256_add_epi8(_mm256_shuffle_epi8(counts, a & low),
                           _mm256_shuffle_epi8(counts, _mm256_srli_epi16(a, 4) & low));
  }
  KN_LANE Integers add_bytes(Integers a, Integers b) { return _mm256_add_epi8(a, b); }
#elif defined(__SSE4_2__)
  static constexpr float reciprocal_error = 0x1p-11f;
  KN_LANE Vector maximum(Vector a, Vector b) { return _mm_max_ps(a, b); }
  KN_LANE Vector reciprocal(Vector a) { return _mm_rcp_ps(a); }
  KN_LANE Vector one_where_unequal(Vector a, Vector b, Vector sum) {
    return sum + _mm_and_ps(_mm_cmpneq_ps(a, b), _mm_set1_ps(1.0f));
  }
  KN_LANE std::uint32_t greater(Vector a, Vector b) {
    return static_cast<std::uint32_t>(_mm_movemask_ps(_mm_cmpgt_ps(a, b)));
  }
  KN_LANE void add_known(Vector difference, Vector& squares, Vector& counts) {
    const Vector known = _mm_cmpord_ps(difference, difference);
    const Vector kept = _mm_and_ps(difference, known);
    squares = squares + kept * kept;
    counts = counts + _mm_and_ps(known, _mm_set1_ps(1.0f));
  }
  KN_LANE Integers count_bits_of_bytes(Integers a) {
    const __m128i low = _mm_set1_epi8(15);
    const __m128i counts = _mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    return _mm_add_epi8(_mm_shuffle_epi8(counts, a & low), _mm_shuffle_epi8(counts, _mm_srli_epi16(a, 4) & low));
  }
  KN_LANE Integers add_bytes(Integers a, Integers b) { return _mm_add_epi8(a, b); }
#elif defined(__ARM_NEON)
  static constexpr float reciprocal_error = 0x1p-14f;
  KN_LANE Vector maximum(Vector a, Vector b) { return vmaxq_f32(a, b); }
  KN_LANE Vector reciprocal(Vector a) {
    const Vector rough = vrecpeq_f32(a);  // 8 bits; one step doubles them
    return vmulq_f32(rough, vrecpsq_f32(a, rough));
  }
  KN_LANE Vector one_where_unequal(Vector a, Vector b, Vector sum) {
    return vaddq_f32(sum, vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(vdupq_n_f32(1.0f)), vceqq_f32(a, b))));
  }
  KN_LANE std::uint32_t greater(Vector a, Vector b) {
    const uint32x4_t bits = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(vcgtq_f32(a, b), bits));
  }
  KN_LANE void add_known(Vector difference, Vector& squares, Vector& counts) {
    const uint32x4_t known = vceqq_f32(difference, difference);
    const Vector kept = vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(difference), known));
    squares = vfmaq_f32(squares, kept, kept);
    counts = vaddq_f32(counts, vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(vdupq_n_f32(1.0f)), known)));
  }
  KN_LANE Integers count_bits_of_bytes(Integers a) {
    return vreinterpretq_s32_u8(vcntq_u8(vreinterpretq_u8_s32(a)));
  }
  KN_LANE Integers add_bytes(Integers a, Integers b) {
    return vreinterpretq_s32_u8(vaddq_u8(vreinterpretq_u8_s32(a), vreinterpretq_u8_s32(b)));
  }
#else
  static constexpr float reciprocal_error = 0x1p-22f;
  KN_LANE Vector maximum(Vector a, Vector b) { return a > b ? a : b; }
  KN_LANE Vector reciprocal(Vector a) { return 1.0f / a; }
  KN_LANE Vector one_where_unequal(Vector a, Vector b, Vector sum) { return sum + (a != b ? 1.0f : 0.0f); }
  KN_LANE std::uint32_t greater(Vector a, Vector b) { return a > b; }
  KN_LANE void add_known(Vector difference, Vector& squares, Vector& counts) {
    if (difference == difference) squares += difference * difference, counts += 1.0f;
  }
  KN_LANE Integers count_bits_of_bytes(Integers a) {
    std::uint32_t v = static_cast<std::uint32_t>(a);
    v -= (v >> 1) & 0x55555555u;
    v = (v & 0x33333333u) + ((v >> 2) & 0x33333333u);
    return static_cast<Integers>((v + (v >> 4)) & 0x0f0f0f0fu);
  }
  KN_LANE Integers add_bytes(Integers a, Integers b) { return a + b; }  // no byte passes 127 here
#endif

  // a^p for a >= 0, within (p + 1) * 2^-14 relative for results from 2^-120 to 2^125; smaller ones may come out as
  // anything up to 2^-119, larger ones as 2^125 or more. 0 where a < 2^-126. The logarithm is the exponent plus a
  // polynomial of the mantissa, 1.5e-5 off at most, the power of two a polynomial 4e-6 off (both interpolate at
  // Chebyshev's points); the exponent times p rounds to within 2^-17 of p and of 126.
  KN_LANE Vector power(Vector a, float p) {
    const MeasureWords bits = same_bits<MeasureWords>(a);
    const MeasureWords exponents = ((bits >> 23) & 0xff) - 127;
    const Vector x = same_bits<Vector>((bits & 0x007fffff) | 0x3f800000) - fill(1.0f);  // [0, 1)
    Vector series = Lane::multiply_add(x, fill(4.39286269e-2f), fill(-1.89832449e-1f));
    series = Lane::multiply_add(series, x, fill(4.11561489e-1f));
    series = Lane::multiply_add(series, x, fill(-7.07253456e-1f));
    series = Lane::multiply_add(series, x, fill(1.44159210f));
    series = Lane::multiply_add(series, x, fill(1.43909301e-5f));
    Vector t = (to_floats(exponents) + series) * fill(p);
    t = minimum(maximum(t, fill(-126.0f)), fill(126.0f));
    // t = i + f with f in [-0.5, 0.5]
    const Vector magic = fill(12582912.0f);
    const Vector shifted = t + magic;
    const Vector f = t - (shifted - magic);
    Vector e = Lane::multiply_add(f, fill(9.67604e-3f), fill(5.592204e-2f));
    e = Lane::multiply_add(e, f, fill(2.4022107e-1f));
    e = Lane::multiply_add(e, f, fill(6.9312102e-1f));
    e = Lane::multiply_add(e, f, fill(1.00000012f));
    const Vector result = same_bits<Vector>(same_bits<MeasureWords>(e) + (same_bits<MeasureWords>(shifted) << 23));
    return result * minimum(a * fill(0x1p126f), fill(1.0f));
  }

  KN_LANE Vector minimum(Vector a, Vector b) { return a < b ? a : b; }
  KN_LANE Vector to_floats(MeasureWords words) { return Lane::to_float(same_bits<Integers>(words)); }
};

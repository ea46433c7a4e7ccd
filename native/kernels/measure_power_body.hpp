// SPDX-License-Identifier: Apache-2.0
// Powers in float64 that are the same on every machine: only additions, multiplications and divisions, each rounded
// by itself, in a fixed order. Included after rerank_body.hpp, whose eight lanes it shares.

typedef std::int64_t Bits8 __attribute__((vector_size(64)));

KN_LANE Lanes8 magnitude(Lanes8 a) { return (Lanes8)((Bits8)a & 0x7fffffffffffffffLL); }

// log2 of positive normal numbers, a few units in the last place off. a = m 2^e with m in [sqrt(1/2), sqrt(2));
// log2 m = 2 / ln 2 (s + s^3/3 + s^5/5 + ...), s = (m - 1) / (m + 1).
KN_LANE Lanes8 logarithm8(Lanes8 a) {
  const Bits8 bits = (Bits8)a;
  // Adding this to the mantissa carries into the exponent from sqrt(2) on.
  const Bits8 shifted = bits + (0x3ff0000000000000LL - 0x3fe6a09e667f3bcdLL);
  const Bits8 exponents = (shifted >> 52) - 1023;
  const Lanes8 m = (Lanes8)(bits - (exponents << 52));
  const Lanes8 whole = (Lanes8)(exponents + 0x4338000000000000LL) - 0x1.8p52;  // the integer as a number
  const Lanes8 s = (m - 1.0) / (m + 1.0);
  const Lanes8 z = s * s;
  Lanes8 series = z * (1.0 / 23) + 1.0 / 21;
  series = series * z + 1.0 / 19;
  series = series * z + 1.0 / 17;
  series = series * z + 1.0 / 15;
  series = series * z + 1.0 / 13;
  series = series * z + 1.0 / 11;
  series = series * z + 1.0 / 9;
  series = series * z + 1.0 / 7;
  series = series * z + 1.0 / 5;
  series = series * z + 1.0 / 3;
  const Lanes8 natural = 2.0 * s + 2.0 * (s * (z * series));
  return whole + natural * 0x1.71547652b82fep0;  // 1 / ln 2
}

// 2^t: 0 below -1022, infinity from 1024 on.
KN_LANE Lanes8 exponential8(Lanes8 t) {
  const Lanes8 held = t < -1100.0 ? Lanes8{} - 1100.0 : (t > 1100.0 ? Lanes8{} + 1100.0 : t);
  const Lanes8 shifted = held + 0x1.8p52;
  const Lanes8 whole = shifted - 0x1.8p52;
  const Lanes8 x = (held - whole) * 0x1.62e42fefa39efp-1;  // ln 2; |x| <= 0.35
  Lanes8 series = x * (1.0 / 87178291200.0) + 1.0 / 6227020800.0;
  series = series * x + 1.0 / 479001600.0;
  series = series * x + 1.0 / 39916800.0;
  series = series * x + 1.0 / 3628800.0;
  series = series * x + 1.0 / 362880.0;
  series = series * x + 1.0 / 40320.0;
  series = series * x + 1.0 / 5040.0;
  series = series * x + 1.0 / 720.0;
  series = series * x + 1.0 / 120.0;
  series = series * x + 1.0 / 24.0;
  series = series * x + 1.0 / 6.0;
  series = series * x + 0.5;
  series = series * x + 1.0;
  series = series * x + 1.0;
  const Bits8 exponents = (Bits8)shifted - 0x4338000000000000LL;
  // Two factors, so that neither leaves the range when the result is near its end.
  const Bits8 half = exponents >> 1;
  const Lanes8 result =
      series * (Lanes8)((half + 1023) << 52) * (Lanes8)((exponents - half + 1023) << 52);
  const Lanes8 infinite = Lanes8{} + __builtin_inf();
  return held < -1022.0 ? Lanes8{} : (held >= 1024.0 ? infinite : result);
}

// a^p for a >= 0 and p > 0, with a relative error of at most (|p log2 a| + 3) 2^-51; 0 for a below 2^-1022.
KN_LANE Lanes8 power8(Lanes8 a, double p) {
  const Lanes8 safe = a < 0x1p-1022 ? Lanes8{} + 1.0 : a;
  const Lanes8 result = exponential8(logarithm8(safe) * p);
  return a < 0x1p-1022 ? Lanes8{} : result;
}

KN_LANE double power_of(double a, double p) {
  const Lanes8 result = power8(Lanes8{} + a, p);
  return result[0];
}

// a^p for a whole p >= 1, by squaring: the bits of p from the second highest down.
KN_LANE Lanes8 whole_power8(Lanes8 a, int p) {
  Lanes8 result = a;
  int bit = 1;
  while (2 * bit <= p) bit *= 2;
  for (bit /= 2; bit > 0; bit /= 2) {
    result = result * result;
    if (p & bit) result = result * a;
  }
  return result;
}

// SPDX-License-Identifier: Apache-2.0
// The angle between two points on a sphere, the same on every machine: sine, cosine and arc sine are computed here
// from additions, multiplications, divisions and square roots, each rounded by itself, in a fixed order.
#pragma once

#include <cmath>

namespace kneighbors {

struct SineCosine {
  double sine, cosine;
};

// For |x| up to 2^20; within 2 units in the last place of the larger of the two. Quarter turns are taken off in three parts of
// 33, 33 and 53 bits, so that each product with their number is exact.
inline SineCosine sine_cosine(double x) {
  const double turns = (x * 0x1.45f306dc9c883p-1 + 0x1.8p52) - 0x1.8p52;  // 2 / pi
  const double r = ((x - turns * 0x1.921fb544p0) - turns * 0x1.0b4611a6p-34) - turns * 0x1.3198a2e037073p-69;
  const double z = r * r;
  double s = z * (1.0 / 355687428096000.0) - 1.0 / 1307674368000.0;
  s = s * z + 1.0 / 6227020800.0;
  s = s * z - 1.0 / 39916800.0;
  s = s * z + 1.0 / 362880.0;
  s = s * z - 1.0 / 5040.0;
  s = s * z + 1.0 / 120.0;
  s = s * z - 1.0 / 6.0;
  const double sine = r + r * (z * s);
  double c = z * (-1.0 / 6402373705728000.0) + 1.0 / 20922789888000.0;
  c = c * z - 1.0 / 87178291200.0;
  c = c * z + 1.0 / 479001600.0;
  c = c * z - 1.0 / 3628800.0;
  c = c * z + 1.0 / 40320.0;
  c = c * z - 1.0 / 720.0;
  c = c * z + 1.0 / 24.0;
  c = c * z - 0.5;
  const double cosine = 1.0 + z * c;
  switch (static_cast<long long>(turns) & 3) {
    case 0: return {sine, cosine};
    case 1: return {cosine, -sine};
    case 2: return {-sine, -cosine};
    default: return {-cosine, sine};
  }
}

// For 0 <= x <= 1. Up to 1/2 by its power series, beyond by asin x = pi/2 - 2 asin sqrt((1 - x)/2).
inline double arc_sine(double x) {
  const bool upper = x > 0.5;
  const double y = upper ? std::sqrt((1.0 - x) * 0.5) : x;
  const double z = y * y;
  constexpr int n_terms = 26;
  double coefficients[n_terms];
  double factor = 1.0;
  for (int k = 0; k < n_terms; ++k) {
    coefficients[k] = factor / (2 * k + 1);
    factor = factor * (2 * k + 1) / (2 * k + 2);
  }
  double series = coefficients[n_terms - 1];
  for (int k = n_terms - 2; k > 0; --k) series = series * z + coefficients[k];
  const double angle = y + y * (z * series);
  return upper ? 0x1.921fb54442d18p0 - 2.0 * angle : angle;
}

struct SpherePoint {
  double latitude, longitude, cosine_of_latitude;
};

inline SpherePoint sphere_point(double latitude, double longitude) {
  return {latitude, longitude, sine_cosine(latitude).cosine};
}

// 2 asin sqrt( sin^2((b.lat - a.lat) / 2) + cos a.lat cos b.lat sin^2((b.lon - a.lon) / 2) ), held to [0, pi].
inline double haversine_angle(const SpherePoint& a, const SpherePoint& b) {
  const double north = sine_cosine(0.5 * (a.latitude - b.latitude)).sine;
  const double east = sine_cosine(0.5 * (a.longitude - b.longitude)).sine;
  const double square = north * north + a.cosine_of_latitude * b.cosine_of_latitude * (east * east);
  const double held = square > 0 ? (square < 1 ? square : 1.0) : 0.0;
  return 2.0 * arc_sine(std::sqrt(held));
}

}  // namespace kneighbors

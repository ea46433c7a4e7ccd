// SPDX-License-Identifier: Apache-2.0
// Which rows can still be among the nearest, judged by a tile's sums. docs/algorithms/metric-scan.md derives every
// line; the symbols are those of measure_panels.hpp.
//
// A tile drops a pair if  first > limit + weight * e + share * second.  Every part is at least 0 (but for bits, whose
// sums are whole numbers), so that the float32 arithmetic of the right side loses at most a part in 2^22 of it, which
// `outward` adds beforehand. A limit of infinity keeps everything.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "measure/measure_panels.hpp"

namespace kneighbors {

struct MeasureLimits {
  float limit, weight, share;
  std::int64_t byte_limit;
};

struct Interval {
  double lower, upper;
};

class MeasureBound {
 public:
  MeasureBound(const MeasurePanels& panels, const Placed& placed, float reciprocal_error)
      : term_(panels.term()),
        measure_(panels.spec().measure),
        power_(measure_ == Measure::haversine || measure_ == Measure::nan_euclidean ? 2 : panels.spec().power),
        n_columns_(static_cast<double>(panels.n_columns())),
        error_(placed.error),
        largest_error_(panels.largest_error()),
        scale_(std::ldexp(1.0, panels.exponent())),
        unscale_(std::ldexp(1.0, -panels.exponent())),
        code_size_(panels.code_size()),
        size_(static_cast<double>(placed.size)),
        unknown_(static_cast<double>(placed.unknown)) {
    if (term_ == Term::power) {
      gamma_ = (n_columns_ + 16) * 0x1p-23 + (power_ + 1) * 0x1p-13;
    } else {
      gamma_ = (n_columns_ + 32) * 0x1p-23 + (term_ == Term::canberra ? 2.0 * reciprocal_error : 0.0);
    }
    // What the float64 distance itself can be off by, relative.
    exact_error_ = (n_columns_ + 64) * 0x1p-50;
    if (measure_ == Measure::minkowski) {
      exact_error_ = (n_columns_ + power_ + 1300) * 0x1p-49 * std::max(1.0, 1.0 / power_);
    }
    // A canberra term moves by less than 2^-23 when both entries are rounded to float32.
    drift_ = term_ == Term::canberra ? n_columns_ * 0x1p-22 + error_ : 0;
    screenable_ = placed.screenable && gamma_ < 0.25 && std::isfinite(error_) && error_ < 0x1p100 &&
                  exact_error_ < 0x1p-10;
  }

  MeasureLimits allow(double distance) const {
    MeasureLimits all{std::numeric_limits<float>::infinity(), 1, 0, unlimited};
    if (!screenable_ || !(distance < std::numeric_limits<double>::infinity())) return all;
    distance = std::max(distance, 0.0);
    const double most = distance * (1 + exact_error_) + 1e-300, grown = 1 + gamma_;
    const double reach = most * scale_ + error_;  // lengths in the panels
    switch (term_) {
      case Term::bytes: {
        const double codes = reach / code_size_ * (1 + 1e-12) + 2;
        return {0, 0, 0, codes < 0x1p49 ? static_cast<std::int64_t>(codes) : unlimited};
      }
      case Term::absolute: return outward(reach * grown, grown, 0);
      case Term::largest: return outward(reach * grown, grown, 0);
      case Term::square:
      case Term::cube:
      case Term::fourth:
      case Term::power: {
        if (power_ < 1) return outward((power_of(most * scale_) + error_) * grown, grown, 0);
        const double length = measure_ == Measure::haversine
                                  ? 2 * std::sin(std::min(most, 3.14159265358979) / 2) + 2e-7 * error_ + error_
                                  : reach;
        const double slack = measure_ == Measure::haversine ? 1e-13 : 0x1p-118 * n_columns_;
        return outward((power_of(length) + slack) * grown,
                       power_ * std::pow(length + largest_error_, power_ - 1) * (1 + 1e-12) * grown, 0);
      }
      case Term::unequal: return outward(most * n_columns_ + 1e-3, 1e-30, 0);
      case Term::canberra: return outward((most + drift_) * grown, grown, 0);
      case Term::bray_curtis: {
        const double lost = (1 + most) * grown;
        return outward(lost * error_ + most * 1e-30, lost, most * grown / (1 - gamma_));
      }
      case Term::known_square: {
        const double length = most * scale_;
        return outward((2 * length * error_ + error_ * error_ + 0x1p-118 * n_columns_) * grown,
                       (2 * length + 2 * error_ + largest_error_) * grown,
                       length * length / n_columns_ * grown);
      }
      case Term::differing: {
        // Whole numbers: a quarter on either side of them decides nothing.
        return outward(std::max(0.0, most * n_columns_ - unknown_) + 0.25, 1e-30, 0);
      }
      case Term::common: return allow_sets(most);
    }
    return all;
  }

  // What the sums say about the distance: it is at least `lower` and at most `upper`.
  Interval interval(float first_sum, float second_sum, float row_error) const {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const double first = first_sum, second = second_sum, lost = static_cast<double>(row_error) + error_;
    if (!screenable_ || !std::isfinite(first) || !std::isfinite(second) || !std::isfinite(row_error)) {
      return {0, infinity};
    }
    const double least = first / (1 + gamma_), most = (first + 0x1p-100) / (1 - gamma_);
    switch (term_) {
      case Term::bytes: return unplaced(first * code_size_ - lost, first * code_size_ + lost);
      case Term::absolute:
      case Term::largest: return unplaced(least - lost, most + lost);
      case Term::square:
      case Term::cube:
      case Term::fourth:
      case Term::power: {
        const double vanished = term_ == Term::power ? n_columns_ * std::pow(0x1p-126, std::min(1.0, power_)) * 2
                                                     : n_columns_ * 0x1p-100;
        const double high = first < 0x1p100 ? most + vanished : infinity;
        if (power_ < 1) return unplaced(root_of(least - lost), root_of(high + lost));
        const double low = root_of(least - n_columns_ * 0x1p-120);
        if (measure_ != Measure::haversine) return unplaced(low - lost, root_of(high) + lost);
        const double near = std::min(2.0, std::max(0.0, low - lost - 1e-15)), far = root_of(high) + lost + 1e-13;
        return {2 * std::asin(near / 2) * (1 - 1e-12) - 1e-15,
                far < 2 ? 2 * std::asin(far / 2) * (1 + 1e-12) + 1e-15 : 3.2};
      }
      case Term::unequal: return counted(first, std::min(n_columns_, first + lost));
      case Term::canberra: {
        const double drift = drift_ + row_error;
        return {at_least_zero(least - drift) * (1 - exact_error_), (most + drift) * (1 + exact_error_)};
      }
      case Term::bray_curtis: {
        const double together = second / (1 + gamma_) - lost;
        return {at_least_zero(least - lost) / ((second + 0x1p-100) / (1 - gamma_) + lost) * (1 - 2 * exact_error_),
                together > 0 ? (most + lost) / together * (1 + 2 * exact_error_) : infinity};
      }
      case Term::known_square: {
        if (second < 1) return {infinity, infinity};
        const double stretch = std::sqrt(n_columns_ / second);
        const double low = std::sqrt(least) - lost, high = std::sqrt(most + n_columns_ * 0x1p-100) + lost;
        return unplaced(at_least_zero(low) * stretch * (1 - 1e-14), high * stretch * (1 + 1e-14));
      }
      case Term::differing: return counted(first + unknown_, first + unknown_);
      case Term::common: {
        const double value = set_distance(measure_, std::llround(second), std::llround(size_),
                                          std::llround(static_cast<double>(row_error)), std::llround(n_columns_));
        return {value, value};
      }
    }
    return {0, infinity};
  }

  // False: nothing is known before the exact distance is.
  bool screenable() const { return screenable_; }

 private:
  static constexpr std::int64_t unlimited = std::int64_t{1} << 50;

  static double at_least_zero(double value) { return value > 0 ? value : 0; }
  double power_of(double length) const {
    return (power_ == 2 ? length * length : std::pow(length, power_)) * (1 + 1e-12);
  }
  double root_of(double sum) const {
    const double held = at_least_zero(sum);
    return power_ == 2 ? std::sqrt(held) : std::pow(held, 1 / power_);
  }

  // From lengths in the panels to distances.
  Interval unplaced(double low, double high) const {
    return {at_least_zero(low) * (1 - 1e-11) * unscale_ * (1 - exact_error_),
            high * (1 + 1e-11) * unscale_ * (1 + exact_error_) + 1e-300};
  }
  Interval counted(double low, double high) const {
    return {low / n_columns_ * (1 - 1e-15), high / n_columns_ * (1 + 1e-15)};
  }

  static MeasureLimits outward(double limit, double weight, double share) {
    constexpr double margin = 1 + 0x1p-20;
    if (!(limit < 0x1p115) || !(weight < 0x1p100) || !(share < 0x1p100)) {
      return {std::numeric_limits<float>::infinity(), 1, 0, unlimited};
    }
    return {round_up(limit * margin), round_up(weight * margin), share > 0 ? round_up(share * margin) : 0.0f,
            unlimited};
  }

  // num - T den <= 0, linear in the bits common to both: dropped if 0 > limit - apart * row size + common * count.
  // Every number stays below 2^3 n, and float32 rounds thrice: 2^-18 n is more than that, and less than a bit counts
  // for unless T is within it of a tie.
  MeasureLimits allow_sets(double most) const {
    const double t = std::min(most, 1.0);
    double apart = 0, common = 0, rest = 0;
    switch (measure_) {
      case Measure::jaccard: apart = 1 - t, common = 2 - t, rest = -(1 - t) * size_; break;
      case Measure::dice: apart = 1 - t, common = 2, rest = -(1 - t) * size_; break;
      case Measure::rogerstanimoto:
        apart = 2 - t, common = 2 * (2 - t), rest = t * n_columns_ - (2 - t) * size_;
        break;
      case Measure::sokalsneath: apart = 2 - 2 * t, common = 4 - 3 * t, rest = -(2 - 2 * t) * size_; break;
      default: apart = 0, common = 1, rest = t * n_columns_ - n_columns_; break;  // russellrao
    }
    return {round_up(rest + n_columns_ * 0x1p-18), static_cast<float>(-apart), static_cast<float>(common), unlimited};
  }

  Term term_;
  Measure measure_;
  double power_, n_columns_, error_, largest_error_, scale_, unscale_, code_size_, size_, unknown_;
  double gamma_ = 0, exact_error_ = 0, drift_ = 0;
  bool screenable_ = false;
};

}  // namespace kneighbors

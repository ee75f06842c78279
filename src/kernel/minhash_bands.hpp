// Which values of a signature make a band, and how much it is worth to search one.
//
// The values are laid in a grid of `values` lines of 128 / `values`; a band takes one value of each line, along a
// slope. So bands of one slope share nothing, and bands of two slopes one value at most. Where a band's bucket is
// crowded, one more value tells its members apart: the band is extended.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "signature_kernels.hpp"

namespace hashpact {

class Bands {
  public:
    static constexpr unsigned kMostBands = 256;
    static constexpr unsigned kMostValues = 5;

    // Throws std::invalid_argument unless that is possible.
    Bands(unsigned count, unsigned values);

    static bool possible(std::uint64_t count, std::uint64_t values) {
        return count >= 1 && count <= kMostBands && values >= 2 && values <= kMostValues;
    }

    unsigned count() const { return count_; }
    unsigned values() const { return values_; }

    // A hash of the values that a signature has in a band.
    std::uint32_t hash(const std::uint32_t* signature, unsigned band) const {
        std::uint64_t hash = band;
        const std::uint8_t* place = places_.data() + std::size_t{band} * (values_ + 1);
        for (unsigned i = 0; i < values_; ++i) hash = mixed(hash ^ signature[place[i]]);
        return static_cast<std::uint32_t>(hash >> 32);
    }

    // A hash of these and one value more.
    std::uint32_t extended(const std::uint32_t* signature, unsigned band, std::uint32_t hash) const {
        const std::uint32_t more = signature[places_[std::size_t{band} * (values_ + 1) + values_]];
        return static_cast<std::uint32_t>(mixed(mixed(hash) ^ more) >> 32);
    }

    // The logarithm of the chance that a band misses a signature that differs in so many of the 128 values, negated: of
    // independent bands the sum counts. Signatures that differ in more than half of the values count as those that
    // differ in half of them.
    double worth(unsigned differences) const { return worth_[differences]; }
    double worth_extended(unsigned differences) const { return worth_extended_[differences]; }

    // What all bands are worth together for what differs in half of the values, and each search is to reach: nothing
    // less similar may be asked for in a check, and the number of bands is chosen for it.
    double enough() const { return count_ * worth(kSignatureValues); }

  private:
    static std::uint64_t mixed(std::uint64_t x) {
        x *= 0x9E3779B97F4A7C15U;
        return x ^ x >> 32;
    }

    unsigned count_;
    unsigned values_;
    std::array<std::uint8_t, std::size_t{kMostBands} * (kMostValues + 1)> places_{};
    std::array<double, kSignatureValues + 1> worth_{};
    std::array<double, kSignatureValues + 1> worth_extended_{};
};

}  // namespace hashpact

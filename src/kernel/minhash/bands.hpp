// Which values of a signature make a band, and how much it is worth to search one.
//
// The values are laid in a grid of `values` lines of 128 / `values`; a band takes one value of each line, along a
// slope. So bands of one slope share nothing, and bands of two slopes one value at most. Where a band's bucket is
// crowded, one more value distinguishes its members: the band is extended.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "minhash/signature.hpp"

namespace hashpact {

class Bands {
  public:
    static constexpr unsigned kMostNeeded = 256;
    static constexpr unsigned kMostBands = kMostNeeded + kMostNeeded / 8;
    static constexpr unsigned kMostValues = 5;

    // A signature with each line of the grid twice, one after the other, so that the bands of a slope take consecutive
    // values of it, wherever they begin. Hashes are made some lanes at a time: behind it is room to read.
    using Grid = std::array<std::uint32_t, 2 * kSignatureValues + kHashLanes>;

    // Room for the hashes of all bands.
    using Hashes = std::array<std::uint32_t, kMostBands + kHashLanes>;

    // Throws std::invalid_argument unless that is possible.
    Bands(unsigned needed, unsigned values);

    static bool possible(std::uint64_t needed, std::uint64_t values) {
        return needed >= 1 && needed <= kMostNeeded && values >= 2 && values <= kMostValues;
    }

    // As many bands are enough as long as none of them is extended. There are some more to make up for those that are.
    unsigned needed() const { return needed_; }
    unsigned count() const { return needed_ + needed_ / 8; }
    unsigned values() const { return values_; }

    void lay(const SignatureValues& signature, Grid& grid) const;

    // Writes a hash of the values that a signature has in each of `count` bands, and spoils kHashLanes places after it.
    void hashes(const Grid& grid, unsigned first, unsigned count, std::uint32_t* out) const;

    // A hash of a band's hash and one value more.
    std::uint32_t extended(const Grid& grid, unsigned band, std::uint32_t hash) const {
        const std::uint64_t mixed = ((std::uint64_t{hash} << 32) ^ grid[band % width_ + 1]) * 0x9E3779B97F4A7C15U;
        return static_cast<std::uint32_t>((mixed ^ mixed >> 32) * 0x9E3779B97F4A7C15U >> 32);
    }

    // The logarithm of the chance that a band misses a signature that differs in so many of the 128 values, negated: of
    // independent bands the sum counts. Signatures that differ in more than half of the values count as those that
    // differ in half of them.
    double worth(unsigned differences) const { return worth_[differences]; }
    double worth_extended(unsigned differences) const { return worth_extended_[differences]; }

    // What the bands that are needed are worth together for what differs in half of the values, and each search is to reach: nothing
    // less similar may be asked for in a check, and the number of bands is chosen for it.
    double enough() const { return needed_ * worth(kSignatureValues); }

  private:
    unsigned needed_;
    unsigned values_;
    unsigned width_;  // of a line of the grid
    std::array<double, kSignatureValues + 1> worth_{};
    std::array<double, kSignatureValues + 1> worth_extended_{};
};

}  // namespace hashpact

// What the hashes of a record weigh.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "winnow/search.hpp"

namespace hashpact {

// Weights are whole numbers, so that sums are exact in any order.
constexpr std::uint32_t kWhole = 1U << 2 * kRange;
constexpr std::uint32_t kLeast = 1;

// What a hash weighs in a record whose own hashes are so common.
inline std::uint32_t weight(std::uint32_t commonness, std::uint32_t own) {
    return commonness <= own ? kWhole : kWhole >> 2 * std::min(commonness - own, kRange);
}

// How many hashes of a record are how common.
class Tally {
  public:
    void add(std::uint32_t commonness) {
        ++hashes_[commonness];
        ++size_;
    }

    std::size_t size() const { return size_; }

    // How common the rarest hash but so many is; most common if there are no more.
    std::uint32_t rarest_but(std::size_t passed) const {
        for (std::uint32_t commonness = 0; commonness < kMostCommon; ++commonness) {
            if (hashes_[commonness] > passed) return commonness;
            passed -= hashes_[commonness];
        }
        return kMostCommon;
    }

    std::uint64_t weigh(std::uint32_t own) const {
        std::uint64_t sum = 0;
        for (std::uint32_t commonness = 0; commonness <= kMostCommon; ++commonness) {
            sum += std::uint64_t{hashes_[commonness]} * weight(commonness, own);
        }
        return sum;
    }

  private:
    std::array<std::uint32_t, kMostCommon + 1> hashes_{};
    std::size_t size_ = 0;
};

}  // namespace hashpact

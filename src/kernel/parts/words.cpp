#include "parts/words.hpp"

#include <algorithm>
#include <cstring>

#include "isa/cpu.hpp"

namespace hashpact {

namespace {

constexpr unsigned kHalfBits = 8 * kHalfBytes;

constexpr unsigned kHalfWords64 = kHalfBytes / sizeof(std::uint64_t);

// The centers of both halves, aligned.
struct Centers {
    std::uint64_t words[2][kHalfWords * kHalfWords64];

    Centers() {
        static_assert(sizeof words == sizeof kCenters, "the same bytes");
        std::memcpy(words, kCenters, sizeof words);
    }
};

// The distances of all centers of a half.
using Distances = std::array<std::uint16_t, kHalfWords>;

Distances distances(const unsigned char* descriptor, unsigned half) {
    static const Centers centers;
    std::uint64_t wanted[kHalfWords64];
    std::memcpy(wanted, descriptor + half * kHalfBytes, sizeof wanted);
    Distances out;
    std::array<std::uint32_t, kHalfWords> all;
    kernels().scan(centers.words[half], kHalfWords64, kHalfWords, wanted, kHalfBits, all.data(), out.data());
    return out;
}

std::uint32_t nearest(const unsigned char* descriptor, unsigned half) {
    const Distances all = distances(descriptor, half);
    return static_cast<std::uint32_t>(std::min_element(all.begin(), all.end()) - all.begin());
}

// The centers of a half by their distance, in the order of their numbers, as far as there are probes: no cell further
// down is among the nearest.
struct ByDistance {
    std::array<std::uint16_t, kProbes> centers;
    std::array<std::uint8_t, kHalfBits + 2> begins{};  // of each distance, and the end of the last

    ByDistance(const unsigned char* descriptor, unsigned half) {
        const Distances all = distances(descriptor, half);
        std::array<std::uint16_t, kHalfBits + 2> counts{};
        for (const std::uint16_t distance : all) ++counts[distance + 1U];
        for (unsigned i = 1; i < counts.size(); ++i) counts[i] = static_cast<std::uint16_t>(counts[i] + counts[i - 1]);
        for (unsigned i = 0; i < counts.size(); ++i) {
            begins[i] = static_cast<std::uint8_t>(std::min<std::size_t>(counts[i], kProbes));
        }
        for (std::uint32_t i = 0; i < kHalfWords; ++i) {
            const std::uint16_t at = counts[all[i]]++;
            if (at < kProbes) centers[at] = static_cast<std::uint16_t>(i);
        }
    }
};

}  // namespace

std::uint64_t signature_of(const unsigned char* descriptor) {
    std::uint64_t signature = 0;
    for (unsigned i = 0; i < 64; ++i) {
        const unsigned bit = kSignatureBits[i];
        signature |= static_cast<std::uint64_t>(descriptor[bit / 8] >> (7 - bit % 8) & 1) << i;
    }
    return signature;
}

std::uint32_t cell_of(const unsigned char* descriptor) {
    return nearest(descriptor, 0) * kHalfWords + nearest(descriptor, 1);
}

Probes cells_near(const unsigned char* descriptor) {
    const ByDistance first(descriptor, 0);
    const ByDistance second(descriptor, 1);
    Probes found{};
    std::size_t count = 0;
    for (unsigned sum = 0;; ++sum) {
        for (unsigned one = sum > kHalfBits ? sum - kHalfBits : 0; one <= std::min(sum, kHalfBits); ++one) {
            for (unsigned i = first.begins[one]; i < first.begins[one + 1]; ++i) {
                for (unsigned k = second.begins[sum - one]; k < second.begins[sum - one + 1]; ++k) {
                    found[count++] = first.centers[i] * kHalfWords + second.centers[k];
                    if (count == kProbes) return found;
                }
            }
        }
    }
}

}  // namespace hashpact

// The kernels in plain C++, for every processor.
#include "isa/kernels_impl.hpp"

namespace {

// Set bits of a word, or of each word of a vector, without the instruction for it: Warren, Hacker's Delight, 2nd ed.,
// figure 5-2.
template <class Words>
inline Words set_bits(Words x) {
    x -= (x >> 1) & 0x5555555555555555U;
    x = (x & 0x3333333333333333U) + ((x >> 2) & 0x3333333333333333U);
    x = (x + (x >> 4)) & 0x0F0F0F0F0F0F0F0FU;
    return (x * 0x0101010101010101U) >> 56;
}

struct Generic {
    static constexpr unsigned kLanes = 4;

    // Four sketches in one word, their set bits counted side by side.
    static std::uint32_t within(const std::uint16_t* sketches, std::uint16_t sketch, std::uint16_t radius) {
        constexpr std::uint64_t each = 0x0001000100010001U;
        std::uint64_t x = 0;
        for (unsigned i = 0; i < kLanes; ++i) x |= std::uint64_t{sketches[i]} << (16 * i);
        x ^= sketch * each;
        x -= (x >> 1) & 0x5555555555555555U;
        x = (x & 0x3333333333333333U) + ((x >> 2) & 0x3333333333333333U);
        x = (x + (x >> 4)) & 0x0F0F0F0F0F0F0F0FU;
        x = (x + (x >> 8)) & 0x00FF00FF00FF00FFU;
        // The top bit of a lane stays set where its count is not above the radius.
        const std::uint64_t near = ((0x8000U | std::uint64_t{radius}) * each - x) & 0x8000800080008000U;
        return static_cast<std::uint32_t>((near >> 15 | near >> 30 | near >> 45 | near >> 60) & 0xFU);
    }

    // The compiler makes of it what the processor has.
    using Slice __attribute__((vector_size(16))) = std::uint64_t;

    static Slice ones(Slice slice) { return set_bits(slice); }

    template <unsigned kWords>
    static constexpr unsigned kCodes = 0;

    static unsigned distance(const std::uint64_t* a, const std::uint64_t* b, unsigned words) {
        unsigned total = 0;
        for (unsigned i = 0; i < words; ++i) total += static_cast<unsigned>(set_bits(a[i] ^ b[i]));
        return total;
    }
};

}  // namespace

namespace hashpact {
const Kernels kGenericKernels = table<Generic>("generic", &kGenericSignatures, &kGenericPictures);
}

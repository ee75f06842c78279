// The field of 2^255 - 19 elements, as five limbs of 51 bits. Nothing here is secret, so nothing takes constant time.
#pragma once

#include <array>
#include <cstdint>

namespace hashpact::edwards {

__extension__ typedef unsigned __int128 Wide;

// An element. Limbs are below 2^52 after every function but `sum`, whose limbs are below 2^53; every function takes
// limbs below 2^54.
struct Element {
    std::array<std::uint64_t, 5> limbs{};
};

inline constexpr std::uint64_t limb_mask = (std::uint64_t{1} << 51) - 1;

inline constexpr Element zero{};
inline constexpr Element one{{1, 0, 0, 0, 0}};

// The element with the limbs below 2^52: what is beyond 51 bits is carried, and the last carry comes back as 19 times.
inline Element carried(const Element& a) {
    std::array<std::uint64_t, 5> r = a.limbs;
    for (int at = 0; at < 4; ++at) {
        r[at + 1] += r[at] >> 51;
        r[at] &= limb_mask;
    }
    r[0] += 19 * (r[4] >> 51);
    r[4] &= limb_mask;
    return {r};
}

inline Element sum(const Element& a, const Element& b) {
    Element r;
    for (int at = 0; at < 5; ++at) r.limbs[at] = a.limbs[at] + b.limbs[at];
    return r;
}

inline Element difference(const Element& a, const Element& b) {
    // 16 p is added, so that no limb falls below 0.
    constexpr std::uint64_t low = 16 * (limb_mask - 18), high = 16 * limb_mask;
    Element r;
    for (int at = 0; at < 5; ++at) r.limbs[at] = a.limbs[at] + (at == 0 ? low : high) - b.limbs[at];
    return carried(r);
}

inline Element product(const Element& a, const Element& b) {
    const auto& x = a.limbs;
    const auto& y = b.limbs;
    const std::uint64_t y1 = 19 * y[1], y2 = 19 * y[2], y3 = 19 * y[3], y4 = 19 * y[4];
    Wide r0 = Wide{x[0]} * y[0] + Wide{x[1]} * y4 + Wide{x[2]} * y3 + Wide{x[3]} * y2 + Wide{x[4]} * y1;
    Wide r1 = Wide{x[0]} * y[1] + Wide{x[1]} * y[0] + Wide{x[2]} * y4 + Wide{x[3]} * y3 + Wide{x[4]} * y2;
    Wide r2 = Wide{x[0]} * y[2] + Wide{x[1]} * y[1] + Wide{x[2]} * y[0] + Wide{x[3]} * y4 + Wide{x[4]} * y3;
    Wide r3 = Wide{x[0]} * y[3] + Wide{x[1]} * y[2] + Wide{x[2]} * y[1] + Wide{x[3]} * y[0] + Wide{x[4]} * y4;
    Wide r4 = Wide{x[0]} * y[4] + Wide{x[1]} * y[3] + Wide{x[2]} * y[2] + Wide{x[3]} * y[1] + Wide{x[4]} * y[0];
    r1 += r0 >> 51;
    r2 += r1 >> 51;
    r3 += r2 >> 51;
    r4 += r3 >> 51;
    // The last carry may have more than 64 bits less 5, so 19 times it is added as a wide number too.
    const Wide first = (r0 & limb_mask) + Wide{19} * (r4 >> 51);
    const auto narrow = [](Wide wide) { return static_cast<std::uint64_t>(wide & limb_mask); };
    return {{narrow(first), narrow(r1) + static_cast<std::uint64_t>(first >> 51), narrow(r2), narrow(r3), narrow(r4)}};
}

// a to the power whose bits are those of the little-endian bytes.
inline Element power(const Element& a, const std::array<unsigned char, 32>& exponent) {
    Element r = one;
    for (int bit = 255; bit >= 0; --bit) {
        r = product(r, r);
        if (exponent[bit >> 3] >> (bit & 7) & 1) r = product(r, a);
    }
    return r;
}

// 2^255 - 19 - less, divided by 2^shift, as bytes: the exponents that are needed, all of which are so.
inline std::array<unsigned char, 32> exponent(unsigned less, unsigned shift) {
    std::array<unsigned char, 32> bytes;
    bytes.fill(0xff);
    bytes[0] = static_cast<unsigned char>(0xed - less);  // less is below 0xed
    bytes[31] = 0x7f;
    for (unsigned step = 0; step < shift; ++step) {
        for (int at = 0; at < 32; ++at) {
            const unsigned next = at < 31 ? bytes[at + 1] : 0;
            bytes[at] = static_cast<unsigned char>(bytes[at] >> 1 | next << 7);
        }
    }
    return bytes;
}

// 1 / a; 0 for 0.
inline Element inverse(const Element& a) { return power(a, exponent(2, 0)); }

// The one spelling in 32 bytes, little-endian.
inline std::array<unsigned char, 32> to_bytes(const Element& a) {
    Element r = carried(carried(a));
    // r is below 2 p: it is at least p exactly if r + 19 reaches 2^255.
    std::uint64_t over = (r.limbs[0] + 19) >> 51;
    for (int at = 1; at < 5; ++at) over = (r.limbs[at] + over) >> 51;
    r.limbs[0] += 19 * over;
    for (int at = 0; at < 4; ++at) {
        r.limbs[at + 1] += r.limbs[at] >> 51;
        r.limbs[at] &= limb_mask;
    }
    r.limbs[4] &= limb_mask;
    std::array<unsigned char, 32> bytes{};
    for (int bit = 0; bit < 255; ++bit) {
        const auto value = static_cast<unsigned>(r.limbs[bit / 51] >> (bit % 51) & 1);
        bytes[bit >> 3] = static_cast<unsigned char>(bytes[bit >> 3] | value << (bit & 7));
    }
    return bytes;
}

// The element of the low 255 bits.
inline Element from_bytes(const unsigned char* bytes) {
    Element r;
    for (int bit = 0; bit < 255; ++bit) {
        r.limbs[bit / 51] |= std::uint64_t{static_cast<unsigned>(bytes[bit >> 3] >> (bit & 7) & 1)} << (bit % 51);
    }
    return r;
}

inline bool equal(const Element& a, const Element& b) { return to_bytes(a) == to_bytes(b); }

}  // namespace hashpact::edwards

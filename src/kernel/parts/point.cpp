#include "parts/point.hpp"

#include <array>
#include <cmath>

namespace hashpact {

namespace {

constexpr double kTurn = 6.283185307179586476925286766559;
constexpr double kSizesAnOctave = 32;
constexpr double kDirections = 256;

constexpr unsigned kPlaceBits = 10;
constexpr unsigned kFormBits = 6;
constexpr unsigned kFormDropped = 8 - kFormBits;

// The middle of the values whose lowest bits are dropped.
constexpr double kMiddle = ((1U << kFormDropped) - 1) / 2.0;

struct Forms {
    std::array<double, 1U << kFormBits> size, cosine, sine;

    Forms() {
        for (unsigned i = 0; i < size.size(); ++i) {
            const double value = (i << kFormDropped) + kMiddle;
            size[i] = std::exp2(value / kSizesAnOctave);
            cosine[i] = std::cos(kTurn * value / kDirections);
            sine[i] = std::sin(kTurn * value / kDirections);
        }
    }
};

unsigned number(const unsigned char* at) { return static_cast<unsigned>(at[0]) << 8 | at[1]; }

}  // namespace

Point point_of(const unsigned char* unit) {
    const unsigned char* rest = unit + kDescriptorBytes;
    const std::uint32_t x = number(rest) >> (16 - kPlaceBits);
    const std::uint32_t y = number(rest + 2) >> (16 - kPlaceBits);
    const std::uint32_t size = static_cast<std::uint32_t>(rest[4]) >> kFormDropped;
    const std::uint32_t direction = static_cast<std::uint32_t>(rest[5]) >> kFormDropped;
    const std::uint32_t place = ((x << kPlaceBits | y) << kFormBits | size) << kFormBits | direction;
    return {signature_of(unit), cell_of(unit), place};
}

Place place_of(std::uint32_t place) {
    static const Forms forms;
    constexpr std::uint32_t kForm = (1U << kFormBits) - 1;
    constexpr std::uint32_t kPlace = (1U << kPlaceBits) - 1;
    const std::uint32_t size = place >> kFormBits & kForm;
    const std::uint32_t direction = place & kForm;
    const std::uint32_t y = place >> (2 * kFormBits) & kPlace;
    const std::uint32_t x = place >> (2 * kFormBits + kPlaceBits);
    return {(x + 0.5) / (kPlace + 1), (y + 0.5) / (kPlace + 1), forms.size[size] * forms.cosine[direction],
            forms.size[size] * forms.sine[direction]};
}

Place place_of(const unsigned char* unit) {
    const unsigned char* rest = unit + kDescriptorBytes;
    const double size = std::exp2(rest[4] / kSizesAnOctave);
    const double turn = kTurn * rest[5] / kDirections;
    return {(number(rest) + 0.5) / 65536, (number(rest + 2) + 0.5) / 65536, size * std::cos(turn),
            size * std::sin(turn)};
}

}  // namespace hashpact

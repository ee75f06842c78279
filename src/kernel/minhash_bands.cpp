#include "minhash_bands.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace hashpact {

Bands::Bands(unsigned count, unsigned values) : count_(count), values_(values) {
    if (!possible(count, values)) throw std::invalid_argument("there are 1 to 256 bands of 2 to 5 values");
    const unsigned width = kSignatureValues / values;
    for (unsigned band = 0; band < count; ++band) {
        const unsigned slope = band / width;
        std::uint8_t* place = places_.data() + std::size_t{band} * (values + 1);
        for (unsigned line = 0; line < values; ++line) {
            place[line] = static_cast<std::uint8_t>(line * width + (band + slope * line) % width);
        }
        place[values] = static_cast<std::uint8_t>((band + 1) % width);
    }
    const auto worth = [](double similarity, unsigned of) {
        // Identical signatures agree on every band: that is worth much, but can still be counted with.
        return -std::log1p(-std::min(std::pow(similarity, static_cast<double>(of)), 0.999999));
    };
    for (unsigned differences = 0; differences <= kSignatureValues; ++differences) {
        const double similarity = std::max(0.5, 1 - static_cast<double>(differences) / kSignatureValues);
        worth_[differences] = worth(similarity, values);
        worth_extended_[differences] = worth(similarity, values + 1);
    }
}

}  // namespace hashpact

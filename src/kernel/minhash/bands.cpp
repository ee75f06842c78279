#include "minhash/bands.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "isa/cpu.hpp"

namespace hashpact {

Bands::Bands(unsigned needed, unsigned values) : needed_(needed), values_(values), width_(0) {
    if (!possible(needed, values)) throw std::invalid_argument("there are 1 to 256 bands of 2 to 5 values");
    width_ = kSignatureValues / values;
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

void Bands::lay(const SignatureValues& signature, Grid& grid) const {
    for (unsigned line = 0; line < values_; ++line) {
        const std::uint32_t* from = signature.data() + line * width_;
        std::uint32_t* to = grid.data() + 2 * line * width_;
        std::copy_n(from, width_, to);
        std::copy_n(from, width_, to + width_);
    }
}

void Bands::hashes(const Grid& grid, unsigned first, unsigned count, std::uint32_t* out) const {
    const std::uint32_t* columns[kMostValues];
    for (const unsigned end = first + count; first < end;) {
        const unsigned slope = first / width_;
        const unsigned column = first % width_;
        for (unsigned line = 0; line < values_; ++line) {
            columns[line] = grid.data() + 2 * line * width_ + (column + slope * line) % width_;
        }
        const unsigned some = std::min(end - first, width_ - column);
        kernels().signatures->hashes(columns, values_, some, out);
        first += some;
        out += some;
    }
}

}  // namespace hashpact

#include "image/lanczos.hpp"

#include <algorithm>
#include <cmath>

#include "isa/cpu.hpp"

namespace hashpact {

namespace {

constexpr double kPi = 3.14159265358979323846;

// Weights are whole numbers of 2^-kPrecision: what 32 bits have left beside a pixel and two bits for overshoot.
constexpr int kPrecision = 32 - 8 - 2;

// How many lobes the window has on each side.
constexpr double kLobes = 3;

double sinc(double x) { return x == 0 ? 1 : std::sin(x * kPi) / (x * kPi); }

double windowed(double x) { return -kLobes <= x && x < kLobes ? sinc(x) * sinc(x / kLobes) : 0; }

}  // namespace

std::vector<Lanczos::Taps> Lanczos::taps_of(std::size_t length) {
    const double scale = static_cast<double>(length) / kSide;
    const double wide = std::max(scale, 1.0);
    const double support = kLobes * wide;
    std::vector<Taps> all;
    for (std::size_t i = 0; i < kSide; ++i) {
        const double center = (static_cast<double>(i) + 0.5) * scale;
        const auto first = static_cast<std::size_t>(std::max(center - support + 0.5, 0.0));
        const std::size_t end = std::min(static_cast<std::size_t>(center + support + 0.5), length);
        std::vector<double> shares;
        double sum = 0;
        for (std::size_t j = first; j < end; ++j) {
            shares.push_back(windowed((static_cast<double>(j) - center + 0.5) * (1.0 / wide)));
            sum += shares.back();
        }
        Taps taps{first, {}};
        for (double share : shares) {
            if (sum != 0) share /= sum;
            taps.weights.push_back(static_cast<std::int32_t>((share < 0 ? -0.5 : 0.5) + share * (1 << kPrecision)));
        }
        all.push_back(std::move(taps));
    }
    return all;
}

Lanczos::Lanczos(std::size_t width, std::size_t height)
    : width_(width),
      height_(height),
      across_(taps_of(width)),
      down_(taps_of(height)),
      narrow_(kSide * height) {}

std::uint8_t Lanczos::weighed(const std::uint8_t* pixels, const Taps& taps) {
    const std::int32_t sum = kernels().pictures->weigh(pixels + taps.first, taps.weights.data(), taps.weights.size());
    return static_cast<std::uint8_t>(std::clamp((sum + (1 << (kPrecision - 1))) >> kPrecision, 0, 255));
}

void Lanczos::add(const std::uint8_t* grey, std::size_t count) {
    for (std::size_t row = 0; row < count; ++row, ++rows_) {
        for (std::size_t i = 0; i < kSide; ++i) narrow_[i * height_ + rows_] = weighed(grey + row * width_, across_[i]);
    }
}

Lanczos::Square Lanczos::finish() const {
    Square square;
    for (std::size_t i = 0; i < kSide; ++i) {
        for (std::size_t j = 0; j < kSide; ++j) square[i * kSide + j] = weighed(narrow_.data() + j * height_, down_[i]);
    }
    return square;
}

}  // namespace hashpact

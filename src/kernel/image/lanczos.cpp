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
      held_(kWeighedRows * width),
      narrow_(kSide * height) {}

std::array<std::uint8_t, kWeighedRows> Lanczos::weighed(const std::uint8_t* pixels, std::size_t stride,
                                                        const Taps& taps) {
    std::array<std::int32_t, kWeighedRows> sums;
    kernels().pictures->weigh(pixels + taps.first, stride, taps.weights.data(), taps.weights.size(), sums.data());
    std::array<std::uint8_t, kWeighedRows> made;
    for (std::size_t r = 0; r < kWeighedRows; ++r) {
        made[r] = static_cast<std::uint8_t>(std::clamp((sums[r] + (1 << (kPrecision - 1))) >> kPrecision, 0, 255));
    }
    return made;
}

std::uint8_t* Lanczos::next_row() { return held_.data() + holding_ * width_; }

void Lanczos::row_is_held() {
    ++rows_;
    if (++holding_ == kWeighedRows) work();
}

void Lanczos::add_grey(const std::uint8_t* grey, std::size_t count) {
    for (std::size_t row = 0; row < count; ++row) {
        std::copy(grey + row * width_, grey + (row + 1) * width_, next_row());
        row_is_held();
    }
}

void Lanczos::add(const std::uint8_t* rgbx, std::size_t count) {
    for (std::size_t row = 0; row < count; ++row) {
        kernels().pictures->grey(rgbx + row * width_ * kPixelBytes, width_, next_row());
        row_is_held();
    }
}

// Weighs the rows that are held.
void Lanczos::work() {
    for (std::size_t i = 0; i < kSide; ++i) {
        const auto made = weighed(held_.data(), width_, across_[i]);
        std::copy(made.begin(), made.begin() + holding_, narrow_.begin() + i * height_ + rows_ - holding_);
    }
    holding_ = 0;
}

Lanczos::Square Lanczos::finish() {
    if (holding_ != 0) work();
    Square square;
    for (std::size_t i = 0; i < kSide; ++i) {
        for (std::size_t j = 0; j < kSide; j += kWeighedRows) {
            const auto made = weighed(narrow_.data() + j * height_, height_, down_[i]);
            std::copy(made.begin(), made.end(), square.begin() + i * kSide + j);
        }
    }
    return square;
}

}  // namespace hashpact

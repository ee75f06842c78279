#include "image/pdq.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace hashpact {

namespace {

constexpr double kPi = 3.14159265358979323846;

using Frequencies = std::array<std::array<float, Pdq::kFrequencies>, Pdq::kFrequencies>;

// Half of what a sample stands for, rounded up: two passes of it cover the whole.
std::size_t window_of(std::size_t length) { return (length + 2 * Pdq::kSamples - 1) / (2 * Pdq::kSamples); }

// Where on an axis of that length a sample is taken: the middle of its share.
std::size_t place(std::size_t sample, std::size_t length) { return (2 * sample + 1) * length / (2 * Pdq::kSamples); }

// The moving average of a row. At its ends the window is cut off.
void average_row(const float* in, float* out, std::size_t length) {
    const std::size_t window = window_of(length);
    const std::size_t ahead = window / 2;
    float sum = 0;
    std::size_t count = 0;
    for (std::size_t i = 0; i < length + ahead; ++i) {
        if (i < length) {
            sum += in[i];
            ++count;
        }
        if (i >= window) {
            sum -= in[i - window];
            --count;
        }
        if (i >= ahead) out[i - ahead] = sum / static_cast<float>(count);
    }
}

// The share of large differences between neighbours, in percent and at most 100.
int quality_of(const std::array<std::array<float, Pdq::kSamples>, Pdq::kSamples>& samples) {
    int gradients = 0;
    for (std::size_t i = 0; i < Pdq::kSamples; ++i) {
        for (std::size_t j = 0; j + 1 < Pdq::kSamples; ++j) {
            gradients += std::abs(static_cast<int>((samples[i][j] - samples[i][j + 1]) * 100 / 255));
            gradients += std::abs(static_cast<int>((samples[j][i] - samples[j + 1][i]) * 100 / 255));
        }
    }
    return std::min(gradients / 90, 100);
}

// Rows 1 to 16 of the matrix of the discrete cosine transform (type II) of 64 values.
using Cosines = std::array<std::array<float, Pdq::kSamples>, Pdq::kFrequencies>;

Cosines cosines() {
    const float scale = static_cast<float>(std::sqrt(2.0 / Pdq::kSamples));
    Cosines all;
    for (std::size_t i = 0; i < Pdq::kFrequencies; ++i) {
        for (std::size_t j = 0; j < Pdq::kSamples; ++j) {
            const double turn = kPi / 2 / Pdq::kSamples * static_cast<double>(i + 1) * static_cast<double>(2 * j + 1);
            all[i][j] = static_cast<float>(scale * std::cos(turn));
        }
    }
    return all;
}

Frequencies frequencies_of(const std::array<std::array<float, Pdq::kSamples>, Pdq::kSamples>& samples) {
    static const Cosines matrix = cosines();
    Cosines half{};
    for (std::size_t i = 0; i < Pdq::kFrequencies; ++i) {
        for (std::size_t k = 0; k < Pdq::kSamples; ++k) {
            for (std::size_t j = 0; j < Pdq::kSamples; ++j) half[i][j] += matrix[i][k] * samples[k][j];
        }
    }
    Frequencies whole{};
    for (std::size_t i = 0; i < Pdq::kFrequencies; ++i) {
        for (std::size_t j = 0; j < Pdq::kFrequencies; ++j) {
            for (std::size_t k = 0; k < Pdq::kSamples; ++k) whole[i][j] += half[i][k] * matrix[j][k];
        }
    }
    return whole;
}

// The first bit is the last of the code's bytes.
Pdq::Code code_of(const Frequencies& frequencies) {
    const float* all = frequencies[0].data();
    constexpr std::size_t bits = Pdq::kFrequencies * Pdq::kFrequencies;
    std::array<float, bits> sorted;
    std::copy(all, all + bits, sorted.begin());
    // The lower one of the two in the middle.
    std::nth_element(sorted.begin(), sorted.begin() + bits / 2 - 1, sorted.end());
    const float median = sorted[bits / 2 - 1];
    Pdq::Code code{};
    for (std::size_t i = 0; i < bits; ++i) {
        if (all[i] > median) code[code.size() - 1 - i / 8] |= static_cast<std::uint8_t>(1U << i % 8);
    }
    return code;
}

// A turned or mirrored picture has the same frequencies, transposed or not, some of them negative: in frequency
// (i, j) a cosine is odd at the middle of its axis if its number, which is i + 1 or j + 1, is odd.
struct Turn {
    bool transposed;
    unsigned down;    // 1: those that are odd along the columns change their sign
    unsigned across;  // 1: those that are odd along the rows
};

constexpr std::array<Turn, Pdq::kVariants> kTurns{{{false, 0, 0},
                                                   {true, 0, 1},
                                                   {false, 1, 1},
                                                   {true, 1, 0},
                                                   {false, 1, 0},
                                                   {false, 0, 1},
                                                   {true, 0, 0},
                                                   {true, 1, 1}}};

Frequencies turned(const Frequencies& from, const Turn& turn) {
    Frequencies to;
    for (std::size_t i = 0; i < Pdq::kFrequencies; ++i) {
        for (std::size_t j = 0; j < Pdq::kFrequencies; ++j) {
            const bool negative = ((turn.down * (i + 1) + turn.across * (j + 1)) & 1) != 0;
            (turn.transposed ? to[j][i] : to[i][j]) = negative ? -from[i][j] : from[i][j];
        }
    }
    return to;
}

}  // namespace

ColumnAverage::ColumnAverage(std::size_t width, std::size_t height)
    : width_(width), height_(height), window_(window_of(height)), sums_(width), window_rows_(width * window_) {}

bool ColumnAverage::next(const float* row, float* out) {
    float* const oldest = window_rows_.data() + taken_ % window_ * width_;
    float* const sums = sums_.data();
    if (taken_ < height_) ++count_;
    if (taken_ >= window_) --count_;
    // What is not in the picture is zero, and leaves a sum as it is.
    for (std::size_t j = 0; j < width_; ++j) {
        sums[j] = sums[j] + row[j] - oldest[j];
        oldest[j] = row[j];
    }
    if (taken_++ < ahead()) return false;
    const float count = static_cast<float>(count_);
    for (std::size_t j = 0; j < width_; ++j) out[j] = sums[j] / count;
    return true;
}

Pdq::Pdq(std::size_t width, std::size_t height)
    : width_(width),
      height_(height),
      luma_(width),
      along_(width),
      down_(width),
      first_(width, height),
      second_(kSamples, height) {}

void Pdq::add(const std::uint8_t* rgb) {
    ++rows_;
    for (std::size_t j = 0; j < width_; ++j) {
        luma_[j] = static_cast<float>(rgb[3 * j] * 0.299 + rgb[3 * j + 1] * 0.587 + rgb[3 * j + 2] * 0.114);
    }
    // The reference takes a picture of this size for the samples themselves.
    if (width_ == kSamples && height_ == kSamples) {
        keep(luma_.data());
        return;
    }
    average_row(luma_.data(), along_.data(), width_);
    average(along_.data());
}

// The rest of the first pass, and the second.
void Pdq::average(const float* row) {
    if (!first_.next(row, down_.data())) return;
    average_row(down_.data(), along_.data(), width_);
    std::array<float, kSamples> columns;
    for (std::size_t j = 0; j < kSamples; ++j) columns[j] = along_[place(j, width_)];
    sample(columns.data());
}

void Pdq::sample(const float* row) {
    std::array<float, kSamples> columns;
    if (second_.next(row, columns.data())) keep(columns.data());
}

// Keeps a row that has come out of all averages for each sample that is taken of it.
void Pdq::keep(const float* columns) {
    for (std::size_t i = 0; i < kSamples; ++i) {
        if (place(i, height_) == averaged_) std::copy(columns, columns + kSamples, samples_[i].begin());
    }
    ++averaged_;
}

Pdq::Result Pdq::finish() {
    if (averaged_ < height_) {
        constexpr std::array<float, kSamples> nothing{};
        std::fill(luma_.begin(), luma_.end(), 0.0F);
        for (std::size_t i = first_.ahead(); i != 0; --i) average(luma_.data());
        for (std::size_t i = second_.ahead(); i != 0; --i) sample(nothing.data());
    }
    Result result;
    result.quality = quality_of(samples_);
    const Frequencies frequencies = frequencies_of(samples_);
    for (std::size_t i = 0; i < kVariants; ++i) result.codes[i] = code_of(turned(frequencies, kTurns[i]));
    return result;
}

}  // namespace hashpact

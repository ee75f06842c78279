#include "image/pdq.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "isa/cpu.hpp"

namespace hashpact {

namespace {

constexpr double kPi = 3.14159265358979323846;

constexpr std::size_t kBits = Pdq::kFrequencies * Pdq::kFrequencies;

// Rows of more pixels are worked on one by one: a block of them would be too large.
constexpr std::size_t kWidest = std::size_t{1} << 16;

// The most that a copy of good quality changes a frequency by.
constexpr float kNoise = 0.5F;

using Samples = std::array<std::array<float, Pdq::kSamples>, Pdq::kSamples>;
using Frequencies = std::array<std::array<float, Pdq::kFrequencies>, Pdq::kFrequencies>;

// Half of what a sample stands for, rounded up: two passes of it cover the whole.
std::size_t window_of(std::size_t length) { return (length + 2 * Pdq::kSamples - 1) / (2 * Pdq::kSamples); }

// Where on an axis of that length a sample is taken: the middle of its share.
std::size_t place(std::size_t sample, std::size_t length) { return (2 * sample + 1) * length / (2 * Pdq::kSamples); }

// Where on an axis the samples are taken, and behind them those of the mirrored axis. An even window reaches one place
// further ahead than back, in each of the two passes, so that a mirrored one is found two places before. (Of 129 to 256
// pixels the last sample would be found before the first place, and is half a pixel off.)
std::array<std::size_t, 2 * Pdq::kSamples> places_of(std::size_t length) {
    std::array<std::size_t, 2 * Pdq::kSamples> places;
    const std::size_t before = window_of(length) % 2 == 0 ? 2 : 0;
    for (std::size_t i = 0; i < Pdq::kSamples; ++i) {
        places[i] = place(i, length);
        const std::size_t mirrored = length - 1 - places[i];
        places[Pdq::kSamples + i] = mirrored - std::min(mirrored, before);
    }
    return places;
}

// How many columns of a row of that length are in the window of each of these.
std::array<float, 2 * Pdq::kSamples> in_windows_of(const std::array<std::size_t, 2 * Pdq::kSamples>& columns,
                                                   std::size_t length) {
    const std::size_t window = window_of(length);
    std::array<float, 2 * Pdq::kSamples> all;
    for (std::size_t i = 0; i < all.size(); ++i) {
        const std::size_t last = columns[i] + window / 2;
        const std::size_t first = last < window ? 0 : last - window + 1;
        all[i] = static_cast<float>(std::min(last, length - 1) - first + 1);
    }
    return all;
}

// As the kernels have it.
float luma_of(const std::uint8_t* pixel) {
    return static_cast<float>(299 * pixel[0] + 587 * pixel[1] + 114 * pixel[2]) / 1000;
}

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
int quality_of(const Samples& samples) {
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

Frequencies frequencies_of(const Samples& samples) {
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

float median_of(const Frequencies& frequencies) {
    const float* all = frequencies[0].data();
    std::array<float, kBits> sorted;
    std::copy(all, all + kBits, sorted.begin());
    // The lower one of the two in the middle.
    std::nth_element(sorted.begin(), sorted.begin() + kBits / 2 - 1, sorted.end());
    return sorted[kBits / 2 - 1];
}

// The first bit is the last of the code's bytes.
Pdq::Code code_of(const Frequencies& frequencies) {
    const float* all = frequencies[0].data();
    const float median = median_of(frequencies);
    Pdq::Code code{};
    for (std::size_t i = 0; i < kBits; ++i) {
        if (all[i] > median) code[code.size() - 1 - i / 8] |= static_cast<std::uint8_t>(1U << i % 8);
    }
    return code;
}

// Which bits are a matter of chance: their frequency is so near the median that the noise of a lossy copy decides on
// which side it is, or that the mirrored picture, whose samples are not quite at the same places, has it on the other.
using Doubts = std::array<bool, kBits>;

void doubt_noise(const Frequencies& frequencies, Doubts& doubts) {
    const float median = median_of(frequencies);
    for (std::size_t i = 0; i < kBits; ++i) doubts[i] |= std::abs(frequencies[0].data()[i] - median) < kNoise;
}

// In frequency (i, j) a cosine is odd at the middle of its axis if its number, which is i + 1 or j + 1, is odd.
void doubt_mirrored(Frequencies frequencies, const Frequencies& mirrored, bool down, Doubts& doubts) {
    for (std::size_t i = 0; i < Pdq::kFrequencies; ++i) {
        for (std::size_t j = 0; j < Pdq::kFrequencies; ++j) {
            if ((down ? i : j) % 2 == 0) frequencies[i][j] = -frequencies[i][j];
        }
    }
    const Pdq::Code one = code_of(frequencies);
    const Pdq::Code other = code_of(mirrored);
    for (std::size_t i = 0; i < kBits; ++i) {
        doubts[i] |= (((one[one.size() - 1 - i / 8] ^ other[one.size() - 1 - i / 8]) >> i % 8) & 1) != 0;
    }
}

// How a picture is turned or mirrored: which of its axes are mirrored, and whether they are swapped afterwards.
struct Turn {
    bool transposed;
    bool down;
    bool across;
};

constexpr std::array<Turn, Pdq::kVariants> kTurns{{{false, false, false},
                                                   {true, false, true},
                                                   {false, true, true},
                                                   {true, true, false},
                                                   {false, true, false},
                                                   {false, false, true},
                                                   {true, false, false},
                                                   {true, true, true}}};

Frequencies transposed(const Frequencies& from) {
    Frequencies to;
    for (std::size_t i = 0; i < Pdq::kFrequencies; ++i) {
        for (std::size_t j = 0; j < Pdq::kFrequencies; ++j) to[j][i] = from[i][j];
    }
    return to;
}

}  // namespace

ColumnAverage::ColumnAverage(std::size_t width, std::size_t height)
    : width_(width), height_(height), window_(window_of(height)), sums_(width), window_rows_(width * window_) {}

// One more row is taken, which is a row of the picture or one behind its last.
void ColumnAverage::count_row() {
    if (taken_ < height_) ++count_;
    if (taken_ >= window_) --count_;
    ++taken_;
}

bool ColumnAverage::next(const float* row, float* out) {
    float* oldest = window_rows_.data() + taken_ % window_ * width_;
    count_row();
    // What is not in the picture is zero, and leaves a sum as it is.
    kernels().pictures->down(row, width_, static_cast<float>(count_), sums_.data(), oldest, out);
    return taken_ > ahead();
}

std::size_t ColumnAverage::take(std::size_t count, Averages& averages) {
    const std::size_t before = taken_ < ahead() ? std::min(ahead() - taken_, count) : 0;
    averages.in_window = sums_.data();
    for (std::size_t r = 0; r < count; ++r) {
        averages.oldest[r] = window_rows_.data() + taken_ % window_ * width_;
        count_row();
        averages.in_count[r] = static_cast<float>(count_);
    }
    return before;
}

Pdq::Pdq(std::size_t width, std::size_t height)
    : width_(width),
      height_(height),
      together_(width <= kWidest ? kPictureRows : 1),
      held_(together_ == 1 ? 0 : kPictureRows * width * kPixelBytes),
      luma_(width * together_),
      averaged_(width * std::max(together_, std::size_t{2})),
      sums_(together_ == 1 ? 0 : width * together_),
      columns_(places_of(width)),
      in_windows_(in_windows_of(columns_, width)),
      lines_(places_of(height)),
      first_(width, height),
      second_(kPlaces, height) {}

void Pdq::add(const std::uint8_t* rgbx, std::size_t count) {
    rows_ += count;
    const std::size_t row = kPixelBytes * width_;
    while (count != 0) {
        std::size_t some = std::min(count, together_ - holding_);
        if (some == together_) {
            work(rgbx, some);
        } else {
            std::copy(rgbx, rgbx + some * row, held_.begin() + static_cast<std::ptrdiff_t>(holding_ * row));
            holding_ += some;
            if (holding_ == together_) {
                work(held_.data(), holding_);
                holding_ = 0;
            }
        }
        rgbx += some * row;
        count -= some;
    }
}

// Works on rows that make a block, or are the last.
void Pdq::work(const std::uint8_t* rgbx, std::size_t count) {
    if (width_ == kSamples && height_ == kSamples) {
        // The reference takes a picture of this size for the samples themselves.
        for (std::size_t r = 0; r < count; ++r) {
            std::array<float, kPlaces> columns;
            for (std::size_t j = 0; j < kPlaces; ++j) columns[j] = luma_of(rgbx + kPixelBytes * (r * width_ + columns_[j]));
            keep(columns.data());
        }
    } else if (together_ == 1) {
        work_alone(rgbx);
    } else {
        average(rgbx, count);
    }
}

// Works on one row of a very wide picture.
void Pdq::work_alone(const std::uint8_t* rgbx) {
    for (std::size_t j = 0; j < width_; ++j) luma_[j] = luma_of(rgbx + kPixelBytes * j);
    average_row(luma_.data(), averaged_.data(), width_);
    average_alone(averaged_.data());
}

// The averages after the first one of such a row.
void Pdq::average_alone(const float* row) {
    float* next = averaged_.data() + width_;
    if (!first_.next(row, next)) return;
    average_row(next, luma_.data(), width_);
    std::array<float, kPlaces> columns;
    for (std::size_t j = 0; j < kPlaces; ++j) columns[j] = luma_[columns_[j]];
    sample(columns.data());
}

// Averages rows, or so many that are behind the last one. Of the last average along them only the sampled columns are
// divided.
void Pdq::average(const std::uint8_t* rgbx, std::size_t count) {
    Averages averages{width_, window_of(width_), luma_.data(), averaged_.data(), sums_.data(), nullptr, {}, {}};
    const std::size_t before = first_.take(count, averages);
    kernels().pictures->average(rgbx, count, averages);
    std::array<std::array<float, kPlaces>, kPictureRows> sampled;
    for (std::size_t j = 0; j < kPlaces; ++j) {
        const float* sums = sums_.data() + columns_[j] * kPictureRows;
        for (std::size_t r = 0; r < kPictureRows; ++r) sampled[r][j] = sums[r] / in_windows_[j];
    }
    for (std::size_t r = before; r < count; ++r) sample(sampled[r].data());
}

void Pdq::sample(const float* columns) {
    std::array<float, kPlaces> averaged;
    if (second_.next(columns, averaged.data())) keep(averaged.data());
}

// Keeps a row that has come out of all averages for each sample that is taken of it.
void Pdq::keep(const float* columns) {
    for (std::size_t i = 0; i < kPlaces; ++i) {
        if (lines_[i] == kept_) std::copy(columns, columns + kPlaces, samples_[i].begin());
    }
    ++kept_;
}

// The samples of the picture with its columns, its rows, or both mirrored.
Samples Pdq::samples(bool down, bool across) const {
    Samples found;
    for (std::size_t i = 0; i < kSamples; ++i) {
        const float* from = samples_[(down ? kSamples : 0) + i].data() + (across ? kSamples : 0);
        std::copy(from, from + kSamples, found[i].begin());
    }
    return found;
}

Pdq::Result Pdq::finish() {
    if (holding_ != 0) work(held_.data(), holding_);
    holding_ = 0;
    if (kept_ < height_) {
        if (together_ == 1) {
            const std::vector<float> nothing(width_);
            for (std::size_t i = first_.ahead(); i != 0; --i) average_alone(nothing.data());
        } else {
            for (std::size_t left = first_.ahead(); left != 0;) {
                const std::size_t some = std::min(left, kPictureRows);
                average(nullptr, some);
                left -= some;
            }
        }
        constexpr std::array<float, kPlaces> nothing{};
        for (std::size_t i = second_.ahead(); i != 0; --i) sample(nothing.data());
    }
    Result result;
    result.quality = quality_of(samples(false, false));
    // By whether the rows are mirrored, then the columns.
    std::array<std::array<Frequencies, 2>, 2> found;
    for (bool down : {false, true}) {
        for (bool across : {false, true}) found[down][across] = frequencies_of(samples(down, across));
    }
    for (std::size_t i = 0; i < kVariants; ++i) {
        const Frequencies& of = found[kTurns[i].down][kTurns[i].across];
        result.codes[i] = code_of(kTurns[i].transposed ? transposed(of) : of);
    }
    Doubts doubts{};
    doubt_noise(found[false][false], doubts);
    doubt_mirrored(found[false][false], found[true][false], true, doubts);
    doubt_mirrored(found[false][false], found[false][true], false, doubts);
    result.doubtful = static_cast<int>(std::count(doubts.begin(), doubts.end(), true));
    return result;
}

}  // namespace hashpact

// Pixels to PDQ codes: pdq/1, in one pass over the rows and in memory for 16 rows and a 128th of the picture.
//
// The method is that of Meta's reference (https://github.com/facebook/ThreatExchange, pdq/cpp, and its paper hashing.pdf):
// luma; two passes of a moving average along the rows and the columns; 64 x 64 samples; a discrete cosine transform of
// which 16 x 16 frequencies are kept; a bit for each, which says whether it is above their median. The reference holds
// two pictures of floats. Here each row is averaged when it comes and forgotten when nothing needs it. The numbers are
// added in the reference's order and rounded as it rounds them, so that every bit and every quality is the same.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "isa/picture_kernels.hpp"

namespace hashpact {

// A moving average along the columns of a picture whose rows come one by one.
class ColumnAverage {
  public:
    ColumnAverage(std::size_t width, std::size_t height);

    // How many rows come in before the first comes out, hence how many are asked for behind the last.
    std::size_t ahead() const { return window_ / 2; }

    // Takes the next row, zeros behind the last one. Returns whether there is an averaged row, which `out` then is; it
    // is overwritten in any case.
    bool next(const float* row, float* out);

    // Says what becomes of the next `count` rows, at most kPictureRows, which a kernel works on together. Returns how many
    // of them come before there is an averaged row.
    std::size_t take(std::size_t count, Averages& averages);

  private:
    void count_row();

    std::size_t width_;
    std::size_t height_;
    std::size_t window_;
    std::size_t taken_ = 0;
    std::size_t count_ = 0;      // of rows in the window
    std::vector<float> sums_;    // of the rows in the window
    std::vector<float> window_rows_;
};

class Pdq {
  public:
    static constexpr std::size_t kSamples = 64;
    static constexpr std::size_t kFrequencies = 16;
    static constexpr std::size_t kVariants = 8;
    using Code = std::array<std::uint8_t, kFrequencies * kFrequencies / 8>;

    // The codes are of the picture as it is; rotated by 90, 180 and 270 degrees counterclockwise; upside down; left to
    // right; mirrored at the diagonal from top left, and at the other. `doubtful` is how many bits of the first one are
    // a matter of chance, because their frequency is as good as the median.
    struct Result {
        std::array<Code, kVariants> codes;
        int quality;
        int doubtful;
    };

    // Of a picture with that many pixels, at least 1 x 1.
    Pdq(std::size_t width, std::size_t height);

    std::size_t width() const { return width_; }
    std::size_t missing() const { return height_ - rows_; }

    // Takes the next rows, each `width` times red, green, blue and a byte of anything. Not more rows than the picture has.
    void add(const std::uint8_t* rgbx, std::size_t count);

    // After the last row, once.
    Result finish();

  private:
    // Samples are taken twice: as the picture is, and as it is mirrored.
    static constexpr std::size_t kPlaces = 2 * kSamples;

    void work(const std::uint8_t* rgbx, std::size_t count);
    void work_alone(const std::uint8_t* rgbx);
    void average_alone(const float* row);
    void average(const std::uint8_t* rgbx, std::size_t count);
    void sample(const float* columns);
    void keep(const float* columns);
    std::array<std::array<float, kSamples>, kSamples> samples(bool down, bool across) const;

    std::size_t width_;
    std::size_t height_;
    std::size_t rows_ = 0;
    std::size_t kept_ = 0;       // rows that have come out of all averages
    std::size_t together_;       // rows that are worked on together: those of a block, or one of a very wide picture
    std::vector<std::uint8_t> held_;  // pixels of the rows of a block that is not whole
    std::size_t holding_ = 0;         // how many rows there are
    std::vector<float> luma_;         // a block, or a row
    std::vector<float> averaged_;     // a block, or two rows: averaged along itself, then along the columns
    std::vector<float> sums_;         // a block: that, summed along its rows once more
    std::array<std::size_t, kPlaces> columns_;  // where samples are taken in a row
    std::array<float, kPlaces> in_windows_;     // how many columns are in the window of each
    std::array<std::size_t, kPlaces> lines_;    // and which rows have any
    ColumnAverage first_;
    ColumnAverage second_;       // of the columns that are sampled only
    std::array<std::array<float, kPlaces>, kPlaces> samples_{};
};

}  // namespace hashpact

// A grey picture made small, bit for bit as Pillow does with its filter LANCZOS.
//
// phash looks at 32 x 32 pixels, and its bits depend on how they are made. Pillow makes them in two passes, with the
// weights of a windowed sinc in whole numbers (Resample.c): each pixel of a pass is a sum of products, rounded and cut
// off to 8 bits. Sums of whole numbers do not depend on their order, so any instruction set gives the same. The first
// pass is along the rows. For pictures that are higher than wide Pillow 13 may begin with the columns, and rounds otherwise:
// those are left to it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "isa/picture_kernels.hpp"

namespace hashpact {

class Lanczos {
  public:
    static constexpr std::size_t kSide = 32;
    using Square = std::array<std::uint8_t, kSide * kSide>;

    // Of a picture with that many pixels, at least 1 x 1.
    Lanczos(std::size_t width, std::size_t height);

    std::size_t width() const { return width_; }
    std::size_t missing() const { return height_ - rows_; }

    // Takes the next rows of grey pixels, or of red, green, blue and a byte of anything, which are made grey as Pillow
    // does. Not more rows than the picture has.
    void add_grey(const std::uint8_t* grey, std::size_t count);
    void add(const std::uint8_t* rgbx, std::size_t count);

    // After the last row: row by row.
    Square finish();

  private:
    // What one pixel of the result is a sum of: so many pixels from `first` on, times their weights.
    struct Taps {
        std::size_t first;
        std::vector<std::int32_t> weights;
    };

    static std::vector<Taps> taps_of(std::size_t length);
    static std::array<std::uint8_t, kWeighedRows> weighed(const std::uint8_t* pixels, std::size_t stride,
                                                          const Taps& taps);

    std::uint8_t* next_row();
    void row_is_held();
    void work();

    std::size_t width_;
    std::size_t height_;
    std::size_t rows_ = 0;
    std::vector<Taps> across_;
    std::vector<Taps> down_;
    std::vector<std::uint8_t> held_;    // rows that are weighed together
    std::size_t holding_ = 0;           // how many there are
    std::vector<std::uint8_t> narrow_;  // the picture kSide pixels wide, column by column
};

}  // namespace hashpact

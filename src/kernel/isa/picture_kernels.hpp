// The inner loops over the rows of pictures, as a table of functions: one table per instruction set, all with the same
// results.
//
// Rows are worked on kPictureRows at a time, because the sum of a moving average along a row depends on the one before.
// In a block the samples of a column stand together: that of row r in column j is at kPictureRows * j + r.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace hashpact {

constexpr std::size_t kPictureRows = 16;

// Rows that are weighed together: their weights are read once.
constexpr std::size_t kWeighedRows = 4;

// Bytes of a pixel, as Pillow holds pictures in colour: red, green, blue, and one that is not looked at.
constexpr std::size_t kPixelBytes = 4;

// What is averaged in a block of rows, and what is kept for the next block.
struct Averages {
    std::size_t width;
    std::size_t window;  // of the averages along the rows, in columns
    float* luma;         // a block
    float* averaged;     // a block, along its rows and then along the columns
    float* sums;         // a block: that, summed along its rows once more
    float* in_window;    // for each column the sum of the rows in the window of the average along the columns
    std::array<float*, kPictureRows> oldest;   // for each row the one that leaves that window, which it replaces
    std::array<float, kPictureRows> in_count;  // and how many are in it then
};

struct PictureKernels {
    // Averages the luma of the pixels of `count` rows, which follow each other, or rows of zeros if there are none. A
    // moving average is written where its window is in the middle: half of it before the last that it takes in. At the
    // ends it is cut off.
    void (*average)(const std::uint8_t* rgbx, std::size_t count, const Averages& averages);

    // Writes the grey that Pillow makes of each of `count` pixels.
    void (*grey)(const std::uint8_t* rgbx, std::size_t count, std::uint8_t* out);

    // Adds a row to sums and subtracts the oldest row, which is replaced. Writes the sums divided by `count`.
    void (*down)(const float* row, std::size_t length, float count, float* sums, float* oldest, float* out);

    // Of each of kWeighedRows rows, `stride` bytes apart, the sum of `count` pixels times their weights. It and every part
    // of it fits into 32 bits.
    void (*weigh)(const std::uint8_t* pixels, std::size_t stride, const std::int32_t* weights, std::size_t count,
                  std::int32_t* sums);
};

extern const PictureKernels kGenericPictures;
#if defined(__x86_64__)
extern const PictureKernels kAvx2Pictures;
extern const PictureKernels kAvx512Pictures;
#elif defined(__aarch64__)
extern const PictureKernels kNeonPictures;
#endif

}  // namespace hashpact

// The inner loops over the rows of pictures, as a table of functions: one table per instruction set, all with the same
// results.
//
// Rows are worked on kPictureRows at a time, because the sum of a moving average along a row depends on the one before.
// In a block the samples of a column stand together: that of row r in column j is at kPictureRows * j + r.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hashpact {

constexpr std::size_t kPictureRows = 16;

// Rows that are weighed together: their weights are read once.
constexpr std::size_t kWeighedRows = 4;

// Bytes of a pixel, as Pillow holds pictures in colour: red, green, blue, and one that is not looked at.
constexpr std::size_t kPixelBytes = 4;

struct PictureKernels {
    // Writes the luma of the pixels of `count` rows, which follow each other, as the rows from `first` on of a block.
    void (*luma)(const std::uint8_t* rgbx, std::size_t width, std::size_t count, std::size_t first, float* block);

    // Writes the grey that Pillow makes of each of `count` pixels.
    void (*grey)(const std::uint8_t* rgbx, std::size_t count, std::uint8_t* out);

    // Writes the moving sums along the `length` columns of a block, over `window` of them, each where its window is in the
    // middle: `window` / 2 columns before the last that it takes in. At the ends the window is cut off. Divided by how
    // many columns are in the window if `mean`.
    void (*along)(const float* block, std::size_t length, std::size_t window, bool mean, float* out);

    // Copies the `count` first rows out of a block, and into one.
    void (*split)(const float* block, std::size_t length, std::size_t count, float* const* rows);
    void (*join)(const float* const* rows, std::size_t length, std::size_t count, float* block);

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

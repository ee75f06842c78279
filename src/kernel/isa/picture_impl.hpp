// The picture kernels, written once over vectors of `kBytes` bytes as GCC and Clang have them.
//
// Each picture_*.cpp includes this file into its own unnamed namespace, for the reason that kernels_impl.hpp gives.

#include <string.h>

#include "isa/picture_kernels.hpp"

namespace {

using hashpact::kPictureRows;
using hashpact::kPixelBytes;
using hashpact::kWeighedRows;

// Apart from what uses it: to GCC a vector of whole numbers is none in the template that declares it.
template <unsigned kBytes>
struct Lanes {
    typedef int Words __attribute__((vector_size(kBytes)));
};

template <unsigned kBytes>
struct Pictures {
    typedef float Floats __attribute__((vector_size(kBytes)));
    static constexpr std::size_t kLanes = kBytes / sizeof(float);
    static constexpr std::size_t kVectors = kPictureRows / kLanes;

    // So many columns of a block are in the nearest memory at the same time.
    static constexpr std::size_t kTile = 64;

    // The samples of one column of a block.
    struct Column {
        Floats part[kVectors];
    };

    static Floats load(const float* from) {
        Floats floats;
        memcpy(&floats, from, sizeof floats);
        return floats;
    }

    static void store(float* to, Floats floats) { memcpy(to, &floats, sizeof floats); }

    static void add(Column& sums, const float* column) {
        for (std::size_t v = 0; v < kVectors; ++v) sums.part[v] += load(column + v * kLanes);
    }

    static void subtract(Column& sums, const float* column) {
        for (std::size_t v = 0; v < kVectors; ++v) sums.part[v] -= load(column + v * kLanes);
    }

    template <bool kMean>
    static void write(const Column& sums, std::size_t count, float* column) {
        const Floats all = Floats{} + static_cast<float>(count);
        for (std::size_t v = 0; v < kVectors; ++v) {
            store(column + v * kLanes, kMean ? sums.part[v] / all : sums.part[v]);
        }
    }

    using Words = typename Lanes<kBytes>::Words;

    // One byte of each of so many pixels. The first byte of a word is its lowest, as on every processor that is built for.
    template <int kAt>
    static Words channel(Words pixels) {
        return (pixels >> 8 * kAt) & 255;
    }

    // 0.299 R + 0.587 G + 0.114 B, rounded once: the sum of thousandths is exact. The reference adds products of doubles,
    // and has the same float for every colour: what it is off is far less than what separates a thousandth from the
    // middle between two floats.
    static float luma_of(const std::uint8_t* pixel) {
        return static_cast<float>(299 * pixel[0] + 587 * pixel[1] + 114 * pixel[2]) / 1000;
    }

    static void luma(const std::uint8_t* rgbx, std::size_t width, std::size_t count, std::size_t first, float* block) {
        float tile[kPictureRows * kTile];
        for (std::size_t start = 0; start < width; start += kTile) {
            const std::size_t wide = width - start < kTile ? width - start : kTile;
            for (std::size_t r = 0; r < count; ++r) {
                const std::uint8_t* pixel = rgbx + kPixelBytes * (r * width + start);
                float* to = tile + r * kTile;
                std::size_t j = 0;
                for (; j + kLanes <= wide; j += kLanes, pixel += kPixelBytes * kLanes) {
                    Words some;
                    memcpy(&some, pixel, sizeof some);
                    const Words sum = channel<0>(some) * 299 + channel<1>(some) * 587 + channel<2>(some) * 114;
                    store(to + j, __builtin_convertvector(sum, Floats) / 1000);
                }
                for (; j < wide; ++j, pixel += kPixelBytes) to[j] = luma_of(pixel);
            }
            transpose([&](std::size_t r) { return tile + r * kTile; }, count, wide,
                      [&](std::size_t j) { return block + (start + j) * kPictureRows + first; });
        }
    }

    static void grey(const std::uint8_t* __restrict rgbx, std::size_t count, std::uint8_t* __restrict out) {
        // As Convert.c of Pillow has it.
        constexpr std::uint32_t red = 19595, green = 38470, blue = 7471, half = 1 << 15;
        for (std::size_t i = 0; i < count; ++i) {
            std::uint32_t pixel;
            memcpy(&pixel, rgbx + kPixelBytes * i, sizeof pixel);
            const std::uint32_t sum = (pixel & 255) * red + (pixel >> 8 & 255) * green + (pixel >> 16 & 255) * blue;
            out[i] = static_cast<std::uint8_t>((sum + half) >> 16);
        }
    }

    typedef float Four __attribute__((vector_size(16)));

    // Writes the columns of `high` rows of `wide` floats as rows: four by four, then what is left. `from` and `to` say where
    // a row begins.
    template <typename From, typename To>
    static void transpose(const From& from, std::size_t high, std::size_t wide, const To& to) {
        std::size_t r = 0;
        for (; r + 4 <= high; r += 4) {
            const float* const in[4] = {from(r), from(r + 1), from(r + 2), from(r + 3)};
            std::size_t j = 0;
            for (; j + 4 <= wide; j += 4) {
                Four four[4];
                for (std::size_t k = 0; k < 4; ++k) memcpy(&four[k], in[k] + j, sizeof four[k]);
                const Four even0 = __builtin_shufflevector(four[0], four[1], 0, 4, 1, 5);
                const Four even1 = __builtin_shufflevector(four[2], four[3], 0, 4, 1, 5);
                const Four odd0 = __builtin_shufflevector(four[0], four[1], 2, 6, 3, 7);
                const Four odd1 = __builtin_shufflevector(four[2], four[3], 2, 6, 3, 7);
                const Four out[4] = {__builtin_shufflevector(even0, even1, 0, 1, 4, 5),
                                     __builtin_shufflevector(even0, even1, 2, 3, 6, 7),
                                     __builtin_shufflevector(odd0, odd1, 0, 1, 4, 5),
                                     __builtin_shufflevector(odd0, odd1, 2, 3, 6, 7)};
                for (std::size_t k = 0; k < 4; ++k) memcpy(to(j + k) + r, &out[k], sizeof out[k]);
            }
            for (; j < wide; ++j) {
                for (std::size_t k = 0; k < 4; ++k) to(j)[r + k] = in[k][j];
            }
        }
        for (; r < high; ++r) {
            for (std::size_t j = 0; j < wide; ++j) to(j)[r] = from(r)[j];
        }
    }

    template <bool kMean>
    static void along_columns(const float* block, std::size_t length, std::size_t window, float* out) {
        const std::size_t ahead = window / 2;
        const auto column = [](auto* from, std::size_t i) { return from + i * kPictureRows; };
        Column sums{};
        std::size_t count = 0;
        std::size_t i = 0;
        // Until the first column falls out of the window; then while columns come in; then without.
        for (; i < window && i < length; ++i) {
            add(sums, column(block, i));
            ++count;
            if (i >= ahead) write<kMean>(sums, count, column(out, i - ahead));
        }
        for (; i < length; ++i) {
            add(sums, column(block, i));
            subtract(sums, column(block, i - window));
            write<kMean>(sums, count, column(out, i - ahead));
        }
        for (; i < length + ahead; ++i) {
            if (i >= window) {
                subtract(sums, column(block, i - window));
                --count;
            }
            if (i >= ahead) write<kMean>(sums, count, column(out, i - ahead));
        }
    }

    static void along(const float* block, std::size_t length, std::size_t window, bool mean, float* out) {
        (mean ? along_columns<true> : along_columns<false>)(block, length, window, out);
    }

    static void split(const float* block, std::size_t length, std::size_t count, float* const* rows) {
        transpose([&](std::size_t j) { return block + j * kPictureRows; }, length, count,
                  [&](std::size_t r) { return rows[r]; });
    }

    static void join(const float* const* rows, std::size_t length, std::size_t count, float* block) {
        for (std::size_t first = 0; first < length; first += kTile) {
            transpose([&](std::size_t r) { return rows[r] + first; }, count, length - first < kTile ? length - first : kTile,
                      [&](std::size_t j) { return block + (first + j) * kPictureRows; });
        }
    }

    static void down(const float* row, std::size_t length, float count, float* sums, float* oldest, float* out) {
        const Floats all = Floats{} + count;
        std::size_t j = 0;
        for (; j + kLanes <= length; j += kLanes) {
            const Floats come = load(row + j);
            const Floats sum = load(sums + j) + come - load(oldest + j);
            store(sums + j, sum);
            store(oldest + j, come);
            store(out + j, sum / all);
        }
        for (; j < length; ++j) {
            sums[j] = sums[j] + row[j] - oldest[j];
            oldest[j] = row[j];
            out[j] = sums[j] / count;
        }
    }

    static void weigh(const std::uint8_t* pixels, std::size_t stride, const std::int32_t* weights, std::size_t count,
                      std::int32_t* sums) {
        std::int32_t all[kWeighedRows] = {};
        // The compiler makes better vectors of this than of vectors of bytes, whose widening GCC 12 does one by one.
        for (std::size_t i = 0; i < count; ++i) {
            for (std::size_t r = 0; r < kWeighedRows; ++r) all[r] += pixels[r * stride + i] * weights[i];
        }
        memcpy(sums, all, sizeof all);
    }
};

template <unsigned kBytes>
constexpr hashpact::PictureKernels picture_kernels() {
    using P = Pictures<kBytes>;
    return {&P::luma, &P::grey, &P::along, &P::split, &P::join, &P::down, &P::weigh};
}

}  // namespace

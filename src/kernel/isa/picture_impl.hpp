// The picture kernels, written once over vectors of `kBytes` bytes as GCC and Clang have them.
//
// Each picture_*.cpp includes this file into its own unnamed namespace, for the reason that kernels_impl.hpp gives.

#include <string.h>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

#include "isa/picture_kernels.hpp"

namespace {

using hashpact::Averages;
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

    // a / b, rounded as the division rounds it. `inverse` is 1 / b, rounded, and no number is near the smallest one. With
    // fused multiplications it takes less time: the first correction makes q the one float or the other beside
    // the quotient, the second one the nearest (Markstein, "Computation of elementary functions on the IBM RISC System/6000
    // processor", 1990).
    static Floats divided(Floats a, [[maybe_unused]] Floats b, [[maybe_unused]] Floats inverse) {
#ifdef __AVX512F__
        __m512 wide_a, wide_b, wide_inverse;
        memcpy(&wide_a, &a, sizeof a);
        memcpy(&wide_b, &b, sizeof b);
        memcpy(&wide_inverse, &inverse, sizeof inverse);
        __m512 q = wide_a * wide_inverse;
        for (int times = 0; times < 2; ++times) {
            q = _mm512_fmadd_ps(_mm512_fnmadd_ps(q, wide_b, wide_a), wide_inverse, q);
        }
        memcpy(&a, &q, sizeof a);
        return a;
#else
        return a / b;
#endif
    }

    static void add(Column& sums, const float* column) {
        for (std::size_t v = 0; v < kVectors; ++v) sums.part[v] += load(column + v * kLanes);
    }

    static void subtract(Column& sums, const float* column) {
        for (std::size_t v = 0; v < kVectors; ++v) sums.part[v] -= load(column + v * kLanes);
    }

    template <bool kMean>
    static void write(const Column& sums, std::size_t count, float* column) {
        const Floats all = Floats{} + static_cast<float>(count);
        const Floats inverse = 1 / all;
        for (std::size_t v = 0; v < kVectors; ++v) {
            store(column + v * kLanes, kMean ? divided(sums.part[v], all, inverse) : sums.part[v]);
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

    // Of the columns from `start` to `stop`.
    static void luma(const std::uint8_t* rgbx, std::size_t width, std::size_t count, std::size_t start, std::size_t stop,
                     float* block) {
        const Floats thousand = Floats{} + 1000;
        float tile[kPictureRows * kTile];
        for (; start < stop; start += kTile) {
            const std::size_t wide = stop - start < kTile ? stop - start : kTile;
            for (std::size_t r = 0; r < count; ++r) {
                const std::uint8_t* pixel = rgbx + kPixelBytes * (r * width + start);
                float* to = tile + r * kTile;
                std::size_t j = 0;
                for (; j + kLanes <= wide; j += kLanes, pixel += kPixelBytes * kLanes) {
                    Words some;
                    memcpy(&some, pixel, sizeof some);
                    const Words sum = channel<0>(some) * 299 + channel<1>(some) * 587 + channel<2>(some) * 114;
                    store(to + j, divided(__builtin_convertvector(sum, Floats), thousand, 1 / thousand));
                }
                for (; j < wide; ++j, pixel += kPixelBytes) to[j] = luma_of(pixel);
            }
            transpose([&](std::size_t r) { return tile + r * kTile; }, count, wide,
                      [&](std::size_t j) { return block + (start + j) * kPictureRows; });
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

    // A moving sum along the columns of a block, and how far it has come.
    struct Moving {
        Column sums{};
        std::size_t count = 0;  // columns in the window
        std::size_t i = 0;      // the next column
    };

    // Goes on up to column `end` of `length`, or beyond the last. What comes out is written behind `out`, which is where
    // that of column `first` goes.
    template <bool kMean>
    static void move(Moving& moving, const float* block, std::size_t length, std::size_t window, std::size_t end,
                     std::size_t first, float* out) {
        const std::size_t ahead = window / 2;
        const auto column = [](auto* from, std::size_t i) { return from + i * kPictureRows; };
        Column sums = moving.sums;
        std::size_t count = moving.count;
        std::size_t i = moving.i;
        // Until the first column falls out of the window; then while columns come in; then without.
        for (; i < window && i < length && i < end; ++i) {
            add(sums, column(block, i));
            ++count;
            if (i >= ahead) write<kMean>(sums, count, column(out, i - ahead - first));
        }
        for (; i < length && i < end; ++i) {
            add(sums, column(block, i));
            subtract(sums, column(block, i - window));
            write<kMean>(sums, count, column(out, i - ahead - first));
        }
        for (; i < end; ++i) {
            if (i >= window) {
                subtract(sums, column(block, i - window));
                --count;
            }
            if (i >= ahead) write<kMean>(sums, count, column(out, i - ahead - first));
        }
        moving = {sums, count, i};
    }

    // The average along the columns, of the columns from `first` on: in place.
    static void down_tile(float* tile, std::size_t count, std::size_t first, std::size_t wide, const Averages& averages) {
        float inverse[kPictureRows];
        for (std::size_t r = 0; r < count; ++r) inverse[r] = 1 / averages.in_count[r];
        std::size_t j = 0;
        for (; j + kLanes <= wide; j += kLanes) {
            Floats sum = load(averages.in_window + first + j);
            for (std::size_t r = 0; r < count; ++r) {
                const Floats come = load(tile + r * kTile + j);
                float* oldest = averages.oldest[r] + first + j;
                sum = sum + come - load(oldest);
                store(oldest, come);
                const Floats all = Floats{} + averages.in_count[r];
                store(tile + r * kTile + j, divided(sum, all, Floats{} + inverse[r]));
            }
            store(averages.in_window + first + j, sum);
        }
        for (; j < wide; ++j) {
            float sum = averages.in_window[first + j];
            for (std::size_t r = 0; r < count; ++r) {
                const float come = tile[r * kTile + j];
                float* oldest = averages.oldest[r] + first + j;
                sum = sum + come - *oldest;
                *oldest = come;
                tile[r * kTile + j] = sum / averages.in_count[r];
            }
            averages.in_window[first + j] = sum;
        }
    }

    // Some columns at a time go through all of it, so that they stay in the nearest memory.
    static void average(const std::uint8_t* rgbx, std::size_t count, const Averages& averages) {
        const std::size_t width = averages.width;
        const std::size_t window = averages.window;
        const std::size_t ahead = window / 2;
        float columns[kPictureRows * kTile];
        float rows[kPictureRows * kTile];
        Moving along;
        Moving again;
        std::size_t made = 0;  // columns of luma
        for (std::size_t first = 0; first < width; first += kTile) {
            const std::size_t last = width - first < kTile ? width : first + kTile;
            if (rgbx != nullptr) {
                const std::size_t stop = width - last < ahead ? width : last + ahead;
                if (made < stop) luma(rgbx, width, count, made, stop, averages.luma);
                made = stop;
                move<true>(along, averages.luma, width, window, last + ahead, first, columns);
                transpose([&](std::size_t j) { return columns + j * kPictureRows; }, last - first, count,
                          [&](std::size_t r) { return rows + r * kTile; });
            } else {
                memset(rows, 0, sizeof rows);
            }
            down_tile(rows, count, first, last - first, averages);
            transpose([&](std::size_t r) { return rows + r * kTile; }, count, last - first,
                      [&](std::size_t j) { return averages.averaged + (first + j) * kPictureRows; });
            move<false>(again, averages.averaged, width, window, last, 0, averages.sums);
        }
        move<false>(again, averages.averaged, width, window, width + ahead, 0, averages.sums);
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
    return {&P::average, &P::grey, &P::down, &P::weigh};
}

}  // namespace

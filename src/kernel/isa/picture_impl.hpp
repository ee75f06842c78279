// The picture kernels, written once over vectors of `kBytes` bytes as GCC and Clang have them.
//
// Each picture_*.cpp includes this file into its own unnamed namespace, for the reason that kernels_impl.hpp gives.

#include <string.h>

#include "isa/picture_kernels.hpp"

namespace {

using hashpact::kPictureRows;

// As many pixels as weights. Apart from what uses them: to GCC a type with such an attribute is without it in the template
// that declares it.
template <unsigned kBytes>
struct Lanes {
    typedef int Weights __attribute__((vector_size(kBytes)));
    typedef unsigned char Pixels __attribute__((vector_size(kBytes / sizeof(int))));
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

    typedef std::uint8_t Bytes __attribute__((vector_size(16)));
    typedef std::int32_t Wholes __attribute__((vector_size(16)));
    typedef float Four __attribute__((vector_size(16)));

    // One channel of four pixels: the bytes at 0, 3, 6 and 9 from `kAt` on.
    template <int kAt>
    static Four channel(Bytes pixels) {
        constexpr int none = 16;  // a byte of the other vector, of zeros
        const Bytes spread = __builtin_shufflevector(pixels, Bytes{}, kAt, none, none, none, kAt + 3, none, none, none,
                                                     kAt + 6, none, none, none, kAt + 9, none, none, none);
        return __builtin_convertvector(reinterpret_cast<Wholes>(spread), Four);
    }

    // 0.299 R + 0.587 G + 0.114 B, rounded once: the sum of thousandths is exact. The reference adds products of doubles,
    // and has the same float for every colour: what it is off is far less than what separates a thousandth from the
    // middle between two floats.
    static void luma(const std::uint8_t* rgb, std::size_t width, std::size_t count, std::size_t first, float* block) {
        const std::uint8_t* end = rgb + 3 * width * count;
        for (std::size_t start = 0; start < width; start += kTile) {
            const std::size_t stop = start + kTile < width ? start + kTile : width;
            for (std::size_t r = 0; r < count; ++r) {
                const std::uint8_t* pixel = rgb + 3 * (r * width + start);
                float* to = block + start * kPictureRows + first + r;
                std::size_t j = start;
                // Without instructions that shuffle bytes, pixel by pixel is faster.
                for (; kBytes > 16 && j + 4 <= stop && pixel + sizeof(Bytes) <= end; j += 4, pixel += 12, to += 4 * kPictureRows) {
                    Bytes bytes;
                    memcpy(&bytes, pixel, sizeof bytes);
                    const Four sum = channel<0>(bytes) * 299 + channel<1>(bytes) * 587 + channel<2>(bytes) * 114;
                    const Four luma = sum / 1000;
                    for (std::size_t k = 0; k < 4; ++k) to[k * kPictureRows] = luma[k];
                }
                for (; j < stop; ++j, pixel += 3, to += kPictureRows) {
                    *to = static_cast<float>(299 * pixel[0] + 587 * pixel[1] + 114 * pixel[2]) / 1000;
                }
            }
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
        for (std::size_t first = 0; first < length; first += kTile) {
            const std::size_t last = first + kTile < length ? first + kTile : length;
            for (std::size_t r = 0; r < count; ++r) {
                float* row = rows[r];
                for (std::size_t j = first; j < last; ++j) row[j] = block[j * kPictureRows + r];
            }
        }
    }

    static void join(const float* const* rows, std::size_t length, std::size_t count, float* block) {
        for (std::size_t first = 0; first < length; first += kTile) {
            const std::size_t last = first + kTile < length ? first + kTile : length;
            for (std::size_t r = 0; r < count; ++r) {
                const float* row = rows[r];
                for (std::size_t j = first; j < last; ++j) block[j * kPictureRows + r] = row[j];
            }
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

    using Weights = typename Lanes<kBytes>::Weights;
    using Pixels = typename Lanes<kBytes>::Pixels;

    static std::int32_t weigh(const std::uint8_t* pixels, const std::int32_t* weights, std::size_t count) {
        Weights sums{};
        std::size_t i = 0;
        for (; i + kLanes <= count; i += kLanes) {
            Pixels some;
            Weights theirs;
            memcpy(&some, pixels + i, sizeof some);
            memcpy(&theirs, weights + i, sizeof theirs);
            sums += __builtin_convertvector(some, Weights) * theirs;
        }
        std::int32_t sum = 0;
        for (std::size_t k = 0; k < kLanes; ++k) sum += sums[k];
        for (; i < count; ++i) sum += pixels[i] * weights[i];
        return sum;
    }
};

template <unsigned kBytes>
constexpr hashpact::PictureKernels picture_kernels() {
    using P = Pictures<kBytes>;
    return {&P::luma, &P::along, &P::split, &P::join, &P::down, &P::weigh};
}

}  // namespace

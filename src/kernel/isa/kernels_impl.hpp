// The kernels, written once over a small set of operations that each instruction set supplies.
//
// Each kernels_*.cpp includes this file into its own unnamed namespace: a function compiled for one
// instruction set must never be the copy that the linker keeps for another. For the same reason nothing
// here instantiates a standard library template.
//
// `Isa` supplies
//   kLanes                              how many sketches one call of `within` compares, at most 32
//   within(sketches, sketch, radius)    bit i is set if sketch i is within the radius; may read kReadAhead bytes
//   distance(a, b, words)               Hamming distance of two codes
//   kCodes<words>                       how many codes of so many words one call of `near` compares; 0: there is none
//   near<words>(codes, query, radius, distances)  bit i is set if code i is within the radius; then all distances
//   Slice                               a vector of words, at most kBlockWords of them
//   ones(slice)                         the set bits of each word

#include "isa/kernels.hpp"

namespace {

using hashpact::kRunsAhead;
using hashpact::Run;

// A long run is left to the hardware's own prefetcher after this many lines.
constexpr std::size_t kPrefetchLines = 16;
constexpr std::size_t kLine = 64;

inline void prefetch_run(const Run& run) {
    const char* line = reinterpret_cast<const char*>(run.sketches);
    std::size_t bytes = run.count * sizeof(std::uint16_t);
    if (bytes > kPrefetchLines * kLine) bytes = kPrefetchLines * kLine;
    for (std::size_t at = 0; at < bytes; at += kLine) __builtin_prefetch(line + at);
    // The run need not start on a line, so its last byte may lie one line further.
    if (bytes != 0) __builtin_prefetch(line + bytes - 1);
}

template <class Isa>
std::size_t filter(const Run* runs, std::size_t count, const std::uint32_t** out) {
    const std::uint32_t** next = out;
    for (std::size_t i = 0; i < kRunsAhead && i < count; ++i) prefetch_run(runs[i]);
    for (std::size_t i = 0; i < count; ++i) {
        prefetch_run(runs[i + kRunsAhead]);
        const Run& run = runs[i];
        for (std::uint32_t at = 0; at < run.count; at += Isa::kLanes) {
            std::uint32_t passed = Isa::within(run.sketches + at, run.sketch, run.radius);
            const std::uint32_t left = run.count - at;
            if (left < Isa::kLanes) passed &= (1U << left) - 1;
            while (__builtin_expect(passed != 0, 0)) {
                const auto lane = static_cast<std::uint32_t>(__builtin_ctz(passed));
                passed &= passed - 1;
                *next++ = run.rows + at + lane;
                __builtin_prefetch(run.rows + at + lane);
            }
        }
    }
    return static_cast<std::size_t>(next - out);
}

// Rows are far apart, so their lines are asked for this many rows ahead.
constexpr std::size_t kRowsAhead = 8;

template <class Isa>
void distances(const std::uint64_t* codes, unsigned words, const std::uint64_t* query, const std::uint32_t* rows,
               std::size_t count, std::uint16_t* out) {
    const auto code = [&](std::size_t i) { return codes + std::size_t{rows[i]} * words; };
    for (std::size_t i = 0; i < kRowsAhead && i < count; ++i) __builtin_prefetch(code(i));
    for (std::size_t i = 0; i < count; ++i) {
        if (i + kRowsAhead < count) __builtin_prefetch(code(i + kRowsAhead));
        out[i] = static_cast<std::uint16_t>(Isa::distance(code(i), query, words));
    }
}

// With the number of words known, or any number of words if kWords is 0.
template <class Isa, unsigned kWords>
std::size_t scan_words(const std::uint64_t* codes, unsigned any_words, std::size_t count, const std::uint64_t* query,
                       unsigned radius, std::uint32_t* rows, std::uint16_t* distances) {
    const unsigned words = kWords == 0 ? any_words : kWords;
    std::size_t found = 0;
    std::size_t i = 0;
    if constexpr (Isa::template kCodes<kWords> != 0) {
        constexpr unsigned step = Isa::template kCodes<kWords>;
        for (; i + step <= count; i += step) {
            std::uint16_t each[step];
            std::uint32_t near = Isa::template near<kWords>(codes + i * words, query, radius, each);
            while (__builtin_expect(near != 0, 0)) {
                const auto lane = static_cast<std::uint32_t>(__builtin_ctz(near));
                near &= near - 1;
                rows[found] = static_cast<std::uint32_t>(i) + lane;
                distances[found++] = each[lane];
            }
        }
    }
    for (; i < count; ++i) {
        const unsigned distance = Isa::distance(codes + i * words, query, words);
        rows[found] = static_cast<std::uint32_t>(i);
        distances[found] = static_cast<std::uint16_t>(distance);
        found += distance <= radius ? 1 : 0;
    }
    return found;
}

template <class Isa>
std::size_t scan(const std::uint64_t* codes, unsigned words, std::size_t count, const std::uint64_t* query,
                 unsigned radius, std::uint32_t* rows, std::uint16_t* distances) {
    switch (words) {
        case 1:
            return scan_words<Isa, 1>(codes, words, count, query, radius, rows, distances);
        case 2:
            return scan_words<Isa, 2>(codes, words, count, query, radius, rows, distances);
        case 4:
            return scan_words<Isa, 4>(codes, words, count, query, radius, rows, distances);
        default:
            return scan_words<Isa, 0>(codes, words, count, query, radius, rows, distances);
    }
}

// a + b + sum: the lower bits stay in `sum`, the upper ones come back.
template <class Slice>
inline Slice carry_save(Slice a, Slice b, Slice& sum) {
    const Slice either = a ^ b;
    const Slice carry = (a & b) | (either & sum);
    sum ^= either;
    return carry;
}

template <class Slice>
inline Slice load_slice(const std::uint64_t* words) {
    Slice slice;
    __builtin_memcpy(&slice, words, sizeof slice);
    return slice;
}

template <class Slice>
inline std::size_t total(Slice counts) {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < sizeof(Slice) / sizeof(std::uint64_t); ++i) sum += counts[i];
    return sum;
}

template <class Isa>
void add_slices(const std::uint64_t* slices, std::size_t blocks, const std::uint16_t* picked, std::size_t count,
                std::uint64_t* sums) {
    using hashpact::kBlockWords;
    using hashpact::kStartSlices;
    using hashpact::kSumSlices;
    using Slice = typename Isa::Slice;
    const std::size_t stride = blocks * kBlockWords;
    for (std::size_t at = 0; at < stride; at += sizeof(Slice) / sizeof(std::uint64_t)) {
        const auto load = [&](std::size_t slice) { return load_slice<Slice>(slices + slice * stride + at); };
        Slice sum[kSumSlices] = {};
        for (std::size_t i = 0; i < kStartSlices; ++i) sum[i] = load(i);
        // What weighs 2^k is added from there upwards.
        const auto add = [&](Slice bits, std::size_t k) {
            for (; k < kSumSlices; ++k) {
                const Slice carry = sum[k] & bits;
                sum[k] ^= bits;
                bits = carry;
            }
        };
        std::size_t i = 0;
        for (; i + 4 <= count; i += 4) {
            const Slice a = carry_save(load(picked[i]), load(picked[i + 1]), sum[1]);
            const Slice b = carry_save(load(picked[i + 2]), load(picked[i + 3]), sum[1]);
            add(carry_save(a, b, sum[2]), 3);
        }
        for (; i < count; ++i) add(load(picked[i]), 1);
        std::uint64_t* out = sums + at / kBlockWords * kBlockWords * kSumSlices + at % kBlockWords;
        for (std::size_t k = 0; k < kSumSlices; ++k) __builtin_memcpy(out + k * kBlockWords, &sum[k], sizeof sum[k]);
    }
}

template <class Isa>
std::size_t sums_within(const std::uint64_t* sums, std::size_t blocks, unsigned bound, std::uint64_t* members) {
    using hashpact::kBlockWords;
    using hashpact::kSumSlices;
    using Slice = typename Isa::Slice;
    Slice counts = {};
    for (std::size_t at = 0; at < blocks * kBlockWords; at += sizeof(Slice) / sizeof(std::uint64_t)) {
        const std::uint64_t* in = sums + at / kBlockWords * kBlockWords * kSumSlices + at % kBlockWords;
        // From the top bit down: equal so far, or smaller already.
        Slice equal = ~Slice{};
        Slice smaller = {};
        for (std::size_t k = kSumSlices; k-- > 0;) {
            const Slice bits = load_slice<Slice>(in + k * kBlockWords);
            if ((bound >> k & 1) != 0) {
                smaller |= equal & ~bits;
                equal &= bits;
            } else {
                equal &= ~bits;
            }
        }
        const Slice found = smaller | equal;
        __builtin_memcpy(members + at, &found, sizeof found);
        counts += Isa::ones(found);
    }
    return total<Slice>(counts);
}

// From the top slice down, as O'Neil and Quass find a quantile ("Improved query performance with variant indexes",
// SIGMOD 1997): a value with a 0 where others have a 1 comes before them.
template <class Isa>
unsigned least_sums(const std::uint64_t* sums, std::size_t blocks, unsigned bound, std::size_t count,
                    std::size_t* wanted, std::uint64_t* members, std::uint64_t* below) {
    using hashpact::kBlockWords;
    using hashpact::kSumSlices;
    using Slice = typename Isa::Slice;
    constexpr std::size_t step = sizeof(Slice) / sizeof(std::uint64_t);
    const std::size_t words = blocks * kBlockWords;
    const auto load = [&](std::size_t at, std::size_t k) {
        const std::size_t block = at / kBlockWords * kBlockWords * kSumSlices;
        return load_slice<Slice>(sums + block + k * kBlockWords + at % kBlockWords);
    };
    for (std::size_t at = 0; at < words; ++at) below[at] = 0;
    unsigned sum = 0;
    for (std::size_t k = kSumSlices; k-- > 0;) {
        if (bound >> k == 0) continue;
        Slice counts = {};
        for (std::size_t at = 0; at < words; at += step) {
            counts += Isa::ones(load_slice<Slice>(members + at) & ~load(at, k));
        }
        const std::size_t zeros = total<Slice>(counts);
        const bool ones = zeros < *wanted;
        if (ones) {
            *wanted -= zeros;
            sum |= 1U << k;
        }
        // Nothing changes where all have the same bit.
        const std::size_t left = ones ? count - zeros : zeros;
        if (left == count) continue;
        count = left;
        const Slice kept = ones ? Slice{} : ~Slice{};
        for (std::size_t at = 0; at < words; at += step) {
            const Slice before = load_slice<Slice>(members + at);
            const Slice bits = load(at, k);
            const Slice less = load_slice<Slice>(below + at) | (before & ~bits & ~kept);
            const Slice after = before & (bits ^ kept);
            __builtin_memcpy(below + at, &less, sizeof less);
            __builtin_memcpy(members + at, &after, sizeof after);
        }
    }
    return sum;
}

template <class Isa>
constexpr hashpact::Kernels table(const char* name, const hashpact::SignatureKernels* signatures,
                                  const hashpact::PictureKernels* pictures) {
    return {name,
            &filter<Isa>,
            &distances<Isa>,
            &scan<Isa>,
            &add_slices<Isa>,
            &sums_within<Isa>,
            &least_sums<Isa>,
            signatures,
            pictures};
}

}  // namespace

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
//   equal(a, b)                         equal values of two signatures

#include "kernels.hpp"

namespace {

using hashpact::Candidate;
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
std::size_t filter(const Run* runs, std::size_t count, Candidate* out) {
    Candidate* next = out;
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
                *next++ = Candidate{run.rows[at + lane], run.chunk};
            }
        }
    }
    return static_cast<std::size_t>(next - out);
}

// Rows are far apart, so their lines are asked for this many rows ahead.
constexpr std::size_t kRowsAhead = 8;

template <class Isa>
void distances(const std::uint64_t* codes, unsigned words, const std::uint64_t* query, const Candidate* candidates,
               std::size_t count, std::uint16_t* out) {
    const auto code = [&](std::size_t i) { return codes + std::size_t{candidates[i].row} * words; };
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
    for (std::size_t i = 0; i < count; ++i) {
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
        case 4:
            return scan_words<Isa, 4>(codes, words, count, query, radius, rows, distances);
        default:
            return scan_words<Isa, 0>(codes, words, count, query, radius, rows, distances);
    }
}

template <class Isa>
void equal_values(const std::uint64_t* signatures, const std::uint64_t* query, const std::uint32_t* rows,
                  std::size_t count, std::uint16_t* out) {
    constexpr std::size_t words = hashpact::kSignatureValues / 2;
    const auto signature = [&](std::size_t i) { return signatures + std::size_t{rows[i]} * words; };
    const auto prefetch = [&](std::size_t i) {
        for (std::size_t word = 0; word < words; word += kLine / sizeof(std::uint64_t)) {
            __builtin_prefetch(signature(i) + word);
        }
    };
    for (std::size_t i = 0; i < 2 && i < count; ++i) prefetch(i);
    for (std::size_t i = 0; i < count; ++i) {
        if (i + 2 < count) prefetch(i + 2);
        out[i] = static_cast<std::uint16_t>(Isa::equal(signature(i), query));
    }
}

template <class Isa>
constexpr hashpact::Kernels table(const char* name) {
    return {name, &filter<Isa>, &distances<Isa>, &scan<Isa>, &equal_values<Isa>};
}

}  // namespace

// The inner loops, as a table of functions: one table per instruction set, all with the same results.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hashpact {

// Values in a MinHash signature (`minhash/1`).
constexpr unsigned kSignatureValues = 128;

// How far, in bytes, a kernel may read past the last sketch of a table; tables are padded by it.
constexpr std::size_t kReadAhead = 64;

// How many runs behind the last one must be readable and empty; the filter prefetches that far ahead.
constexpr std::size_t kRunsAhead = 8;

// Consecutive entries of one chunk's table, to be filtered: those whose sketch is within `radius` of `sketch` pass.
struct Run {
    const std::uint16_t* sketches;
    const std::uint32_t* rows;
    std::uint32_t count;
    std::uint16_t sketch;
    std::uint8_t radius;
    std::uint8_t chunk;
};

// A row that passed the filter, and the chunk that it was found by.
struct Candidate {
    std::uint32_t row;
    std::uint32_t chunk;
};

struct Kernels {
    const char* name;

    // Writes the entries that pass to `out`, in order, and returns how many there are. `out` has room for every entry;
    // kRunsAhead empty runs follow the last one.
    std::size_t (*filter)(const Run* runs, std::size_t count, Candidate* out);

    // Writes the Hamming distance between `query` and the code in each candidate's row.
    void (*distances)(const std::uint64_t* codes, unsigned words, const std::uint64_t* query,
                      const Candidate* candidates, std::size_t count, std::uint16_t* out);

    // Writes the rows among `count` consecutive codes that are within `radius` of `query`, and their distances. Both
    // arrays have room for every row. Returns how many there are.
    std::size_t (*scan)(const std::uint64_t* codes, unsigned words, std::size_t count, const std::uint64_t* query,
                        unsigned radius, std::uint32_t* rows, std::uint16_t* distances);

    // Writes how many of the 128 values of the signature in each row equal those of `query`.
    void (*equal_values)(const std::uint64_t* signatures, const std::uint64_t* query, const std::uint32_t* rows,
                         std::size_t count, std::uint16_t* out);
};

// Defined where the build has the instruction set; cpu.cpp knows which.
extern const Kernels kGenericKernels;
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
extern const Kernels kNeonKernels;

}  // namespace hashpact

// The inner loops, as a table of functions: one table per instruction set, all with the same results.
#pragma once

#include <cstddef>
#include <cstdint>

#include "isa/picture_kernels.hpp"
#include "isa/signature_kernels.hpp"

namespace hashpact {

// How far, in bytes, a kernel may read past the last sketch of a table; tables are padded by it.
constexpr std::size_t kReadAhead = 64;

// How many runs behind the last one must be readable and empty; the filter prefetches that far ahead.
constexpr std::size_t kRunsAhead = 24;

// Consecutive entries of one chunk's table, to be filtered: those whose sketch is within `radius` of `sketch` pass.
struct Run {
    const std::uint16_t* sketches;
    const std::uint32_t* rows;
    std::uint32_t count;
    std::uint16_t sketch;
    std::uint16_t radius;
};

// Bit slices: bit j of word w of a block belongs to member 512 * block + 64 * w + j. A slice has the same bit of each
// member's number, and a number is the sum of its slices' bits times their weights.
constexpr std::size_t kBlockWords = 8;
constexpr std::size_t kBlockMembers = 64 * kBlockWords;

// The numbers that a sum begins with have so many slices; the sums have so many.
constexpr std::size_t kStartSlices = 6;
constexpr std::size_t kSumSlices = 8;

struct Kernels {
    const char* name;

    // Writes where the row of each entry that passes lies, in order, and returns how many there are. It is not read but
    // asked for, because it is far from everything else. `out` has room for every entry; kRunsAhead empty runs follow
    // the last one.
    std::size_t (*filter)(const Run* runs, std::size_t count, const std::uint32_t** out);

    // Writes the Hamming distance between `query` and the code in each row.
    void (*distances)(const std::uint64_t* codes, unsigned words, const std::uint64_t* query,
                      const std::uint32_t* rows, std::size_t count, std::uint16_t* out);

    // Writes the rows among `count` consecutive codes that are within `radius` of `query`, and their distances. Both
    // arrays have room for every row. Returns how many there are.
    std::size_t (*scan)(const std::uint64_t* codes, unsigned words, std::size_t count, const std::uint64_t* query,
                        unsigned radius, std::uint32_t* rows, std::uint16_t* distances);

    // Adds 2 for each of `count` slices in which a member's bit is set to the number that the first kStartSlices slices
    // give it. Slice s is the `blocks` blocks at slices + s * blocks * kBlockWords. Writes, block after block, the
    // kSumSlices slices of the sums, which must stay below 256.
    void (*add_slices)(const std::uint64_t* slices, std::size_t blocks, const std::uint16_t* picked, std::size_t count,
                       std::uint64_t* sums);

    // Sets the bits of the members whose sum is at most `bound`. Returns how many there are.
    std::size_t (*sums_within)(const std::uint64_t* sums, std::size_t blocks, unsigned bound, std::uint64_t* members);

    // Finds the `wanted` members with the least sums among the `count` whose bits are set, which are more, and whose
    // sums are at most `bound`: sets the bits of those below the last one's sum, leaves those equal to it in `members`,
    // and returns it. `wanted` becomes how many of the equal ones are among them, which is one at least.
    unsigned (*least_sums)(const std::uint64_t* sums, std::size_t blocks, unsigned bound, std::size_t count,
                           std::size_t* wanted, std::uint64_t* members, std::uint64_t* below);

    // The loops over MinHash signatures.
    const SignatureKernels* signatures;

    // The loops over rows of pictures.
    const PictureKernels* pictures;
};

// Defined where the build has the instruction set; cpu.cpp knows which.
extern const Kernels kGenericKernels;
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
extern const Kernels kNeonKernels;

}  // namespace hashpact

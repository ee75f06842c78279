// The inner loops over MinHash signatures, as a table of functions: one table per instruction set, all with the
// same results.
//
// A signature is 128 values of 32 bits. In memory and in files it is kept as eight planes of 64 bytes: plane p holds
// the four bits 4p to 4p + 3 of every value, so that a candidate that is not similar shows it in its first line.
// Value 16 q + j has its four bits in bits 4q to 4q + 3 of word j of a plane.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hashpact {

constexpr unsigned kSignatureValues = 128;

// The words of 64 bits that a signature takes, as values or as planes.
constexpr unsigned kSignatureWords = kSignatureValues / 2;

// A shingle is this many code points; in UTF-8 they take at most kShingleBytes.
constexpr unsigned kShingle = 4;
constexpr std::size_t kShingleBytes = 16;

// How many entries a bucket of the tables has (minhash_tables.hpp): a line of memory.
constexpr unsigned kLineEntries = 16;

// Hashes of bands are made some at a time, at most so many.
constexpr unsigned kHashLanes = 16;

struct SignatureKernels {
    // Lowers the 128 values `least` by the shingles of a folded text: shingle i is from starts[i] to
    // starts[i + kShingle] in `text`, which is readable for kShingleBytes from any start on.
    void (*lower)(const unsigned char* text, const std::uint32_t* starts, std::size_t shingles, std::uint32_t* least);

    // Writes a hash of values[0][i], values[1][i] and so on up to the last of `size`, for each i below `count`. Up to
    // kHashLanes places more of each array are read, and written in `hashes`.
    void (*hashes)(const std::uint32_t* const* values, unsigned size, std::size_t count, std::uint32_t* hashes);

    // Writes the entries of these lines that are below `rows` without the line's tag, in order, and returns how many
    // they are. kLineEntries places more are spoilt in `found`.
    std::size_t (*tagged)(const std::uint32_t* const* lines, const std::uint32_t* tags, std::size_t count,
                          std::uint32_t rows, std::uint32_t* found);

    // Writes those of `rows`, in order, whose signature may be within `radius` of `query`, and returns how many they
    // are: the first plane alone cannot decide. `passed` may be `rows`.
    std::size_t (*filter)(const std::uint64_t* signatures, const std::uint64_t* query, const std::uint32_t* rows,
                          std::size_t count, unsigned radius, std::uint32_t* passed);

    // Writes in how many values the signature of each row differs from `query`.
    void (*differences)(const std::uint64_t* signatures, const std::uint64_t* query, const std::uint32_t* rows,
                        std::size_t count, std::uint16_t* out);
};

// Defined where the build has the instruction set.
extern const SignatureKernels kGenericSignatures;
extern const SignatureKernels kAvx2Signatures;
extern const SignatureKernels kAvx512Signatures;
extern const SignatureKernels kNeonSignatures;

}  // namespace hashpact

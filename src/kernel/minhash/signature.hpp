// A text to its MinHash signature: minhash/1, in one pass and constant memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "isa/signature_kernels.hpp"

namespace hashpact {

using SignatureValues = std::array<std::uint32_t, kSignatureValues>;

// The values of a text without shingles are 2^32 - 1. `shingles` counts the distinct ones, but no further than asked.
struct Signature {
    SignatureValues values;
    std::size_t shingles;
};

// The text's UTF-8 after folding.
std::vector<unsigned char> fold(const unsigned char* text, std::size_t size);

// The signature of a text, as it is before folding, with its shingles counted up to `enough`.
Signature signature_of(const unsigned char* text, std::size_t size, std::size_t enough);

// A record of 128 values becomes one of planes (see signature_kernels.hpp), in place.
void to_planes(std::uint64_t* record);

// The values in a record of planes.
SignatureValues from_planes(const std::uint64_t* record);

}  // namespace hashpact

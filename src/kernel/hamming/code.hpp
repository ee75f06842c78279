// A code is `words` 64-bit words; a chunk of it is a run of bits.
#pragma once

#include <cstdint>

namespace hashpact {

// Consecutive bits of a code, counted from the lowest bit of its first word.
struct Chunk {
    std::uint32_t first;
    std::uint32_t width;  // at most 32
};

inline std::uint32_t chunk_value(const std::uint64_t* code, Chunk chunk) {
    if (chunk.width == 0) return 0;
    const std::uint32_t word = chunk.first / 64;
    const std::uint32_t shift = chunk.first % 64;
    std::uint64_t value = code[word] >> shift;
    if (shift + chunk.width > 64) value |= code[word + 1] << (64 - shift);
    return static_cast<std::uint32_t>(value & ((std::uint64_t{1} << chunk.width) - 1));
}

}  // namespace hashpact

// A text to its winnowed hashes: winnow/1 (Schleimer, Wilkerson, Aiken, "Winnowing: local algorithms for document
// fingerprinting", 2003). docs/methods/winnow-1.md has the recipe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hashpact {

constexpr std::size_t kGram = 7;    // characters of folded text that are hashed together
constexpr std::size_t kWindow = 4;  // of so many hashes in a row the least is kept

// The most hashes of an entry, and the most of a query. Of a longer text both have the least ones.
constexpr std::size_t kEntryHashes = 128;
constexpr std::size_t kQueryHashes = 8192;

// The distinct winnowed hashes of a text, as it is before folding, in ascending order: the least `most` of them.
std::vector<std::uint32_t> winnowed(const unsigned char* text, std::size_t size, std::size_t most);

// A record of the store: the hashes of an entry in ascending order, the last one repeated up to the record's end.
constexpr unsigned kWinnowWords = kEntryHashes * sizeof(std::uint32_t) / sizeof(std::uint64_t);

struct WinnowValues {
    explicit WinnowValues(const std::uint64_t* record);

    const std::uint32_t* begin() const { return values.data(); }
    const std::uint32_t* end() const { return values.data() + size; }

    std::array<std::uint32_t, kEntryHashes> values;
    std::size_t size;
};

}  // namespace hashpact

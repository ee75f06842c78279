// The visual words of descriptors, and the bits that stand for a descriptor within a word.
//
// Each half of a descriptor has the nearest of 1024 centers as its word, and both words together are its cell: an
// inverted multi-index (Babenko, Lempitsky, "The inverted multi-index", CVPR 2012). Within a cell, 64 of its bits are
// compared: a Hamming embedding (Jegou, Douze, Schmid, "Hamming embedding and weak geometric consistency", ECCV 2008).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace hashpact {

constexpr std::size_t kDescriptorBytes = 32;
constexpr std::size_t kHalfBytes = kDescriptorBytes / 2;
constexpr std::uint32_t kHalfWords = 1024;
constexpr std::uint32_t kCells = kHalfWords * kHalfWords;

// So many cells are searched for each descriptor of a query.
constexpr std::size_t kProbes = 64;
using Probes = std::array<std::uint32_t, kProbes>;

// The table, generated from words.txt: its CRC-32, the bits of a signature, the centers of each half.
extern const std::uint32_t kWordsVersion;
extern const unsigned char kSignatureBits[64];
extern const unsigned char kCenters[2][kHalfWords][kHalfBytes];

std::uint64_t signature_of(const unsigned char* descriptor);

// Of equally near centers the first.
std::uint32_t cell_of(const unsigned char* descriptor);

// The nearest cells, by the sum of both halves' distances; then by the first half's distance; then by number.
Probes cells_near(const unsigned char* descriptor);

}  // namespace hashpact

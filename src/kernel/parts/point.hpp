// A keypoint as parts/1 has it, as the index keeps it, and as a query has it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "parts/words.hpp"

namespace hashpact {

// A keypoint's bytes in a fingerprint (docs/methods/parts-1.md): descriptor, x, y, diameter, direction.
constexpr std::size_t kUnitBytes = kDescriptorBytes + 6;

// An entry has at most so many keypoints, a query at most so many.
constexpr std::size_t kEntryPoints = 128;
constexpr std::size_t kQueryPoints = 300;

// A keypoint of an entry: 64 bits of its descriptor, the cell of its words, and where it is. Of x and y the upper ten
// bits are kept, of diameter and direction the upper six: half a pixel, and a twelfth of the tolerance.
struct Point {
    std::uint64_t signature;
    std::uint32_t cell;
    std::uint32_t place;
};
static_assert(sizeof(Point) == 16, "two words of a record");

// Where a keypoint is in units of its picture's long side; and its diameter and direction as a complex number.
struct Place {
    double x;
    double y;
    double re;
    double im;
};

Point point_of(const unsigned char* unit);

// Where an indexed keypoint is: in the middle of what its bits leave open.
Place place_of(std::uint32_t place);

// Where a query's keypoint is.
Place place_of(const unsigned char* unit);

// A record is a word with the number of points, and then points, the rest zeros.
constexpr unsigned kPartsWords = 1 + 2 * kEntryPoints;

}  // namespace hashpact

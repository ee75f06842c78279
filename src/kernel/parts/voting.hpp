// Votes for one similarity transform: docs/methods/parts-1.md, "Comparison".
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "parts/point.hpp"

namespace hashpact {

// A keypoint of a query that is like a keypoint of an entry.
struct Vote {
    Place asked;
    Place shared;
    std::uint32_t asked_at;   // equal for the keypoints of a query that are at one place
    std::uint32_t shared_at;  // for those of an entry
};

// Puts a place p of the entry at by * p + to in the query, as complex numbers. Without points there is none.
struct Transform {
    double by_re = 0;
    double by_im = 0;
    double to_x = 0;
    double to_y = 0;
    std::uint32_t points = 0;
};

// A scale beyond these is none.
constexpr double kLeastScale = 1.0 / 16;
constexpr double kMostScale = 16;

// So many votes are tried as transforms.
constexpr std::size_t kBases = 64;

// The transform with the most support of these votes, the best votes first.
Transform elect(const std::vector<Vote>& votes);

}  // namespace hashpact

// What the steps of a search cost on this machine.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hashpact {

// Nanoseconds. They steer how codes are laid out and searched, never what is found.
struct Costs {
    double read;       // a 64-byte line at a random place, asked for ahead of time
    double dependent;  // the same, its place known only from the read before
    double run;        // take up one more run of sketches
    double line;       // compare a line of sketches that is at hand
    double candidate;  // compare a random row's code in full, asked for ahead of time
    double word;       // compare a word in a scan of all codes
};

// A Sapphire Rapids core with 1e6 codes: for sets that are too small to measure on, and wherever the clock does not
// give an answer to be believed.
constexpr Costs kTypicalCosts{8.0, 90.0, 6.0, 1.0, 10.0, 0.3};

// Measured in less than a millisecond on the codes themselves, because a random read costs what the caches and page
// tables make of that much memory. kTypicalCosts below 2^16 rows.
Costs measure_costs(const std::uint64_t* codes, unsigned words, std::size_t rows);

}  // namespace hashpact

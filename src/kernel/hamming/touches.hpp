// What a search reads, for a counter to see. The shipped kernel counts nothing; HASHPACT_INSTRUMENTS compiles a second
// kernel that counts (instruments/touch_counter.hpp).
#pragma once

#include <cstddef>
#include <cstdint>

#ifdef HASHPACT_INSTRUMENTS
#include "instruments/touch_counter.hpp"
#endif

namespace hashpact {

// Counts nothing.
struct NoTouches {
    void probe(const void* /*offset*/) {}
    void bucket(const void* /*sketches*/, std::size_t /*entries*/) {}
    void candidate(const void* /*code*/, std::size_t /*bytes*/) {}
    void scan(const std::uint64_t* /*codes*/, std::size_t /*words*/) {}
    void read(const void* /*first*/, std::size_t /*bytes*/) {}
};

// Calls `search` with what counts this thread's searches, if anything does.
template <class Search>
void counted(Search&& search) {
#ifdef HASHPACT_INSTRUMENTS
    if (TouchCounter* counter = TouchCounter::active()) {
        search(*counter);
        return;
    }
#endif
    NoTouches none;
    search(none);
}

}  // namespace hashpact

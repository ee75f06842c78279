// What a random read costs on this machine: the limit that a lookup is measured against.
#pragma once

#include <cstddef>

namespace hashpact {

// Nanoseconds to read a 64-byte line at a random place in `bytes` bytes of memory such as an index has. The places of
// the next `ahead` reads are known and prefetched; 0: each place is only known from the read before.
double random_read(std::size_t bytes, std::size_t ahead);

}  // namespace hashpact

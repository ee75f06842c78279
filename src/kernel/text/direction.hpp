// Texts in the order in which they are shown.
#pragma once

#include <cstddef>
#include <vector>

namespace hashpact {

// A text of UTF-8 with each right-to-left override (U+202E) undone: what is between it and the end of its paragraph,
// or the U+202C that ends it, is shown from its last character to its first (UAX #9, rules X4 and L2). Empty if the
// text has none. An override inside another one shows nothing that can be read, and is no reason to turn anything.
std::vector<unsigned char> as_shown(const unsigned char* text, std::size_t size);

}  // namespace hashpact

#include "text/direction.hpp"

#include <algorithm>
#include <cstring>

namespace hashpact {

namespace {

// Directional formatting characters are E2 80 AA to AE: embeddings, U+202C that ends one, overrides.
constexpr unsigned char kEnd = 0xAC;
constexpr unsigned char kRightToLeft = 0xAE;

bool is_formatting(const unsigned char* text, const unsigned char* end, unsigned char last) {
    return end - text >= 3 && text[0] == 0xE2 && text[1] == 0x80 && text[2] == last;
}

// Appends a text from its last character to its first.
void append_turned(std::vector<unsigned char>& shown, const unsigned char* text, const unsigned char* end) {
    const unsigned char* last = end;
    while (last != text) {
        const unsigned char* first = last - 1;
        while (first != text && (*first & 0xC0) == 0x80) --first;
        shown.insert(shown.end(), first, last);
        last = first;
    }
}

}  // namespace

std::vector<unsigned char> as_shown(const unsigned char* text, std::size_t size) {
    const unsigned char* const end = text + size;
    std::vector<unsigned char> shown;
    const unsigned char* done = text;
    for (const unsigned char* at = text; at != end;) {
        // Most texts have none, and are passed over as fast as memory is read.
        at = static_cast<const unsigned char*>(std::memchr(at, 0xE2, static_cast<std::size_t>(end - at)));
        if (at == nullptr) break;
        if (!is_formatting(at, end, kRightToLeft)) {
            ++at;
            continue;
        }
        const unsigned char* const first = at + 3;
        const unsigned char* last = first;
        while (last != end && *last != '\n' && !is_formatting(last, end, kEnd) && !is_formatting(last, end, kRightToLeft)) {
            ++last;
        }
        if (!is_formatting(last, end, kRightToLeft)) {
            shown.insert(shown.end(), done, at);
            append_turned(shown, first, last);
            done = last;
            at = last;
            continue;
        }
        // Nested: as typed, to where the paragraph ends.
        while (at != end && *at != '\n') ++at;
    }
    if (done != text) shown.insert(shown.end(), done, end);
    return shown;
}

}  // namespace hashpact

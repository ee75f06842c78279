#include "text/folding.hpp"

#include <algorithm>

namespace hashpact {

namespace {

constexpr std::uint32_t kPage = 32;
constexpr unsigned kDropped = 0;
constexpr unsigned kKept = 1;
constexpr unsigned kSyllable = 2;

// A character of two to four bytes by its first byte; 0 if none begins like that.
std::size_t size_of(unsigned char first) {
    if (first >= 0xC2 && first < 0xE0) return 2;
    if (first >= 0xE0 && first < 0xF0) return 3;
    if (first >= 0xF0 && first < 0xF5) return 4;
    return 0;
}

unsigned entry(std::uint32_t character) {
    const std::uint32_t page = character / kPage;
    return page < kFoldingPages ? kFolding[kFoldingPage[page] * kPage + character % kPage] : kDropped;
}

// A character from U+0800 to U+FFFF.
void append(Folded& folded, std::uint32_t character) {
    const unsigned char bytes[3] = {static_cast<unsigned char>(0xE0 | character >> 12),
                                    static_cast<unsigned char>(0x80 | (character >> 6 & 0x3F)),
                                    static_cast<unsigned char>(0x80 | (character & 0x3F))};
    folded.append(bytes, sizeof bytes);
}

// Hangul syllable decomposition: Unicode Standard, section 3.12.
void append_jamo(Folded& folded, std::uint32_t syllable) {
    const std::uint32_t index = syllable - 0xAC00;
    append(folded, 0x1100 + index / 588);
    append(folded, 0x1161 + index % 588 / 28);
    if (index % 28 != 0) append(folded, 0x11A7 + index % 28);
}

}  // namespace

void Folded::keep(std::size_t count) {
    if (count >= characters_) return;
    const std::uint32_t* first = starts_.data() + characters_ - count;
    const std::uint32_t at = *first;
    std::copy(text_.data() + at, text_.data() + bytes(), text_.data());
    for (std::size_t i = 0; i <= count; ++i) starts_[i] = first[i] - at;
    characters_ = count;
}

std::size_t fold_character(const unsigned char* text, std::size_t size, Folded& folded) {
    std::uint32_t character = text[0];
    std::size_t bytes = 1;
    if (character >= 0x80) {
        bytes = size_of(text[0]);
        if (bytes == 0 || bytes > size) return 1;
        character &= 0x7FU >> bytes;
        for (std::size_t i = 1; i < bytes; ++i) {
            if ((text[i] & 0xC0) != 0x80) return 1;
            character = character << 6 | (text[i] & 0x3FU);
        }
    }
    const unsigned what = entry(character);
    if (what == kKept) {
        folded.append(text, bytes);
    } else if (what == kSyllable) {
        append_jamo(folded, character);
    } else if (what != kDropped) {
        const unsigned char* at = kReplacements + what + 2;
        for (unsigned left = kReplacements[what]; left != 0; --left) {
            const std::size_t each = *at < 0x80 ? 1 : size_of(*at);
            folded.append(at, each);
            at += each;
        }
    }
    return bytes;
}

}  // namespace hashpact

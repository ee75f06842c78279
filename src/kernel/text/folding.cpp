#include "text/folding.hpp"

#include <algorithm>

#include "text/direction.hpp"

namespace hashpact {

namespace {

constexpr std::uint32_t kPage = 32;
constexpr unsigned kDropped = 0;
constexpr unsigned kKept = 1;
constexpr unsigned kSyllable = 2;
constexpr unsigned kSign = 3;

// The regional indicators A to Z, in UTF-8 the bytes F0 9F 87 and A6 to BF.
constexpr std::uint32_t kRegionalA = 0x1F1E6;
constexpr std::uint32_t kRegionalZ = 0x1F1FF;

struct Character {
    std::uint32_t code;
    std::size_t bytes;
};

// A character of two to four bytes by its first byte; 0 if none begins like that.
std::size_t size_of(unsigned char first) {
    if (first >= 0xC2 && first < 0xE0) return 2;
    if (first >= 0xE0 && first < 0xF0) return 3;
    if (first >= 0xF0 && first < 0xF5) return 4;
    return 0;
}

// The first character of a text that is not empty; of a byte that begins none, U+0000.
Character first_of(const unsigned char* text, const unsigned char* end) {
    const unsigned char first = text[0];
    if (first < 0x80) return {first, 1};
    const std::size_t bytes = size_of(first);
    if (bytes == 0 || bytes > static_cast<std::size_t>(end - text)) return {0, 1};
    std::uint32_t code = first & 0x7FU >> bytes;
    for (std::size_t i = 1; i < bytes; ++i) {
        if ((text[i] & 0xC0) != 0x80) return {0, 1};
        code = code << 6 | (text[i] & 0x3FU);
    }
    return {code, bytes};
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

void append_replacement(Folded& folded, unsigned offset) {
    const unsigned char* at = kReplacements + offset + 2;
    for (unsigned left = kReplacements[offset]; left != 0; --left) {
        const std::size_t each = *at < 0x80 ? 1 : size_of(*at);
        folded.append(at, each);
        at += each;
    }
}

bool is_regional(std::uint32_t character) { return character >= kRegionalA && character <= kRegionalZ; }

bool is_flag(std::uint32_t one, std::uint32_t other) {
    return is_regional(other) && (kFlags[one - kRegionalA] >> (other - kRegionalA) & 1) != 0;
}

// Whether a text writes with regional indicators: one in which some are no flags.
bool writes_with_regions(const unsigned char* text, const unsigned char* end) {
    for (const unsigned char* at = text; at != end;) {
        at = static_cast<const unsigned char*>(std::memchr(at, 0xF0, static_cast<std::size_t>(end - at)));
        if (at == nullptr) break;
        const auto [one, bytes] = first_of(at, end);
        at += bytes;
        if (!is_regional(one)) continue;
        if (at == end || !is_flag(one, first_of(at, end).code)) return true;
        at += bytes;
    }
    return false;
}

bool is_space(unsigned char byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

// A character that is part of a word: not dropped, and no sign.
bool is_letter(std::uint32_t character) {
    const unsigned what = entry(character);
    return what != kDropped && what != kSign;
}

// As fast as memory is read, because most texts have none.
bool has_sign(const unsigned char* text, const unsigned char* end) {
    for (unsigned sign = 0; sign < 128; ++sign) {
        if (kSigns[sign] != 0 && std::memchr(text, static_cast<int>(sign), static_cast<std::size_t>(end - text)) != nullptr) {
            return true;
        }
    }
    return false;
}

// The bracket that a character closes, or 0.
unsigned char opening(unsigned char closing) {
    switch (closing) {
        case ')': return '(';
        case '>': return '<';
        case ']': return '[';
        case '}': return '{';
        default: return 0;
    }
}

// The letters of signs in a text that writes with them, and none in others. Such a text has one where punctuation
// is not: before a letter without a space between, or, an opening bracket or a bar, at the end of a word. A bracket
// that is closed is a bracket, and one that is a letter nowhere is none.
std::array<unsigned char, 128> signs_of(const unsigned char* text, const unsigned char* end) {
    if (!has_sign(text, end)) return {};
    std::array<bool, 128> as_letter{};
    std::array<std::size_t, 128> to_open{};
    bool any = false;
    // From the end: whether after nothing but signs and digits a letter follows.
    bool letter_follows = false;
    for (const unsigned char* at = end; at-- != text;) {
        // Not the marks from U+0300 on, which a sign may have as a letter has.
        if (*at >= 0xC0 && *at != 0xCC && *at != 0xCD) letter_follows = is_letter(first_of(at, end).code);
        if (*at >= 0x80) continue;
        if (kSigns[*at] == 0) {
            ++to_open[opening(*at)];
            if (*at < '0' || *at > '9') letter_follows = is_letter(*at);
        } else if (to_open[*at] != 0) {
            --to_open[*at];
        } else {
            const bool ends_word = (at + 1 == end || is_space(at[1])) && at != text && !is_space(at[-1]) &&
                                   (at[-1] >= 0x80 || is_letter(at[-1])) && *at != '!' && *at != '+';
            as_letter[*at] |= ends_word || letter_follows;
            any |= as_letter[*at];
        }
    }
    std::array<unsigned char, 128> signs{};
    if (!any) return signs;
    std::copy(kSigns, kSigns + signs.size(), signs.begin());
    for (const unsigned char closing : {')', '>', ']', '}'}) {
        if (!as_letter[opening(closing)]) signs[opening(closing)] = 0;
    }
    return signs;
}

}  // namespace

void Folded::keep(std::size_t count) {
    if (count >= characters_) return;
    const std::size_t first = kBefore + characters_ - count;
    const std::uint32_t at = starts_[first];
    const std::uint32_t end = starts_[kBefore + characters_];
    std::copy(text_.data() + at, text_.data() + end, text_.data());
    for (std::size_t i = 0; i <= count; ++i) starts_[kBefore + i] = starts_[first + i] - at;
    std::copy_n(letters_.data() + first, count, letters_.data() + kBefore);
    characters_ = count;
}

Folding::Folding(const unsigned char* text, std::size_t size)
    : shown_(as_shown(text, size)),
      at_(shown_.empty() ? text : shown_.data()),
      end_(at_ + (shown_.empty() ? size : shown_.size())),
      signs_(signs_of(at_, end_)),
      flags_(!writes_with_regions(at_, end_)) {}

void Folding::next(Folded& folded) {
    const auto [character, bytes] = first_of(at_, end_);
    const unsigned char* const text = at_;
    at_ += bytes;
    const unsigned what = entry(character);
    if (what == kKept) {
        folded.append(text, bytes);
    } else if (what == kDropped) {
        return;
    } else if (what == kSyllable) {
        append_jamo(folded, character);
    } else if (what == kSign) {
        if (signs_[character] != 0) folded.append(&signs_[character], 1);
    } else if (flags_ && is_regional(character)) {
        at_ += bytes;
    } else {
        append_replacement(folded, what);
    }
}

}  // namespace hashpact

#include "winnow/fingerprint.hpp"

#include <algorithm>
#include <cstring>

#include "minhash/signature.hpp"

namespace hashpact {

namespace {

// FNV-1a over 64 bits (Fowler, Noll, Vo), the finaliser of MurmurHash3 (Appleby), and of that the highest 32 bits.
std::uint32_t hash(const unsigned char* begin, const unsigned char* end) {
    std::uint64_t value = 0xCBF29CE484222325U;
    for (const unsigned char* at = begin; at != end; ++at) value = (value ^ *at) * 0x100000001B3U;
    value = (value ^ value >> 33) * 0xFF51AFD7ED558CCDU;
    value = (value ^ value >> 33) * 0xC4CEB9FE1A85EC53U;
    return static_cast<std::uint32_t>((value ^ value >> 33) >> 32);
}

bool begins_character(unsigned char byte) { return (byte & 0xC0) != 0x80; }

}  // namespace

std::vector<std::uint32_t> winnowed(const unsigned char* text, std::size_t size, std::size_t most) {
    const std::vector<unsigned char> folded = fold(text, size);
    std::vector<std::uint32_t> kept;
    std::array<const unsigned char*, kGram> starts;    // of the last characters, in a ring
    std::array<std::uint32_t, kWindow> window;         // the last hashes, in a ring
    std::size_t characters = 0;
    std::size_t hashes = 0;
    const unsigned char* const end = folded.data() + folded.size();
    for (const unsigned char* at = folded.data(); at != end;) {
        starts[characters++ % kGram] = at;
        do ++at;
        while (at != end && !begins_character(*at));
        if (characters < kGram) continue;
        window[hashes++ % kWindow] = hash(starts[characters % kGram], at);
        if (hashes < kWindow) continue;
        const std::uint32_t least = *std::min_element(window.begin(), window.end());
        if (kept.empty() || kept.back() != least) kept.push_back(least);
    }
    std::sort(kept.begin(), kept.end());
    kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
    if (kept.size() > most) kept.resize(most);
    return kept;
}

WinnowValues::WinnowValues(const std::uint64_t* record) : size(1) {
    std::memcpy(values.data(), record, sizeof values);
    while (size < kEntryHashes && values[size - 1] < values[size]) ++size;
}

}  // namespace hashpact

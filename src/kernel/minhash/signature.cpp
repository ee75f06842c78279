#include "minhash/signature.hpp"

#include <algorithm>
#include <cstring>

#include "isa/cpu.hpp"
#include "text/folding.hpp"

namespace hashpact {

namespace {

// The bytes of a shingle, zeros behind them. No character of a folded text is a zero.
using Shingle = std::array<unsigned char, kShingleBytes>;

// Counts distinct shingles up to a number that is small.
class Distinct {
  public:
    explicit Distinct(std::size_t enough) : enough_(enough) {}

    void count(const Folded& folded, std::size_t shingles) {
        for (std::size_t i = 0; i < shingles && seen_.size() < enough_; ++i) {
            const std::uint32_t* start = folded.starts() + i;
            Shingle shingle{};
            std::memcpy(shingle.data(), folded.text() + start[0], start[kShingle] - start[0]);
            if (std::find(seen_.begin(), seen_.end(), shingle) == seen_.end()) seen_.push_back(shingle);
        }
    }

    std::size_t found() const { return seen_.size(); }

  private:
    std::size_t enough_;
    std::vector<Shingle> seen_;
};

constexpr unsigned kRows = 8;
constexpr unsigned kWords = kSignatureValues / kRows;

// Nibbles q + kHalf of row p and q of row p + kHalf change places, where `kLower` has nibble q.
template <unsigned kHalf, std::uint32_t kLower>
inline void exchange(SignatureValues& rows) {
    for (unsigned row = 0; row < kRows; ++row) {
        if ((row & kHalf) != 0) continue;
        for (unsigned word = row * kWords; word < (row + 1) * kWords; ++word) {
            std::uint32_t& other = rows[word + kHalf * kWords];
            const std::uint32_t changed = (rows[word] >> (4 * kHalf) ^ other) & kLower;
            other ^= changed;
            rows[word] ^= changed << (4 * kHalf);
        }
    }
}

// Values to planes, or planes to values: nibble q of word j of row p changes places with nibble p of word j of row q
// (Warren, Hacker's Delight, section 7-3: halves first, then halves of these).
void transpose(SignatureValues& rows) {
    exchange<4, 0x0000FFFFU>(rows);
    exchange<2, 0x00FF00FFU>(rows);
    exchange<1, 0x0F0F0F0FU>(rows);
}

}  // namespace

std::vector<unsigned char> fold(const unsigned char* text, std::size_t size) {
    std::vector<unsigned char> all;
    Folded piece;
    Folding folding(text, size);
    while (!folding.done()) {
        folding.next(piece);
        if (!piece.full()) continue;
        const std::size_t settled = piece.characters() - Folded::kContext;
        all.insert(all.end(), piece.text(), piece.text() + piece.starts()[settled]);
        piece.keep(Folded::kContext);
    }
    all.insert(all.end(), piece.text(), piece.text() + piece.bytes());
    return all;
}

Signature signature_of(const unsigned char* text, std::size_t size, std::size_t enough) {
    Signature signature;
    signature.values.fill(0xFFFFFFFFU);
    Distinct distinct(enough);
    Folded piece;
    const auto take = [&](std::size_t characters) {
        if (characters < kShingle) return;
        const std::size_t shingles = characters - kShingle + 1;
        distinct.count(piece, shingles);
        kernels().signatures->lower(piece.text(), piece.starts(), shingles, signature.values.data());
    };
    Folding folding(text, size);
    while (!folding.done()) {
        folding.next(piece);
        if (!piece.full()) continue;
        take(piece.characters() - Folded::kUnsettled);
        // Shingles that are taken twice lower nothing.
        piece.keep(Folded::kContext);
    }
    take(piece.characters());
    signature.shingles = distinct.found();
    return signature;
}

void to_planes(std::uint64_t* record) {
    SignatureValues values;
    std::memcpy(values.data(), record, sizeof values);
    transpose(values);
    std::memcpy(record, values.data(), sizeof values);
}

SignatureValues from_planes(const std::uint64_t* record) {
    SignatureValues rows;
    std::memcpy(rows.data(), record, sizeof rows);
    transpose(rows);
    return rows;
}

}  // namespace hashpact

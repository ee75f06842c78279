#include "signature.hpp"

#include <algorithm>
#include <cstring>

#include "cpu.hpp"
#include "folding.hpp"

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

// Values to planes, or planes to values: word j of row p gets its bits 4q to 4q + 3 from word j of row q.
SignatureValues transposed(const SignatureValues& from) {
    constexpr unsigned kRows = 8;
    constexpr unsigned kWords = kSignatureValues / kRows;
    SignatureValues to;
    for (unsigned row = 0; row < kRows; ++row) {
        for (unsigned word = 0; word < kWords; ++word) {
            std::uint32_t nibbles = 0;
            for (unsigned other = 0; other < kRows; ++other) {
                nibbles |= (from[other * kWords + word] >> (4 * row) & 0xFU) << (4 * other);
            }
            to[row * kWords + word] = nibbles;
        }
    }
    return to;
}

}  // namespace

std::vector<unsigned char> fold(const unsigned char* text, std::size_t size) {
    std::vector<unsigned char> all;
    Folded piece;
    for (std::size_t at = 0; at < size;) {
        at += fold_character(text + at, size - at, piece);
        if (at < size && !piece.full()) continue;
        all.insert(all.end(), piece.text(), piece.text() + piece.bytes());
        piece.keep(0);
    }
    return all;
}

Signature signature_of(const unsigned char* text, std::size_t size, std::size_t enough) {
    Signature signature;
    signature.values.fill(0xFFFFFFFFU);
    Distinct distinct(enough);
    Folded piece;
    for (std::size_t at = 0; at < size;) {
        at += fold_character(text + at, size - at, piece);
        if (piece.characters() < kShingle || (at < size && !piece.full())) continue;
        const std::size_t shingles = piece.characters() - kShingle + 1;
        distinct.count(piece, shingles);
        kernels().signatures->lower(piece.text(), piece.starts(), shingles, signature.values.data());
        piece.keep(kShingle - 1);
    }
    signature.shingles = distinct.found();
    return signature;
}

void to_planes(std::uint64_t* record) {
    SignatureValues values;
    std::memcpy(values.data(), record, sizeof values);
    const SignatureValues planes = transposed(values);
    std::memcpy(record, planes.data(), sizeof planes);
}

SignatureValues from_planes(const std::uint64_t* record) {
    SignatureValues planes;
    std::memcpy(planes.data(), record, sizeof planes);
    return transposed(planes);
}

}  // namespace hashpact

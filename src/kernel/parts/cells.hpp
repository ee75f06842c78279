// Which entries have a keypoint in a cell: an inverted file in flat arrays.
//
// A keypoint takes 16 bytes, and a cell with any 4 bytes more. Which cells have any is a bit of each, so that looking
// for an empty one, and most are in a small segment, reads nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "parts/point.hpp"
#include "store/memory.hpp"
#include "store/segment_file.hpp"

namespace hashpact {

// A keypoint's owner is its entry's row and its number among the entry's keypoints, in 7 bits.
constexpr unsigned kNumberBits = 7;
static_assert(kEntryPoints == 1U << kNumberBits, "a number for each keypoint");

// So many rows leave room for the number.
constexpr std::size_t kMaxPartsRows = (std::size_t{1} << (32 - kNumberBits)) - 1;

class CellPostings {
  public:
    struct Posting {
        std::uint64_t signature;
        std::uint32_t cell;
        std::uint32_t owner;
        std::uint32_t place;
    };
    struct Range {
        std::uint32_t begin;
        std::uint32_t end;
    };

    // Of none.
    CellPostings() : CellPostings(std::vector<Posting>()) {}

    // They are sorted by cell and owner here.
    explicit CellPostings(std::vector<Posting> all);

    // Those of a file. Throws CorruptFile.
    explicit CellPostings(const SegmentFile& file);
    void store(Sections& out) const;

    std::size_t size() const { return owners_.size(); }
    std::size_t cells() const { return begins_.size() - 1; }
    std::size_t bytes() const;

    // The postings of a cell. Throws DamagedSection if they are nowhere.
    Range of(std::uint32_t cell) const {
        const std::uint64_t word = bits_[cell / 64];
        const std::uint64_t bit = std::uint64_t{1} << cell % 64;
        if ((word & bit) == 0) return {0, 0};
        const auto before = static_cast<std::uint32_t>(__builtin_popcountll(word & (bit - 1)));
        return range(ranks_[cell / 64] + before);
    }

    // A bit for each of 64 cells: it has postings.
    std::uint64_t occupied(std::uint32_t word) const { return bits_[word]; }

    const std::uint64_t* signatures() const { return signatures_.data(); }
    const std::uint32_t* owners() const { return owners_.data(); }
    const std::uint32_t* places() const { return places_.data(); }

  private:
    friend class CellPostingsWriter;

    struct Room {};
    CellPostings(Room /*room*/, std::size_t size);

    Range range(std::uint32_t at) const {
        if (at >= cells() || begins_[at] > begins_[at + 1] || begins_[at + 1] > size()) damaged();
        return {begins_[at], begins_[at + 1]};
    }
    [[noreturn]] static void damaged();

    Array<std::uint64_t> bits_;    // of each cell: it has postings
    Array<std::uint32_t> ranks_;   // how many cells before each word of bits_ have
    Array<std::uint32_t> begins_;  // of each cell that has any, and the end of the last
    Array<std::uint64_t> signatures_;
    Array<std::uint32_t> owners_;
    Array<std::uint32_t> places_;
};

// CellPostings in the order of their cells, one after the other.
class CellPostingsWriter {
  public:
    explicit CellPostingsWriter(std::size_t size) : made_(CellPostings::Room(), size) {}

    void add(const CellPostings::Posting& posting);

    // After all `size` of them.
    CellPostings finish();

  private:
    CellPostings made_;
    std::vector<std::uint32_t> begins_;
    std::uint32_t next_ = 0;
    std::uint32_t cell_ = kCells;
};

}  // namespace hashpact

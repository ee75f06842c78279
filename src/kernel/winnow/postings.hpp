// An inverted index: which rows have a hash.
//
// A posting is a hash and a row. They are sorted by the hash, after a multiplication that spreads the hashes evenly
// (winnowed ones are small more often than large), so that a directory of equal shares finds a hash in two reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "store/memory.hpp"
#include "store/segment_file.hpp"

namespace hashpact {

class Postings {
  public:
    // Of these rows' records, which are kWinnowWords apart.
    Postings(const std::uint64_t* records, const std::vector<std::uint32_t>& rows);

    // Those of a file. Throws CorruptFile.
    explicit Postings(const SegmentFile& file);
    void store(Sections& out) const;

    std::size_t bytes() const { return begins_.bytes() + hashes_.bytes() + rows_.bytes(); }

    // Places in `row`.
    struct Range {
        std::size_t size() const { return end - begin; }
        std::size_t begin;
        std::size_t end;
    };

    // Where the rows with that hash are, in ascending order. The two that ask for memory ahead are called before, in
    // this order. Throws DamagedSection if the directory points nowhere.
    void expect_share(std::uint32_t hash) const { __builtin_prefetch(begins_.data() + share(mixed(hash))); }
    void expect_hash(std::uint32_t hash) const;
    Range find(std::uint32_t hash) const;

    // A row of a range, which may be anything in a damaged file.
    std::uint32_t row(std::size_t place) const { return rows_[place]; }

  private:
    // Postings to a share of the directory: a line of hashes.
    static constexpr std::size_t kAverage = 16;

    // A bijection: 2^32 divided by the golden ratio, and odd (Knuth, The Art of Computer Programming, section 6.4).
    static std::uint32_t mixed(std::uint32_t hash) { return hash * 0x9E3779B1U; }

    std::size_t share(std::uint32_t mixed) const { return std::uint64_t{mixed} * shares_ >> 32; }

    static std::size_t shares_for(std::size_t postings) { return postings / kAverage + 1; }

    std::size_t shares_;
    Array<std::uint64_t> begins_;  // of each share, and the end of the last
    Array<std::uint32_t> hashes_;  // mixed
    Array<std::uint32_t> rows_;
};

}  // namespace hashpact

// Where the rows are that agree with a query on a band: for each band a hash table of its own.
//
// A bucket is one line of memory, so that a search reads one line for each band. Its entries are 32 bits: a row, and
// above it as many bits of the band's hash, the tag, as there is room for. The few buckets that do not fit into a line
// lie elsewhere, as crowds; there the tag is one of the extended band (minhash_bands.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "store/memory.hpp"
#include "minhash/bands.hpp"
#include "store/rows.hpp"
#include "store/segment_file.hpp"

namespace hashpact {

class MinHashTables {
  public:
    // Of these rows; no two of them have the same signature.
    MinHashTables(const Rows& rows, const std::vector<std::uint32_t>& some, const Bands& bands);

    // Those of a file, in which so many rows are in the bands. Throws CorruptFile.
    MinHashTables(const SegmentFile& file, std::size_t some, const Bands& bands);
    void store(Sections& out) const;

    std::size_t bytes() const { return lines_.bytes() + crowd_begins_.bytes() + crowds_.bytes(); }

    // The bucket of that hash: kLineEntries entries.
    const std::uint32_t* line(unsigned band, std::uint32_t hash) const {
        return lines_.data() + (band * buckets_ + bucket(hash)) * kLineEntries;
    }

    // An entry without its tag is a row; with another tag it is not below the number of rows.
    std::uint32_t tag(std::uint32_t hash) const {
        return static_cast<std::uint32_t>(std::uint64_t{hash} << row_bits_);
    }

    static bool is_crowd(const std::uint32_t* line) { return line[kLineEntries - 1] == kCrowd; }

    // A line without entries.
    static const std::uint32_t kNothing[kLineEntries];

    // A crowd's entries, in ascending order, so that those with one tag are together; and the tag that is looked for.
    struct Crowd {
        const std::uint32_t* begin;
        const std::uint32_t* end;
        const std::uint32_t* guess;  // where the tag is if they are spread evenly
        std::uint32_t tag;

        // The first entry that is not below the tag.
        const std::uint32_t* first() const;
    };

    // Throws DamagedSection if the line points nowhere.
    Crowd crowd(unsigned band, const std::uint32_t* line, std::uint32_t tag) const;

  private:
    // No row has the tag and number that these would be.
    static constexpr std::uint32_t kEmpty = 0xFFFFFFFFU;
    static constexpr std::uint32_t kCrowd = 0xFFFFFFFEU;  // as the last entry: the first two locate it
    static constexpr std::size_t kReserved = 2;

    // A line has room for 16; at 9 on average, one bucket in a hundred is too small for what falls into it.
    static constexpr std::size_t kAverage = 9;

    void set_sizes(std::size_t rows, std::size_t some);
    void fill(unsigned band, const std::vector<std::uint32_t>& some, const std::uint32_t* hashes,
              const std::uint32_t* extended, std::vector<std::uint32_t>& crowds);

    std::size_t bucket(std::uint32_t hash) const { return std::uint64_t{hash} * buckets_ >> 32; }

    std::size_t buckets_ = 0;  // of each band
    unsigned row_bits_ = 0;

    Array<std::uint32_t> lines_;
    Array<std::uint64_t> crowd_begins_;  // of each band among crowds_, and the end of the last
    Array<std::uint32_t> crowds_;
};

}  // namespace hashpact

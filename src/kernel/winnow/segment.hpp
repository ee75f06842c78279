// An immutable set of winnowed texts with their inverted index.
//
// Records are the hashes of entries (fingerprint.hpp). What a hash weighs depends on every layer of a store, so a
// segment is not searched by itself: search.hpp does that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "store/copies.hpp"
#include "store/memory.hpp"
#include "store/rows.hpp"
#include "store/segment_file.hpp"
#include "winnow/postings.hpp"

namespace hashpact {

// Of each row, how many hashes it has, and above these 8 bits a hash of its record: by which most records differ.
Array<std::uint32_t> marks_of(const std::uint64_t* records, std::size_t rows);

// The newest records.
class WinnowDelta : public Delta {
  public:
    using Delta::Delta;

    // The inverted index of the first rows, `rows` at least; they are indexed again when there are more.
    struct Indexed {
        std::size_t rows;
        Postings postings;
        Array<std::uint32_t> marks;
    };
    std::shared_ptr<const Indexed> indexed() const;

  private:
    mutable std::mutex indexing_;
    mutable std::shared_ptr<const Indexed> indexed_;
};

class WinnowSegment {
  public:
    using Delta = WinnowDelta;
    struct Options {};
    static constexpr FileKind kKind = FileKind::kWinnow;

    WinnowSegment(Rows rows, const Options& options);

    // One in a file. Throws CorruptFile.
    explicit WinnowSegment(const SegmentFile& file);
    void store(Sections& out) const;

    Options options() const { return {}; }
    const Rows& rows() const { return rows_; }
    std::size_t chunks() const { return 1; }
    std::size_t bytes() const;

    const Copies& copies() const { return copies_; }
    const Postings& postings() const { return postings_; }  // of one row of each record

    const Array<std::uint32_t>& marks() const { return marks_; }

  private:
    WinnowSegment(Rows rows, std::vector<std::uint32_t> firsts);

    static const SegmentFile& checked(const SegmentFile& file);

    Rows rows_;
    Copies copies_;
    Postings postings_;
    Array<std::uint32_t> marks_;
};

}  // namespace hashpact

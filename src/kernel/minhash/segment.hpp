// An immutable set of MinHash signatures with the bands that find the similar ones.
//
// Two signatures are compared by how many of their 128 values are equal; that share estimates the Jaccard
// similarity of what they were made from (Broder, "On the resemblance and containment of documents", 1997). A
// hit's distance is the number of values that differ. Records are signatures in planes (signature_kernels.hpp).
//
// Candidates come from locality-sensitive hashing by bands (Leskovec, Rajaraman, Ullman, "Mining of Massive
// Datasets", 3rd ed., section 3.4): a signature that agrees with the query on a band is compared, at first in one line.
// docs/methods/minhash-1.md has the chance that a signature is found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "minhash/bands.hpp"
#include "store/copies.hpp"
#include "minhash/tables.hpp"
#include "store/nearest.hpp"
#include "store/rows.hpp"
#include "store/segment_file.hpp"
#include "isa/signature_kernels.hpp"

namespace hashpact {

// The newest signatures, each compared.
class MinHashDelta : public Delta {
  public:
    using Delta::Delta;
    void search(const std::uint64_t* query, Nearest& nearest) const;
};

class MinHashSegment {
  public:
    using Delta = MinHashDelta;
    struct Options {
        unsigned bands;   // that are needed
        unsigned values;  // of a band
    };
    static constexpr FileKind kKind = FileKind::kMinHash;

    MinHashSegment(Rows rows, const Options& options);

    // One in a file. Throws CorruptFile.
    explicit MinHashSegment(const SegmentFile& file);
    void store(Sections& out) const;

    Options options() const { return {bands_.needed(), bands_.values()}; }
    const Rows& rows() const { return rows_; }
    std::size_t chunks() const { return bands_.count(); }
    std::size_t bytes() const;

    // Gives `nearest` rows within its radius that have no tombstone: those that agree with the query on one of the
    // bands that are searched. Throws DamagedSection if a table points nowhere.
    void search(const std::uint64_t* query, const Tombstones& tombstones, Nearest& nearest) const;

  private:
    class Search;

    MinHashSegment(Rows rows, const Options& options, std::vector<std::uint32_t> firsts);

    static Bands bands_of(const SegmentFile& file);

    Rows rows_;
    Bands bands_;
    Copies copies_;
    MinHashTables tables_;  // with one row of each signature
};

}  // namespace hashpact

// An immutable set of MinHash signatures with the bands that find the similar ones.
//
// Two signatures are compared by how many of their 128 values are equal; that share estimates the Jaccard
// similarity of what they were made from (Broder, "On the resemblance and containment of documents", 1997). A
// hit's distance is the number of values that differ.
//
// Candidates come from locality-sensitive hashing by bands of four values (Leskovec, Rajaraman, Ullman, "Mining of
// Massive Datasets", 3rd ed., section 3.4): whoever agrees with the query on a whole band is compared in full.
// There are 64 bands: the 128 values are cut into 32 bands of neighbours, and once more into 32 bands of values
// that lie 32 apart, so that two bands share at most one value. Were the bands independent, a pair of similarity s
// would be found with probability 1 - (1 - s^4)^64: 0.984 at 0.5, 0.9999 at 0.6.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels.hpp"
#include "memory.hpp"
#include "nearest.hpp"
#include "rows.hpp"

namespace hashpact {

constexpr unsigned kSignatureWords = kSignatureValues / 2;

// The newest signatures, each compared in full.
class MinHashDelta : public Delta {
  public:
    using Delta::Delta;
    void search(const std::uint64_t* query, Nearest& nearest) const;
};

class MinHashSegment {
  public:
    using Delta = MinHashDelta;
    struct Options {};

    MinHashSegment(Rows rows, const Options& options);

    const Rows& rows() const { return rows_; }
    std::size_t chunks() const { return kBands; }
    std::size_t bytes() const;

    // Gives `nearest` the rows within its radius that agree with the query on a band and have no tombstone.
    void search(const std::uint64_t* query, const Tombstones& tombstones, Nearest& nearest) const;

  private:
    static constexpr unsigned kBands = 64;

    // A member of a bucket. The tag is a hash of the band's values, so that strangers are not compared in full.
    struct Entry {
        std::uint32_t tag;
        std::uint32_t row;
    };

    // The entries of bucket b are offsets[b] to offsets[b + 1].
    struct Band {
        Array<std::uint32_t> offsets;
        Array<Entry> entries;
    };

    Band build(const std::uint64_t* hashes) const;
    std::uint32_t bucket(std::uint64_t hash) const;

    Rows rows_;
    unsigned bucket_bits_;
    std::array<Band, kBands> bands_;
};

}  // namespace hashpact

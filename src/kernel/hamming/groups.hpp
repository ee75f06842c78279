// The crowds among a segment's codes: large sets of near-copies, kept apart from the tables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "store/memory.hpp"
#include "store/nearest.hpp"
#include "store/rows.hpp"
#include "hamming/touches.hpp"

namespace hashpact {

// Thousands of copies of one picture would fill a bucket of every table, and each search near them would compare
// nearly all of them once for each chunk. So they are taken out: a group has a center and the codes around it.
//
// With the center c, a query q that differs from it in the bits Q, D of them, and a member x at distance e from c:
//   d(q, x) = e + 2 u - D,   u = how many of the bits Q have x agreeing with c,
// for a bit outside Q counts once if x differs from c there, and a bit in Q once if it does not. So only the D bits
// where the query leaves the center matter. They are kept bit by bit ("vertically", as BitWeaving has it: Li, Patel,
// SIGMOD 2013): slice p holds for 64 members in a word whether they agree with the center on bit p, and adding D slices
// with carry-save adders (Muła, Kurz, Lemire, 2016) gives 64 distances at once. A query further from the center than
// its radius and the group's together is done with after one comparison.
class HammingGroups {
  public:
    // Finds the groups of a set. Which rows are in one changes how fast they are found, and nothing else. If any is,
    // `in_group` gets a bit for each row.
    HammingGroups(const Rows& rows, Bits& in_group);

    // Those of a file. Throws CorruptFile.
    explicit HammingGroups(const SegmentFile& file);
    void store(Sections& out) const;

    // How many rows are in a group.
    std::size_t rows() const { return rows_.size(); }
    std::size_t bytes() const;

    // Whether a search at this radius can go by the slices; else all codes must be compared.
    bool reaches(unsigned radius) const { return groups_.size() == 0 || radius <= kWidestRadius; }

    // Gives `nearest` every member within its radius that has no tombstone, except those of a group that come after
    // its limit.
    template <class Counter>
    void search(const Rows& rows, const std::uint64_t* query, const Tombstones& tombstones, Nearest& nearest,
                Counter& counter) const;

  private:
    // A distance from the center has 6 bits and a sum of slices 8. Empty places at a group's end have the distance 63
    // and agree with the center everywhere, so that they are further than this from any query.
    static constexpr unsigned kWidestRadius = 62;

    struct Group {
        std::uint64_t slices;    // where its slices begin: those of the distance, then one for each bit
        std::uint32_t first;     // where its rows begin
        std::uint32_t size;      // how many
        std::uint32_t farthest;  // their largest distance from the center
        std::uint32_t unused;
    };

    void keep(const Rows& rows, const std::vector<std::uint64_t>& centers,
              const std::vector<std::vector<std::uint32_t>>& members);
    void slice(const Rows& rows, const std::uint64_t* center, Group& group);

    template <class Counter>
    void search_group(const Rows& rows, const std::uint64_t* query, std::size_t i, unsigned from_center,
                      const Tombstones& tombstones, Nearest& nearest, Counter& counter) const;

    Array<Group> groups_;
    Array<std::uint64_t> centers_;
    Array<std::uint64_t> slices_;
    Array<std::uint32_t> rows_;  // of each group, in ascending order
};

}  // namespace hashpact

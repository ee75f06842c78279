// An immutable set of codes with the tables that find the near ones, and the small mutable one beside it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "hamming/groups.hpp"
#include "hamming/plan.hpp"
#include "isa/kernels.hpp"
#include "isa/machine.hpp"
#include "store/memory.hpp"
#include "store/nearest.hpp"
#include "store/rows.hpp"
#include "store/segment_file.hpp"
#include "hamming/touches.hpp"

namespace hashpact {

// The newest codes, each compared in full.
class HammingDelta : public Delta {
  public:
    using Delta::Delta;
    void search(const std::uint64_t* query, Nearest& nearest) const;
};

class HammingSegment {
  public:
    static constexpr FileKind kKind = FileKind::kHamming;
    using Delta = HammingDelta;

    // The radius that the tables are laid out for. Any other gives the same answers, perhaps more slowly.
    struct Options {
        unsigned radius;
    };

    HammingSegment(Rows rows, const Options& options);

    // That of a file. Throws CorruptFile.
    explicit HammingSegment(const SegmentFile& file);
    void store(Sections& out) const;

    const Rows& rows() const { return rows_; }
    const Options& options() const { return options_; }
    std::size_t chunks() const { return plan_.size(); }
    std::size_t bytes() const;

    // Gives `nearest` every row within its radius that has no tombstone, except what comes after its limit. Throws
    // DamagedSection if the segment lies in a file and an altered value led astray.
    void search(const std::uint64_t* query, const Tombstones& tombstones, Nearest& nearest) const;

  private:
    // One chunk's buckets: the entries of bucket b are offsets[b] to offsets[b + 1].
    struct Table {
        Array<std::uint32_t> offsets;
        Array<std::uint16_t> sketches;
        Array<std::uint32_t> rows;
    };

    template <class Counter>
    class Search;  // see hamming_search.cpp

    // `in_group` is empty, and nothing to the caller.
    HammingSegment(Rows rows, const Options& options, Bits in_group);

    Table build(std::size_t chunk, const Bits& in_group) const;
    void sample_levels();
    void weigh();
    std::size_t in_tables() const { return rows_.size() - groups_.rows(); }

    Rows rows_;
    Options options_;
    Costs costs_;
    HammingGroups groups_;       // crowds of near-copies
    HammingPlan plan_;           // for all other rows
    std::vector<Table> tables_;  // one for each chunk; none if every search scans
    double scan_cost_ = 0;       // of comparing all codes

    // How many entries each level of each chunk holds on average around codes such as the segment's own, and no fewer
    // than around unrelated ones. A level is the buckets a number of flips away: [kLevels * chunk + flips].
    Array<double> typical_;

    // The thresholds that cost least for such a query, by the radius. From where they end on, a scan of all costs less.
    std::vector<std::vector<int>> thresholds_;
};

}  // namespace hashpact

// An immutable set of codes with the tables that find the near ones, and the small mutable one beside it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "hamming_plan.hpp"
#include "kernels.hpp"
#include "memory.hpp"
#include "nearest.hpp"
#include "rows.hpp"

namespace hashpact {

// The newest codes, each compared in full.
class HammingDelta : public Delta {
  public:
    using Delta::Delta;
    void search(const std::uint64_t* query, Nearest& nearest) const;
};

class HammingSegment {
  public:
    using Delta = HammingDelta;

    // The radius that the tables are laid out for. Any other gives the same answers, perhaps more slowly.
    struct Options {
        unsigned radius;
    };

    HammingSegment(Rows rows, const Options& options);

    const Rows& rows() const { return rows_; }
    std::size_t chunks() const { return plan_.size(); }
    std::size_t bytes() const;

    // Gives `nearest` every row within its radius that has no tombstone.
    void search(const std::uint64_t* query, const Tombstones& tombstones, Nearest& nearest) const;

  private:
    // One chunk's buckets: the entries of bucket b are offsets[b] to offsets[b + 1].
    struct Table {
        Array<std::uint32_t> offsets;
        Array<std::uint16_t> sketches;
        Array<std::uint32_t> rows;
    };

    Table build(std::size_t chunk) const;
    bool collect(const std::uint64_t* query, const std::vector<int>& thresholds, std::vector<Run>& runs) const;
    bool finds(std::size_t chunk, const std::uint64_t* query, const std::uint64_t* code,
               const std::vector<int>& thresholds) const;

    Rows rows_;
    HammingPlan plan_;
    unsigned scan_from_;         // the radius from which on a scan of all codes is cheaper
    std::vector<Table> tables_;  // one for each chunk; none if every search scans
};

}  // namespace hashpact

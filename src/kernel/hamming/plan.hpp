// How a segment's codes are split into chunks, and how a search spreads its radius over them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "hamming/code.hpp"
#include "isa/machine.hpp"

namespace hashpact {

// A chunk may be searched with this many flipped bits at most; past it a scan of everything is cheaper.
constexpr unsigned kMaxFlips = 3;
constexpr std::size_t kLevels = kMaxFlips + 1;

// The chunks of one segment, seen as a ring.
//
// Multi-index hashing (Norouzi, Punjani, Fleet, "Fast exact search in Hamming space with multi-index hashing", 2014):
// give chunk i a threshold t(i), so that the sum of all t(i) + 1 is r + 1. Two codes within r bits are then within t(i)
// on some chunk i, for otherwise they would be r + 1 apart; so the codes are kept in buckets by the value of each
// chunk, and the buckets whose value is within t(i) of the query's are looked into. Any such thresholds will do, -1
// among them, which looks nowhere (the general pigeonhole principle: Qin, Wang, Xiao, Wang, Lin, Ishikawa, "GPH:
// similarity search in Hamming space", ICDE 2018): among unrelated codes as equal ones as possible are best, and a
// query whose buckets are crowded is given its own.
//
// The pigeonring principle (Qin, Xiao, "Pigeonring: a principle for faster thresholded similarity search", PVLDB 12,
// 2018) gives more: there is such a chunk i from which every further sum round the ring is small as well,
//   d(i) + d(i+1) + ... + d(i+l-1) <= t(i) + 1 + ... + t(i+l-1) + 1 - 1   for each l.
// (The differences d(i) - t(i) - 1 add up to less than nothing; start behind the last place where their running sum is
// largest.) With l = 2, a code in a bucket f flips away has at most t(i) + t(i+1) + 1 - f bits different in the next
// chunk. Sixteen bits of the next chunk, the entry's sketch, refuse 99 to 99.8 in 100 unrelated codes at PDQ's radius.
class HammingPlan {
  public:
    // The plan whose searches at `radius` over `rows` unrelated codes of `bits` bits should cost least. One chunk means
    // a scan of all `scanned` codes, which may be more.
    static HammingPlan choose(unsigned bits, std::size_t rows, std::size_t scanned, unsigned radius,
                              const Costs& costs);

    // Whether a code can be split into so many chunks that are neither too wide for a table nor too narrow to search.
    static bool can_have(unsigned bits, std::uint64_t chunks);

    // `chunks` is one, or can be had.
    HammingPlan(unsigned bits, unsigned chunks);

    std::size_t size() const { return chunks_.size(); }
    Chunk chunk(std::size_t i) const { return chunks_[i]; }

    // The next chunk round the ring.
    std::size_t next(std::size_t i) const { return i + 1 < size() ? i + 1 : 0; }

    // The sketch of an entry in chunk i's table.
    std::uint16_t sketch(const std::uint64_t* code, std::size_t i) const {
        return static_cast<std::uint16_t>(chunk_value(code, chunks_[next(i)]));
    }

    // Writes the thresholds at that radius that cost least, and returns their cost: `costs[kLevels * i + f]` is that of
    // the buckets exactly f flips away from the query's in chunk i. HUGE_VAL, and nothing written, if kMaxFlips flips
    // in every chunk do not reach that far.
    double allocate(unsigned radius, const std::vector<double>& costs, std::vector<int>& out) const;

    // How far a sketch may be from the query's, `flips` away from the query's bucket of chunk i. Not negative, because
    // `flips` is at most the threshold and no threshold is below -1.
    int sketch_radius(const std::vector<int>& thresholds, std::size_t i, int flips) const {
        return thresholds[i] + thresholds[next(i)] + 1 - flips;
    }

    // The masks over the bits of chunk i, those with fewer bits set first, and how many have at most `flips` set:
    // none if `flips` is negative. `flips` is at most kMaxFlips.
    const std::uint32_t* masks(std::size_t i) const { return masks_[chunks_[i].width].all.data(); }
    std::size_t masks_within(std::size_t i, int flips) const {
        return flips < 0 ? 0 : masks_[chunks_[i].width].within[static_cast<std::size_t>(flips)];
    }

    // The buckets exactly that many flips away in chunk i.
    double buckets(std::size_t i, int flips) const {
        return static_cast<double>(masks_within(i, flips) - masks_within(i, flips - 1));
    }

    // How many of `rows` unrelated codes share a value of chunk i.
    double load(std::size_t i, std::size_t rows) const;

    // Estimated nanoseconds of looking into a level of chunk i, the buckets exactly `flips` away from the query's, that
    // holds `there` of `rows` entries: `entries[kLevels * i + f]` is what is known or thought of how many the others hold.
    double level_cost(std::size_t i, int flips, double there, const std::vector<double>& entries, std::size_t rows,
                      const Costs& costs) const;

    // Estimated nanoseconds of one search at `radius` over `rows` unrelated codes.
    double cost(std::size_t rows, unsigned radius, const Costs& costs) const;

  private:
    struct Masks {
        explicit Masks(unsigned width);
        std::vector<std::uint32_t> all;
        std::array<std::size_t, kMaxFlips + 1> within{};
    };

    // The thresholds at that radius that are best among unrelated codes: floor(r/m) for the first r mod m + 1 of the m
    // chunks, and one less for the others.
    std::vector<int> even_thresholds(unsigned radius) const;

    unsigned bits_;
    std::vector<Chunk> chunks_;
    std::vector<Masks> masks_;  // by width
};

// Estimated nanoseconds of comparing a query with `rows` codes one after the other.
double scan_cost(unsigned bits, std::size_t rows, const Costs& costs);

}  // namespace hashpact

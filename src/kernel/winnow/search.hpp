// Which entries of a store a text contains, and how much of each.
//
// What many different records have in common counts for little. A hash that 2^k records have, or up to twice as many,
// has the commonness k, at most kMostCommon. A record's own commonness is that of its rarest hashes, but for a tenth of
// them and one. A hash weighs 1, or 4^-d if its commonness is d more than the record's own, d being at most kRange. The
// share of a record that is in a text is the weight of those of its hashes that are among the text's, by the weight of
// all of them.
//
// Records are counted that can be found when the search begins, whatever layers they lie in: two stores with the same
// content give the same answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "store/store.hpp"
#include "winnow/segment.hpp"

namespace hashpact {

constexpr std::uint32_t kMostCommon = 8;
constexpr std::size_t kCounted = std::size_t{1} << kMostCommon;
constexpr std::uint32_t kRange = 3;

// The fewest hashes of a hit that count, and the fewest of them that are the text's.
constexpr std::size_t kFewestHashes = 8;
constexpr std::size_t kFewestCommon = 4;

// The postings that one search reads at most, and again as many steps to weigh what it finds.
constexpr std::size_t kWinnowBudget = std::size_t{1} << 18;

// The rows that it looks at to count the texts with its hashes.
constexpr std::size_t kCountingBudget = 4 * kWinnowBudget;

struct Contained {
    double share;
    std::uint64_t id;
};

struct WinnowAnswer {
    std::vector<Contained> hits;  // the largest share first, equal shares in the order of ids
    bool truncated;               // the budget was not enough: there may be further hits
};

// The records of which at least that share is in a text with these hashes, ascending: at most `limit` of them. A text
// with kQueryHashes is a sample, which stands for the hashes up to its largest: larger ones do not count then.
WinnowAnswer search(const Store<WinnowSegment>& store, const std::vector<std::uint32_t>& text, double least_share,
                    std::size_t limit);

}  // namespace hashpact

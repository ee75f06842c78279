// Which entries of a store a text contains, and how much of each.
//
// A hash weighs 1/n if n different records of the store have it, and at least 1/kCommon. The share of a record that is
// in a text is the weight of those of its hashes that are among the text's, by the weight of all of them. Weights are
// those of the rows that can be found when the search begins, whatever layers they lie in: two stores with the same
// content give the same answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "store/store.hpp"
#include "winnow/segment.hpp"

namespace hashpact {

constexpr unsigned kCommon = 8;

// The fewest hashes of a hit that count, and the fewest of them that are the text's.
constexpr std::size_t kFewestHashes = 8;
constexpr std::size_t kFewestCommon = 4;

// The postings that one search reads at most, and again as many steps to weigh what it finds.
constexpr std::size_t kWinnowBudget = std::size_t{1} << 18;

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

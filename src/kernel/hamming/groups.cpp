#include "hamming/groups.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <utility>

#include "isa/cpu.hpp"
#include "isa/kernels.hpp"

namespace hashpact {

namespace {

// Smaller crowds are no trouble to the tables: not in absolute terms, and not beside what a search among so many codes
// costs anyway. It also bounds how many centers a search compares.
constexpr std::size_t kLeastMembers = 1024;
constexpr std::size_t kLeastShare = 2048;
constexpr std::size_t kMostCenters = 1024;

// Of a group of the least size, so many members are in the sample on average; so many show it.
constexpr std::size_t kSampled = 8;
constexpr std::size_t kShown = 3;

// What fits into the second-level cache with its sums. Larger groups are cut; equal centers are no harm.
constexpr std::size_t kMostMembers = std::size_t{1} << 17;

// How many ids are asked for before they are read.
constexpr std::size_t kAsked = 32;

// Members are at most this far from their center. Distances have kStartSlices slices, and empty places have a greater.
constexpr unsigned kFarthest = 32;
constexpr unsigned kNowhere = (1U << kStartSlices) - 1;
static_assert(kFarthest < kNowhere, "empty places are further than members");

unsigned reach(unsigned words) { return std::min(words * 64 / 8, kFarthest); }

std::size_t least_members(std::size_t rows) { return std::max(kLeastMembers, rows / kLeastShare); }

unsigned distance(const std::uint64_t* a, const std::uint64_t* b, unsigned words) {
    int total = 0;
    for (unsigned i = 0; i < words; ++i) total += __builtin_popcountll(a[i] ^ b[i]);
    return static_cast<unsigned>(total);
}

// Codes in one array, asked for those near another.
class Codes {
  public:
    explicit Codes(unsigned words) : words_(words) {}

    std::size_t size() const { return codes_.size() / words_; }
    const std::uint64_t* at(std::size_t i) const { return codes_.data() + i * words_; }
    const std::vector<std::uint64_t>& all() const { return codes_; }

    void add(const std::uint64_t* code) {
        codes_.insert(codes_.end(), code, code + words_);
        found_.resize(size());
        distances_.resize(size());
    }

    // The first of the nearest, or size() if none is within the radius.
    std::size_t nearest(const std::uint64_t* code, unsigned radius) {
        const std::size_t found =
            kernels().scan(codes_.data(), words_, size(), code, radius, found_.data(), distances_.data());
        if (found == 0) return size();
        const auto end = distances_.begin() + static_cast<std::ptrdiff_t>(found);
        return found_[static_cast<std::size_t>(std::min_element(distances_.begin(), end) - distances_.begin())];
    }

  private:
    unsigned words_;
    std::vector<std::uint64_t> codes_;
    std::vector<std::uint32_t> found_;
    std::vector<std::uint16_t> distances_;
};

using Members = std::vector<std::vector<std::uint32_t>>;

// Rows from all over the set: one of each stretch, at a place that does not repeat with the stretches.
std::vector<std::uint32_t> sample(std::size_t rows) {
    const std::size_t stretch = least_members(rows) / kSampled;
    std::vector<std::uint32_t> sampled;
    for (std::size_t first = 0; first + stretch <= rows; first += stretch) {
        const std::uint64_t mixed = (first + 1) * 0x9E3779B97F4A7C15U;
        sampled.push_back(static_cast<std::uint32_t>(first + (mixed >> 32) % stretch));
    }
    return sampled;
}

// The bits that most of these codes have. Where as many have a bit as do not, it is not set.
std::vector<std::uint64_t> majority(const Rows& rows, const std::vector<std::uint32_t>& of) {
    std::vector<std::uint64_t> center(rows.words);
    for (unsigned bit = 0; bit < rows.words * 64; ++bit) {
        std::size_t set = 0;
        for (const std::uint32_t row : of) set += rows.record(row)[bit / 64] >> bit % 64 & 1;
        if (2 * set > of.size()) center[bit / 64] |= std::uint64_t{1} << bit % 64;
    }
    return center;
}

// Where the crowds are, by a sample: a code far from all leaders so far becomes one (Hartigan, Clustering
// Algorithms, 1975, chapter 3).
Codes find_centers(const Rows& rows) {
    Codes leaders(rows.words);
    Members followers;
    for (const std::uint32_t row : sample(rows.size())) {
        const std::size_t leader = leaders.nearest(rows.record(row), reach(rows.words));
        if (leader == leaders.size()) {
            leaders.add(rows.record(row));
            followers.emplace_back();
        }
        followers[leader].push_back(row);
    }
    const auto few = [](const std::vector<std::uint32_t>& some) { return some.size() < kShown; };
    followers.erase(std::remove_if(followers.begin(), followers.end(), few), followers.end());
    std::stable_sort(followers.begin(), followers.end(),
                     [](const auto& a, const auto& b) { return a.size() > b.size(); });
    Codes centers(rows.words);
    for (const std::vector<std::uint32_t>& some : followers) {
        const std::vector<std::uint64_t> center = majority(rows, some);
        // Several leaders may have stood around one center.
        if (centers.nearest(center.data(), reach(rows.words) / 2) == centers.size()) centers.add(center.data());
        if (centers.size() == kMostCenters) break;
    }
    return centers;
}

std::size_t blocks_of(std::size_t members) { return (members + kBlockMembers - 1) / kBlockMembers; }

// All slices of a group of so many members.
std::size_t slice_words(std::size_t members, std::size_t words) {
    return blocks_of(members) * kBlockWords * (kStartSlices + words * 64);
}

// The sum of one member.
unsigned sum_of(const std::uint64_t* sums, std::size_t word, std::size_t bit) {
    const std::uint64_t* block = sums + word / kBlockWords * kBlockWords * kSumSlices + word % kBlockWords;
    unsigned sum = 0;
    for (unsigned k = 0; k < kSumSlices; ++k) sum |= static_cast<unsigned>(block[k * kBlockWords] >> bit & 1) << k;
    return sum;
}

// What one thread's searches reuse.
struct Scratch {
    std::vector<std::uint32_t> found;
    std::vector<std::uint16_t> distances;
    std::vector<std::pair<std::uint16_t, std::uint32_t>> near;
    std::vector<std::uint16_t> picked;
    std::vector<std::uint64_t> sums;
    std::vector<std::uint64_t> members;
    std::vector<std::uint64_t> below;
    std::vector<std::uint32_t> filled;
};

// Not inlined: compilers take the address of what is thread-local for a constant, and ask for it again in every loop.
[[gnu::noinline]] Scratch& scratch() {
    thread_local Scratch mine;
    return mine;
}

// At least so many; never fewer again, because what is grown is cleared.
template <class T>
void make_room(std::vector<T>& values, std::size_t wanted) {
    if (values.size() < wanted) values.resize(wanted);
}

// Notes which of these words are not zero. No branch: the few that are not cannot be foreseen.
std::size_t find_filled(const std::vector<std::uint64_t>& words, std::size_t count, std::vector<std::uint32_t>& filled) {
    std::size_t found = 0;
    for (std::size_t word = 0; word < count; ++word) {
        filled[found] = static_cast<std::uint32_t>(word);
        found += words[word] != 0 ? 1 : 0;
    }
    return found;
}

}  // namespace

HammingGroups::HammingGroups(const Rows& rows, Bits& in_group) {
    Codes centers = find_centers(rows);
    if (centers.size() == 0) return;
    Members members(centers.size());
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const std::size_t nearest = centers.nearest(rows.record(row), reach(rows.words));
        if (nearest != centers.size()) members[nearest].push_back(static_cast<std::uint32_t>(row));
    }
    // What the sample made look larger than it is goes back to the tables.
    const std::size_t least = least_members(rows.size()) / 4;
    Codes kept(rows.words);
    Members parts;
    for (std::size_t i = 0; i < centers.size(); ++i) {
        if (members[i].size() < least) continue;
        for (std::size_t first = 0; first < members[i].size(); first += kMostMembers) {
            const auto begin = members[i].begin() + static_cast<std::ptrdiff_t>(first);
            const std::size_t size = std::min(kMostMembers, members[i].size() - first);
            parts.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(size));
            kept.add(centers.at(i));
        }
    }
    if (parts.empty()) return;
    in_group.assign((rows.size() + 63) / 64, 0);
    for (const std::vector<std::uint32_t>& part : parts) {
        for (const std::uint32_t row : part) in_group[row / 64] |= std::uint64_t{1} << row % 64;
    }
    keep(rows, kept.all(), parts);
}

void HammingGroups::keep(const Rows& rows, const std::vector<std::uint64_t>& centers, const Members& members) {
    groups_ = Array<Group>(members.size());
    Group next{};
    for (std::size_t i = 0; i < members.size(); ++i) {
        groups_[i] = next;
        groups_[i].size = static_cast<std::uint32_t>(members[i].size());
        next.first += groups_[i].size;
        next.slices += slice_words(members[i].size(), rows.words);
    }
    centers_ = Array<std::uint64_t>(centers.size());
    std::copy(centers.begin(), centers.end(), centers_.data());
    rows_ = Array<std::uint32_t>(next.first);
    slices_ = Array<std::uint64_t>(next.slices);
    for (std::size_t i = 0; i < members.size(); ++i) {
        std::copy(members[i].begin(), members[i].end(), rows_.data() + groups_[i].first);
        slice(rows, centers_.data() + i * rows.words, groups_[i]);
    }
}

void HammingGroups::slice(const Rows& rows, const std::uint64_t* center, Group& group) {
    const std::size_t stride = blocks_of(group.size) * kBlockWords;
    std::uint64_t* slices = slices_.data() + group.slices;
    for (std::size_t i = 0; i < stride * 64; ++i) {
        const std::uint64_t bit = std::uint64_t{1} << i % 64;
        std::uint64_t* word = slices + i / 64;
        const std::uint64_t* code = i < group.size ? rows.record(rows_[group.first + i]) : center;
        const unsigned from_center = i < group.size ? distance(code, center, rows.words) : kNowhere;
        if (i < group.size) group.farthest = std::max(group.farthest, from_center);
        for (unsigned k = 0; k < kStartSlices; ++k, word += stride) {
            if ((from_center >> k & 1) != 0) *word |= bit;
        }
        for (unsigned k = 0; k < rows.words * 64; ++k, word += stride) {
            if (((code[k / 64] ^ center[k / 64]) >> k % 64 & 1) == 0) *word |= bit;
        }
    }
}

HammingGroups::HammingGroups(const SegmentFile& file) {
    const std::size_t words = file.header().width / sizeof(std::uint64_t);
    groups_ = file.verified<Group>("groups");
    Group next{};
    for (std::size_t i = 0; i < groups_.size(); ++i) {
        const Group& group = groups_[i];
        if (group.first != next.first || group.slices != next.slices || group.size == 0 || group.size > kMostMembers ||
            group.farthest > kFarthest) {
            file.fail("its groups are damaged");
        }
        next.first += group.size;
        next.slices += slice_words(group.size, words);
    }
    centers_ = file.array<std::uint64_t>("groups.centers", groups_.size() * words);
    slices_ = file.array<std::uint64_t>("groups.slices", next.slices);
    rows_ = file.array<std::uint32_t>("groups.rows", next.first);
}

void HammingGroups::store(Sections& out) const {
    out.add("groups", groups_);
    out.add("groups.centers", centers_);
    out.add("groups.slices", slices_);
    out.add("groups.rows", rows_);
}

std::size_t HammingGroups::bytes() const {
    return groups_.bytes() + centers_.bytes() + slices_.bytes() + rows_.bytes();
}

template <class Counter>
void HammingGroups::search(const Rows& rows, const std::uint64_t* query, const Tombstones& tombstones,
                           Nearest& nearest, Counter& counter) const {
    if (groups_.size() == 0) return;
    Scratch& mine = scratch();
    mine.found.resize(groups_.size());
    mine.distances.resize(groups_.size());
    counter.read(centers_.data(), centers_.bytes());
    const std::size_t found = kernels().scan(centers_.data(), rows.words, groups_.size(), query,
                                             nearest.radius() + kFarthest, mine.found.data(), mine.distances.data());
    // The nearest centers first, so that the radius soon shrinks.
    mine.near.clear();
    for (std::size_t i = 0; i < found; ++i) mine.near.emplace_back(mine.distances[i], mine.found[i]);
    std::sort(mine.near.begin(), mine.near.end());
    for (const auto& [from_center, i] : mine.near) {
        if (from_center <= nearest.radius() + groups_[i].farthest) {
            search_group(rows, query, i, from_center, tombstones, nearest, counter);
            nearest.tighten();
        }
    }
}

template <class Counter>
void HammingGroups::search_group(const Rows& rows, const std::uint64_t* query, std::size_t i, unsigned from_center,
                                 const Tombstones& tombstones, Nearest& nearest, Counter& counter) const {
    Scratch& mine = scratch();
    const Group& group = groups_[i];
    const std::size_t blocks = blocks_of(group.size);
    const std::size_t stride = blocks * kBlockWords;
    const std::uint64_t* slices = slices_.data() + group.slices;
    const std::uint64_t* center = centers_.data() + i * rows.words;
    make_room(mine.sums, stride * kSumSlices);
    make_room(mine.members, stride);
    make_room(mine.below, stride);
    make_room(mine.filled, stride);
    mine.picked.clear();
    for (std::size_t word = 0; word < rows.words; ++word) {
        for (std::uint64_t left = query[word] ^ center[word]; left != 0; left &= left - 1) {
            const auto bit = word * 64 + static_cast<std::size_t>(__builtin_ctzll(left));
            mine.picked.push_back(static_cast<std::uint16_t>(kStartSlices + bit));
        }
    }
    counter.read(slices, kStartSlices * stride * sizeof(std::uint64_t));
    for (const std::uint16_t slice : mine.picked) counter.read(slices + slice * stride, stride * sizeof(std::uint64_t));
    kernels().add_slices(slices, blocks, mine.picked.data(), mine.picked.size(), mine.sums.data());

    // Gives up to `wanted` of these members, in the order of rows, whose sums are that one if there is one. Returns how
    // many were not withdrawn. Rows and ids are far from one another, so some are asked for before any is read.
    const auto give = [&](const std::vector<std::uint64_t>& members, std::size_t wanted, std::optional<unsigned> sum) {
        std::array<std::uint32_t, kAsked> asked;
        std::size_t waiting = 0;
        std::size_t given = 0;
        const auto give_waiting = [&] {
            std::array<std::uint32_t, kAsked> found;
            for (std::size_t k = 0; k < waiting; ++k) {
                found[k] = rows_[group.first + asked[k]];
                if (found[k] >= rows.size()) throw DamagedSection("section groups.rows is damaged");
                __builtin_prefetch(&rows.ids[found[k]]);
            }
            for (std::size_t k = 0; k < waiting; ++k) {
                if (tombstones.has(found[k])) continue;
                const unsigned total = sum ? *sum : sum_of(mine.sums.data(), asked[k] / 64, asked[k] % 64);
                nearest.add(rows.ids[found[k]], total - from_center);
                ++given;
            }
            waiting = 0;
        };
        const std::size_t words = find_filled(members, stride, mine.filled);
        for (std::size_t k = 0; k < words; ++k) {
            const std::size_t word = mine.filled[k];
            for (std::uint64_t left = members[word]; left != 0; left &= left - 1) {
                if (waiting == kAsked || given + waiting == wanted) give_waiting();
                if (given == wanted) return given;
                const std::size_t member = word * 64 + static_cast<std::size_t>(__builtin_ctzll(left));
                // An empty place has no business here.
                if (member >= group.size) throw DamagedSection("section groups.slices is damaged");
                counter.read(&rows_[group.first + member], sizeof(std::uint32_t));
                __builtin_prefetch(&rows_[group.first + member]);
                asked[waiting++] = static_cast<std::uint32_t>(member);
            }
        }
        give_waiting();
        return given;
    };

    // Either all are wanted, or all below some distance and the first of those that have it.
    const unsigned last = from_center + nearest.radius();
    const std::size_t count = kernels().sums_within(mine.sums.data(), blocks, last, mine.members.data());
    std::size_t wanted = nearest.limit();
    if (count <= wanted) {
        give(mine.members, count, std::nullopt);
        return;
    }
    std::size_t ties = wanted;
    unsigned sum = kernels().least_sums(mine.sums.data(), blocks, last, count, &ties, mine.members.data(),
                                        mine.below.data());
    wanted -= give(mine.below, wanted - ties, std::nullopt);
    wanted -= give(mine.members, wanted, sum);
    // Withdrawn members may have left room for some that are further.
    for (; wanted != 0 && sum < last; ++sum) {
        kernels().sums_within(mine.sums.data(), blocks, sum, mine.below.data());
        kernels().sums_within(mine.sums.data(), blocks, sum + 1, mine.members.data());
        for (std::size_t word = 0; word < stride; ++word) mine.members[word] &= ~mine.below[word];
        wanted -= give(mine.members, wanted, sum + 1);
    }
}

template void HammingGroups::search(const Rows&, const std::uint64_t*, const Tombstones&, Nearest&, NoTouches&) const;
#ifdef HASHPACT_INSTRUMENTS
template void HammingGroups::search(const Rows&, const std::uint64_t*, const Tombstones&, Nearest&,
                                    TouchCounter&) const;
#endif

}  // namespace hashpact

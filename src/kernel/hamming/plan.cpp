#include "hamming/plan.hpp"

#include <algorithm>
#include <cmath>

namespace hashpact {

namespace {

constexpr double kLine = 64.0;
constexpr unsigned kOffsetsPerLineBits = 4;  // sixteen 4-byte offsets
constexpr unsigned kSketchBits = 16;
constexpr double kLineSketches = 32;

// A chunk with so many more entries than unrelated codes would have is crowded; of codes that crowd a chunk, so many
// are among those that crowd the next one.
constexpr double kCrowdEntries = 512;
constexpr double kCrowdPasses = 0.5;

// A search waits for an offset, a sketch, a row number and a code, each known from the one before.
constexpr double kDependentReads = 4.0;

// A table of buckets larger than this many times the codes costs memory and gains nothing.
constexpr double kBucketsPerRow = 4.0;
constexpr double kBucketsAnyway = 256.0;

// Tables of more than 2^26 buckets are too large for any set, and of fewer than 2^8 too small to separate codes.
constexpr unsigned kWidestChunk = 26;
constexpr unsigned kNarrowestChunk = 8;

// The share of unrelated values of `bits` bits that are within `radius` of one another.
double ball(unsigned bits, int radius) {
    double size = 0;
    double term = 1;
    for (int k = 0; k <= radius && k <= static_cast<int>(bits); ++k) {
        size += term;
        term = term * (bits - static_cast<unsigned>(k)) / (k + 1);
    }
    return std::ldexp(size, -static_cast<int>(bits));
}

// How many ways there are to choose k of n.
double choose_of(unsigned n, unsigned k) {
    double ways = 1;
    for (unsigned i = 0; i < k; ++i) ways = ways * (n - i) / (i + 1);
    return ways;
}

}  // namespace

HammingPlan::Masks::Masks(unsigned width) {
    static_assert(kMaxFlips == 3, "one block for each number of flips");
    const auto bit = [](unsigned i) { return std::uint32_t{1} << i; };
    all.push_back(0);
    within[0] = all.size();
    for (unsigned a = 0; a < width; ++a) all.push_back(bit(a));
    within[1] = all.size();
    for (unsigned a = 0; a < width; ++a) {
        for (unsigned b = 0; b < a; ++b) all.push_back(bit(a) | bit(b));
    }
    within[2] = all.size();
    for (unsigned a = 0; a < width; ++a) {
        for (unsigned b = 0; b < a; ++b) {
            for (unsigned c = 0; c < b; ++c) all.push_back(bit(a) | bit(b) | bit(c));
        }
    }
    within[3] = all.size();
}

HammingPlan::HammingPlan(unsigned bits, unsigned chunks) : bits_(bits) {
    unsigned widest = 0;
    for (unsigned i = 0; i < chunks; ++i) {
        const unsigned first = bits * i / chunks;
        const unsigned width = chunks == 1 ? 0 : bits * (i + 1) / chunks - first;
        chunks_.push_back(Chunk{first, width});
        widest = std::max(widest, width);
    }
    const auto used = [&](unsigned width) {
        return std::any_of(chunks_.begin(), chunks_.end(), [&](Chunk chunk) { return chunk.width == width; });
    };
    for (unsigned width = 0; width <= widest; ++width) masks_.emplace_back(used(width) ? width : 0);
}

bool HammingPlan::can_have(unsigned bits, std::uint64_t chunks) {
    return chunks == 1 || (chunks <= bits / kNarrowestChunk && bits <= kWidestChunk * chunks);
}

HammingPlan HammingPlan::choose(unsigned bits, std::size_t rows, std::size_t scanned, unsigned radius,
                                const Costs& costs) {
    HammingPlan best(bits, 1);
    double least = scan_cost(bits, scanned, costs);
    const double most_buckets = std::max(kBucketsPerRow * static_cast<double>(rows), kBucketsAnyway);
    for (unsigned chunks = 2; chunks <= bits / kNarrowestChunk; ++chunks) {
        if (!can_have(bits, chunks)) continue;
        if (std::ldexp(1.0, static_cast<int>((bits + chunks - 1) / chunks)) > most_buckets) continue;
        HammingPlan plan(bits, chunks);
        const double cost = plan.cost(rows, radius, costs);
        if (cost < least) {
            least = cost;
            best = std::move(plan);
        }
    }
    return best;
}

std::vector<int> HammingPlan::even_thresholds(unsigned radius) const {
    const auto size = static_cast<unsigned>(chunks_.size());
    std::vector<int> thresholds(size, static_cast<int>(radius / size) - 1);
    for (unsigned i = 0; i <= radius % size; ++i) ++thresholds[i];
    return thresholds;
}

double HammingPlan::allocate(unsigned radius, const std::vector<double>& costs, std::vector<int>& out) const {
    const std::size_t wanted = radius + 1;
    if (wanted > kLevels * size()) return HUGE_VAL;
    // least[s]: the cost of thresholds for the chunks so far whose t + 1 add up to s; taken[i][s]: t + 1 of chunk i.
    std::vector<double> least(wanted + 1, HUGE_VAL);
    std::vector<std::uint8_t> taken(size() * (wanted + 1));
    least[0] = 0;
    for (std::size_t i = 0; i < size(); ++i) {
        for (std::size_t sum = wanted + 1; sum-- > 0;) {
            double total = 0;
            for (std::size_t levels = 1; levels <= std::min(kLevels, sum); ++levels) {
                total += costs[kLevels * i + levels - 1];
                if (least[sum - levels] + total < least[sum]) {
                    least[sum] = least[sum - levels] + total;
                    taken[i * (wanted + 1) + sum] = static_cast<std::uint8_t>(levels);
                }
            }
        }
    }
    out.resize(size());
    std::size_t sum = wanted;
    for (std::size_t i = size(); i-- > 0;) {
        const std::uint8_t levels = taken[i * (wanted + 1) + sum];
        out[i] = levels - 1;
        sum -= levels;
    }
    return least[wanted];
}

double HammingPlan::load(std::size_t i, std::size_t rows) const {
    return std::ldexp(static_cast<double>(rows), -static_cast<int>(chunks_[i].width));
}

double HammingPlan::level_cost(std::size_t i, int flips, double there, const std::vector<double>& entries,
                               std::size_t rows, const Costs& costs) const {
    // What passes is near in the next chunk as well, and how many codes are is known. They may be those that crowd this
    // chunk, or others. If the next chunk is crowded it will have a low threshold, and what passes is nearer.
    const std::size_t next = this->next(i);
    const double* around = entries.data() + kLevels * next;
    const double excess = around[0] + around[1] - (buckets(next, 0) + buckets(next, 1)) * load(next, rows);
    const int reach = (excess > kCrowdEntries ? 2 : 4) - flips;
    double near = around[0];
    for (int k = 1; k <= std::min(reach, static_cast<int>(kMaxFlips)); ++k) near += around[k];
    const double share = near / static_cast<double>(rows);
    const double unrelated = buckets(i, flips) * load(i, rows);
    const double passing =
        there * std::min(1.0, share) + kCrowdPasses * std::max(0.0, std::min(excess, there - unrelated));
    return buckets(i, flips) * (costs.run + 2 * costs.read) + there / kLineSketches * (costs.line + costs.read / 2) +
           passing * (costs.candidate + costs.read);
}

double HammingPlan::cost(std::size_t rows, unsigned radius, const Costs& costs) const {
    if (size() == 1) return scan_cost(bits_, rows, costs);
    const std::vector<int> thresholds = even_thresholds(radius);
    double total = kDependentReads * costs.dependent;
    for (std::size_t i = 0; i < size(); ++i) {
        if (thresholds[i] > static_cast<int>(kMaxFlips)) return HUGE_VAL;
        const unsigned width = chunks_[i].width;
        const double load = this->load(i, rows);
        const double filled = 1 - std::exp(-load);
        // A bucket begins anywhere in a line, so it reaches into one more on average than its bytes fill.
        const double lines = load * sizeof(std::uint16_t) / kLine + filled;
        const unsigned sketch_bits = std::min(kSketchBits, chunks_[next(i)].width);
        for (int flips = 0; flips <= thresholds[i]; ++flips) {
            const double buckets = this->buckets(i, flips);
            // A flip of a low bit stays on the line of offsets.
            const double offsets = choose_of(width - kOffsetsPerLineBits, static_cast<unsigned>(flips));
            const double passing = load * ball(sketch_bits, sketch_radius(thresholds, i, flips));
            total += offsets * costs.read + buckets * (filled * costs.run + lines * (costs.line + costs.read)) +
                     buckets * passing * (costs.read + costs.candidate);
        }
    }
    return total;
}

double scan_cost(unsigned bits, std::size_t rows, const Costs& costs) {
    return static_cast<double>(rows) * bits / 64 * costs.word;
}

}  // namespace hashpact

#include "hamming_plan.hpp"

#include <algorithm>
#include <cmath>

namespace hashpact {

namespace {

// The cost of a search in nanoseconds, fitted to measurements at 1e5 to 1e7 codes on a Sapphire Rapids core. Only
// their ratios matter, and only for speed.
constexpr double kProbe = 8.0;    // look up where a bucket begins
constexpr double kFetched = 7.0;  // a line of sketches that was prefetched
constexpr double kVerify = 40.0;  // the row number and the code of an entry that passed
constexpr double kWord = 0.35;    // compare a word in a long scan
constexpr double kLine = 64.0;
constexpr unsigned kSketchBits = 16;

// A table of buckets larger than this many times the codes costs memory and gains nothing.
constexpr double kBucketsPerRow = 4.0;
constexpr unsigned kWidestChunk = 26;

// An entry names its chunk by one byte.
constexpr unsigned kMostChunks = 255;

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

HammingPlan HammingPlan::choose(unsigned bits, std::size_t rows, unsigned radius) {
    HammingPlan best(bits, 1);
    double least = scan_cost(bits, rows);
    const unsigned fewest = std::max(2U, (bits + kWidestChunk - 1) / kWidestChunk);
    for (unsigned chunks = fewest; chunks <= std::min(bits / 8, kMostChunks); ++chunks) {
        const double buckets = std::ldexp(1.0, static_cast<int>((bits + chunks - 1) / chunks));
        if (buckets > kBucketsPerRow * static_cast<double>(rows)) continue;
        HammingPlan plan(bits, chunks);
        const double cost = plan.cost(rows, radius);
        if (cost < least) {
            least = cost;
            best = std::move(plan);
        }
    }
    return best;
}

void HammingPlan::thresholds(unsigned radius, std::vector<int>& out) const {
    const auto size = static_cast<unsigned>(chunks_.size());
    out.assign(size, static_cast<int>(radius / size) - 1);
    for (unsigned i = 0; i <= radius % size; ++i) ++out[i];
}

double HammingPlan::cost(std::size_t rows, unsigned radius) const {
    if (size() == 1) return scan_cost(bits_, rows);
    std::vector<int> thresholds;
    this->thresholds(radius, thresholds);
    double total = 0;
    for (std::size_t i = 0; i < size(); ++i) {
        if (thresholds[i] > static_cast<int>(kMaxFlips)) return HUGE_VAL;
        const double load = std::ldexp(static_cast<double>(rows), -static_cast<int>(chunks_[i].width));
        const double filled = 1 - std::exp(-load);
        // A bucket begins anywhere in a line, so it reaches into one more on average than its bytes fill.
        const double lines = load * sizeof(std::uint16_t) / kLine + filled;
        const unsigned next = std::min(kSketchBits, chunks_[i + 1 < size() ? i + 1 : 0].width);
        for (int flips = 0; flips <= thresholds[i]; ++flips) {
            const auto probes = static_cast<double>(masks_within(i, flips) - masks_within(i, flips - 1));
            const double passing = load * ball(next, sketch_radius(thresholds, i, flips));
            total += probes * (kProbe + lines * kFetched + passing * kVerify);
        }
    }
    return total;
}

double scan_cost(unsigned bits, std::size_t rows) { return static_cast<double>(rows) * bits / 64 * kWord; }

}  // namespace hashpact

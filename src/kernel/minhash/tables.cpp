#include "minhash/tables.hpp"

#include <algorithm>

#include "store/background.hpp"
#include "minhash/signature.hpp"

namespace hashpact {

namespace {

// So many hashes of each signature are made at a time, that signatures are read only a few times.
constexpr unsigned kBandsAtOnce = 16;

constexpr std::size_t kRowsAtOnce = std::size_t{1} << 16;

unsigned bits_for(std::size_t values) {
    unsigned bits = 0;
    while ((std::size_t{1} << bits) < values) ++bits;
    return bits;
}

}  // namespace

alignas(64) const std::uint32_t MinHashTables::kNothing[kLineEntries] = {
    kEmpty, kEmpty, kEmpty, kEmpty, kEmpty, kEmpty, kEmpty, kEmpty,
    kEmpty, kEmpty, kEmpty, kEmpty, kEmpty, kEmpty, kEmpty, kEmpty,
};

MinHashTables::MinHashTables(const Rows& rows, const std::vector<std::uint32_t>& some, const Bands& bands) {
    set_sizes(rows.size(), some.size());
    lines_ = Array<std::uint32_t>(bands.count() * buckets_ * kLineEntries);
    crowd_begins_ = Array<std::uint64_t>(bands.count() + 1);
    std::vector<std::uint32_t> crowds;
    std::vector<std::uint32_t> hashes(kBandsAtOnce * some.size());
    std::vector<std::uint32_t> extended(kBandsAtOnce * some.size());
    for (unsigned first = 0; first < bands.count(); first += kBandsAtOnce) {
        const unsigned count = std::min(kBandsAtOnce, bands.count() - first);
        Bands::Grid grid{};
        Bands::Hashes each;
        for (std::size_t i = 0; i < some.size(); ++i) {
            if (i % kRowsAtOnce == 0) interruption_point();
            bands.lay(from_planes(rows.record(some[i])), grid);
            bands.hashes(grid, first, count, each.data());
            for (unsigned k = 0; k < count; ++k) {
                hashes[k * some.size() + i] = each[k];
                extended[k * some.size() + i] = bands.extended(grid, first + k, each[k]);
            }
        }
        for (unsigned k = 0; k < count; ++k) {
            interruption_point();
            fill(first + k, some, hashes.data() + k * some.size(), extended.data() + k * some.size(), crowds);
            crowd_begins_[first + k + 1] = crowds.size();
        }
    }
    crowds_ = Array<std::uint32_t>(crowds.size());
    std::copy(crowds.begin(), crowds.end(), crowds_.data());
}

MinHashTables::MinHashTables(const SegmentFile& file, std::size_t some, const Bands& bands) {
    set_sizes(file.header().rows, some);
    lines_ = file.array<std::uint32_t>("bands.lines", bands.count() * buckets_ * kLineEntries);
    crowd_begins_ = file.verified<std::uint64_t>("bands.crowds.begins");
    const std::uint64_t* begins = crowd_begins_.data();
    if (crowd_begins_.size() != bands.count() + 1 || !std::is_sorted(begins, begins + bands.count() + 1)) {
        file.fail("section bands.crowds.begins is damaged");
    }
    crowds_ = file.array<std::uint32_t>("bands.crowds", begins[bands.count()]);
}

void MinHashTables::store(Sections& out) const {
    out.add("bands.lines", lines_);
    out.add("bands.crowds.begins", crowd_begins_);
    out.add("bands.crowds", crowds_);
}

void MinHashTables::set_sizes(std::size_t rows, std::size_t some) {
    row_bits_ = bits_for(rows + kReserved);
    buckets_ = some / kAverage + 1;
}

void MinHashTables::fill(unsigned band, const std::vector<std::uint32_t>& some, const std::uint32_t* hashes,
                         const std::uint32_t* extended, std::vector<std::uint32_t>& crowds) {
    std::uint32_t* lines = lines_.data() + band * buckets_ * kLineEntries;
    std::fill(lines, lines + buckets_ * kLineEntries, kEmpty);
    // How many fall into each bucket, and then where the next one goes: in its line, or in its crowd.
    std::vector<std::uint32_t> next(buckets_);
    for (std::size_t i = 0; i < some.size(); ++i) ++next[bucket(hashes[i])];
    const std::size_t begin = crowds.size();
    for (std::size_t at = 0; at < buckets_; ++at) {
        const std::uint32_t size = next[at];
        next[at] = 0;
        if (size <= kLineEntries) continue;
        next[at] = static_cast<std::uint32_t>(crowds.size() - begin);
        crowds.resize(crowds.size() + size);
        std::uint32_t* line = lines + at * kLineEntries;
        line[0] = next[at];
        line[1] = next[at] + size;
        line[kLineEntries - 1] = kCrowd;
    }
    for (std::size_t i = 0; i < some.size(); ++i) {
        const std::size_t at = bucket(hashes[i]);
        std::uint32_t* line = lines + at * kLineEntries;
        if (is_crowd(line)) {
            crowds[begin + next[at]++] = tag(extended[i]) | some[i];
        } else {
            line[next[at]++] = tag(hashes[i]) | some[i];
        }
    }
    for (std::size_t at = 0; at < buckets_; ++at) {
        const std::uint32_t* line = lines + at * kLineEntries;
        std::uint32_t* all = crowds.data() + begin;
        if (is_crowd(line)) std::sort(all + line[0], all + line[1]);
    }
}

MinHashTables::Crowd MinHashTables::crowd(unsigned band, const std::uint32_t* line, std::uint32_t tag) const {
    if (line[0] > line[1] || line[1] > crowd_begins_[band + 1] - crowd_begins_[band]) {
        throw DamagedSection("section bands.lines is damaged");
    }
    const std::uint32_t* begin = crowds_.data() + crowd_begins_[band] + line[0];
    const std::uint32_t size = line[1] - line[0];
    return {begin, begin + size, begin + (std::uint64_t{size} * tag >> 32), tag};
}

const std::uint32_t* MinHashTables::Crowd::first() const {
    // From the guess on in growing steps, until it lies between two places.
    const std::uint32_t* low = guess;
    const std::uint32_t* high = guess;
    for (std::ptrdiff_t step = kLineEntries; low != begin && *low >= tag; step *= 2) {
        high = low;
        low -= std::min(step, low - begin);
    }
    for (std::ptrdiff_t step = kLineEntries; high != end && *high < tag; step *= 2) {
        low = high;
        high += std::min(step, end - high);
    }
    return std::lower_bound(low, high, tag);
}

}  // namespace hashpact

#include "minhash_segment.hpp"

#include <algorithm>
#include <numeric>

#include "cpu.hpp"

namespace hashpact {

namespace {

// Buckets hold about this many entries: one line.
constexpr std::size_t kBucketRows = 8;

constexpr unsigned kBandsAtOnce = 8;

// Signatures are compared in blocks of this many.
constexpr std::size_t kBlock = 1024;

// A query whose buckets hold more entries than this marks the rows it has seen instead of sorting them.
constexpr std::size_t kSortable = 16384;

// The finaliser of SplitMix64 (Steele, Lea, Flood, 2014).
std::uint64_t mix(std::uint64_t x) {
    x ^= x >> 30;
    x *= 0xBF58476D1CE4E5B9U;
    x ^= x >> 27;
    x *= 0x94D049BB133111EBU;
    return x ^ x >> 31;
}

std::uint32_t value(const std::uint64_t* signature, unsigned i) {
    return static_cast<std::uint32_t>(signature[i / 2] >> (i % 2 * 32));
}

std::uint64_t band_hash(const std::uint64_t* signature, unsigned band) {
    const bool neighbours = band < 32;
    const unsigned first = neighbours ? band * 4 : band - 32;
    const unsigned step = neighbours ? 1 : 32;
    const auto pair = [&](unsigned i) {
        return std::uint64_t{value(signature, first + i * step)} << 32 | value(signature, first + (i + 1) * step);
    };
    return mix(mix(pair(0)) ^ pair(2));
}

struct Scratch {
    std::vector<std::uint32_t> rows;
    std::vector<std::uint16_t> equal = std::vector<std::uint16_t>(kBlock);
};

Scratch& scratch() {
    thread_local Scratch mine;
    return mine;
}

// Compares the signatures of `rows` with the query and gives `nearest` those that count.
template <class Id>
void compare(const std::uint64_t* signatures, const std::uint64_t* query, const std::vector<std::uint32_t>& rows,
             const Tombstones& tombstones, const Id& id, std::vector<std::uint16_t>& equal, Nearest& nearest) {
    for (std::size_t first = 0; first < rows.size(); first += kBlock) {
        const std::size_t count = std::min(kBlock, rows.size() - first);
        kernels().equal_values(signatures, query, rows.data() + first, count, equal.data());
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint32_t row = rows[first + i];
            const unsigned distance = kSignatureValues - equal[i];
            if (distance <= nearest.radius() && !tombstones.has(row)) nearest.add(id(row), distance);
        }
    }
}

}  // namespace

void MinHashDelta::search(const std::uint64_t* query, Nearest& nearest) const {
    Scratch& mine = scratch();
    mine.rows.resize(size());
    std::iota(mine.rows.begin(), mine.rows.end(), 0U);
    compare(records(), query, mine.rows, tombstones(), [&](std::size_t row) { return id(row); }, mine.equal, nearest);
}

MinHashSegment::MinHashSegment(Rows rows, const Options&) : rows_(std::move(rows)), bucket_bits_(0) {
    while ((kBucketRows << bucket_bits_) < rows_.size()) ++bucket_bits_;
    // The hashes of a few bands at a time, so that the signatures are read only a few times.
    Array<std::uint64_t> hashes(kBandsAtOnce * rows_.size());
    for (unsigned first = 0; first < kBands; first += kBandsAtOnce) {
        for (std::size_t row = 0; row < rows_.size(); ++row) {
            for (unsigned i = 0; i < kBandsAtOnce; ++i) {
                hashes[i * rows_.size() + row] = band_hash(rows_.record(row), first + i);
            }
        }
        for (unsigned i = 0; i < kBandsAtOnce; ++i) bands_[first + i] = build(hashes.data() + i * rows_.size());
    }
}

std::uint32_t MinHashSegment::bucket(std::uint64_t hash) const {
    return bucket_bits_ == 0 ? 0 : static_cast<std::uint32_t>(hash >> (64 - bucket_bits_));
}

// A counting sort: stable, so that the rows of a bucket are in ascending order.
MinHashSegment::Band MinHashSegment::build(const std::uint64_t* hashes) const {
    const std::size_t buckets = std::size_t{1} << bucket_bits_;
    Band built{Array<std::uint32_t>(buckets + 1), Array<Entry>(rows_.size())};
    for (std::size_t row = 0; row < rows_.size(); ++row) ++built.offsets[bucket(hashes[row])];
    std::uint32_t begin = 0;
    for (std::size_t at = 0; at <= buckets; ++at) {
        const std::uint32_t count = built.offsets[at];
        built.offsets[at] = begin;
        begin += count;
    }
    for (std::size_t row = 0; row < rows_.size(); ++row) {
        const std::uint32_t at = built.offsets[bucket(hashes[row])]++;
        built.entries[at] = Entry{static_cast<std::uint32_t>(hashes[row]), static_cast<std::uint32_t>(row)};
    }
    for (std::size_t at = buckets; at > 0; --at) built.offsets[at] = built.offsets[at - 1];
    built.offsets[0] = 0;
    return built;
}

void MinHashSegment::search(const std::uint64_t* query, const Tombstones& tombstones, Nearest& nearest) const {
    std::uint64_t hashes[kBands];
    const Entry* first[kBands];
    const Entry* last[kBands];
    for (unsigned i = 0; i < kBands; ++i) {
        hashes[i] = band_hash(query, i);
        __builtin_prefetch(&bands_[i].offsets[bucket(hashes[i])]);
    }
    std::size_t entries = 0;
    for (unsigned i = 0; i < kBands; ++i) {
        const std::uint32_t* offset = &bands_[i].offsets[bucket(hashes[i])];
        first[i] = bands_[i].entries.data() + offset[0];
        last[i] = bands_[i].entries.data() + offset[1];
        entries += offset[1] - offset[0];
        __builtin_prefetch(first[i]);
        __builtin_prefetch(last[i] - 1);
    }

    // A crowded bucket (one text posted a million times) is in every band. Each of its rows is still compared
    // once, with one bit of memory per row.
    const bool crowded = entries > kSortable;
    std::vector<bool> seen(crowded ? rows_.size() : 0);
    Scratch& mine = scratch();
    mine.rows.clear();
    const auto flush = [&] {
        compare(rows_.records.data(), query, mine.rows, tombstones, [&](std::size_t row) { return rows_.ids[row]; },
                mine.equal, nearest);
        mine.rows.clear();
    };
    for (unsigned i = 0; i < kBands; ++i) {
        const auto tag = static_cast<std::uint32_t>(hashes[i]);
        for (const Entry* entry = first[i]; entry != last[i]; ++entry) {
            if (entry->tag != tag) continue;
            if (crowded) {
                if (seen[entry->row]) continue;
                seen[entry->row] = true;
                if (mine.rows.size() == kBlock) flush();
            }
            mine.rows.push_back(entry->row);
        }
    }
    if (!crowded) {
        std::sort(mine.rows.begin(), mine.rows.end());
        mine.rows.erase(std::unique(mine.rows.begin(), mine.rows.end()), mine.rows.end());
    }
    flush();
}

std::size_t MinHashSegment::bytes() const {
    std::size_t total = rows_.ids.bytes() + rows_.records.bytes();
    for (const Band& band : bands_) total += band.offsets.bytes() + band.entries.bytes();
    return total;
}

}  // namespace hashpact

#include "hamming_segment.hpp"

#include <algorithm>

#include "cpu.hpp"

namespace hashpact {

namespace {

// Kernels are given at most this many entries or rows at a time, which bounds their output.
constexpr std::uint32_t kBlock = 8192;

// Where the buckets of a query hold more than one entry for so many rows, they are crowded with near-copies that pass
// the filter, and a scan of all codes is cheaper.
constexpr std::size_t kRowsPerEntry = 4;

// What one thread's searches reuse.
struct Scratch {
    std::vector<Run> runs;
    std::vector<int> thresholds;
    std::vector<Candidate> candidates = std::vector<Candidate>(kBlock);
    std::vector<std::uint32_t> rows = std::vector<std::uint32_t>(kBlock + 1);
    std::vector<std::uint16_t> distances = std::vector<std::uint16_t>(kBlock + 1);
};

Scratch& scratch() {
    thread_local Scratch mine;
    return mine;
}

void add_run(std::vector<Run>& runs, Run run) {
    while (run.count > kBlock) {
        Run part = run;
        part.count = kBlock;
        runs.push_back(part);
        run.sketches += kBlock;
        run.rows += kBlock;
        run.count -= kBlock;
    }
    runs.push_back(run);
}

// Calls `accept(candidate, distance)` for each entry of the runs that passes and whose code is within the radius.
template <class Accept>
void verify(Scratch& mine, const Rows& rows, const std::uint64_t* query, const Nearest& nearest, const Accept& accept) {
    const Kernels& kernel = kernels();
    const std::size_t count = mine.runs.size();
    mine.runs.resize(count + kRunsAhead);
    for (std::size_t first = 0; first < count;) {
        std::size_t last = first;
        for (std::uint32_t entries = 0; last < count && entries + mine.runs[last].count <= kBlock; ++last) {
            entries += mine.runs[last].count;
        }
        const std::size_t passed = kernel.filter(mine.runs.data() + first, last - first, mine.candidates.data());
        kernel.distances(rows.records.data(), rows.words, query, mine.candidates.data(), passed, mine.distances.data());
        for (std::size_t i = 0; i < passed; ++i) {
            if (mine.distances[i] <= nearest.radius()) accept(mine.candidates[i], mine.distances[i]);
        }
        first = last;
    }
}

// Calls `accept(row, distance)` for each of `count` consecutive codes that is within the radius.
template <class Accept>
void scan(Scratch& mine, const std::uint64_t* codes, unsigned words, std::size_t count, const std::uint64_t* query,
          const Nearest& nearest, const Accept& accept) {
    for (std::size_t first = 0; first < count; first += kBlock) {
        const std::size_t found =
            kernels().scan(codes + first * words, words, std::min<std::size_t>(kBlock, count - first), query,
                           nearest.radius(), mine.rows.data(), mine.distances.data());
        for (std::size_t i = 0; i < found; ++i) accept(first + mine.rows[i], mine.distances[i]);
    }
}

}  // namespace

void HammingDelta::search(const std::uint64_t* query, Nearest& nearest) const {
    scan(scratch(), records(), words(), size(), query, nearest, [&](std::size_t row, unsigned distance) {
        if (!tombstones().has(row)) nearest.add(id(row), distance);
    });
}

HammingSegment::HammingSegment(Rows rows, const Options& options)
    : rows_(std::move(rows)),
      plan_(HammingPlan::choose(rows_.words * 64, rows_.size(), options.radius)),
      scan_from_(0) {
    if (plan_.size() == 1) return;
    const unsigned bits = rows_.words * 64;
    const double scan = scan_cost(bits, rows_.size());
    while (scan_from_ <= bits && plan_.cost(rows_.size(), scan_from_) < scan) ++scan_from_;
    for (std::size_t i = 0; i < plan_.size(); ++i) tables_.push_back(build(i));
}

// A counting sort: stable, so that the rows of a bucket are in the order of their ids.
HammingSegment::Table HammingSegment::build(std::size_t i) const {
    const Chunk chunk = plan_.chunk(i);
    const std::size_t buckets = std::size_t{1} << chunk.width;
    Table table{Array<std::uint32_t>(buckets + 1), Array<std::uint16_t>(rows_.size(), kReadAhead),
                Array<std::uint32_t>(rows_.size())};
    // While filling, offsets[b] is where the next entry of bucket b goes; it ends as the begin of bucket b + 1.
    for (std::size_t row = 0; row < rows_.size(); ++row) ++table.offsets[chunk_value(rows_.record(row), chunk)];
    std::uint32_t begin = 0;
    for (std::size_t bucket = 0; bucket <= buckets; ++bucket) {
        const std::uint32_t count = table.offsets[bucket];
        table.offsets[bucket] = begin;
        begin += count;
    }
    for (std::size_t row = 0; row < rows_.size(); ++row) {
        const std::uint64_t* code = rows_.record(row);
        const std::uint32_t at = table.offsets[chunk_value(code, chunk)]++;
        table.rows[at] = static_cast<std::uint32_t>(row);
        table.sketches[at] = plan_.sketch(code, i);
    }
    for (std::size_t bucket = buckets; bucket > 0; --bucket) table.offsets[bucket] = table.offsets[bucket - 1];
    table.offsets[0] = 0;
    return table;
}

// Lists the buckets to look into. False if they are so crowded that a scan is cheaper.
bool HammingSegment::collect(const std::uint64_t* query, const std::vector<int>& thresholds,
                             std::vector<Run>& runs) const {
    const auto prefetch = [&](std::size_t i) {
        const std::uint32_t value = chunk_value(query, plan_.chunk(i));
        const std::uint32_t* masks = plan_.masks(i);
        const std::uint32_t* offsets = tables_[i].offsets.data();
        const std::size_t count = plan_.masks_within(i, thresholds[i]);
        for (std::size_t k = 0; k < count; ++k) __builtin_prefetch(offsets + (value ^ masks[k]));
    };
    std::size_t entries = 0;
    prefetch(0);
    for (std::size_t i = 0; i < plan_.size(); ++i) {
        if (i + 1 < plan_.size()) prefetch(i + 1);
        const std::uint32_t value = chunk_value(query, plan_.chunk(i));
        const std::uint32_t* masks = plan_.masks(i);
        const Table& table = tables_[i];
        Run run{nullptr, nullptr, 0, plan_.sketch(query, i), 0, static_cast<std::uint8_t>(i)};
        std::size_t k = 0;
        for (int flips = 0; flips <= thresholds[i]; ++flips) {
            run.radius = static_cast<std::uint8_t>(plan_.sketch_radius(thresholds, i, flips));
            for (const std::size_t end = plan_.masks_within(i, flips); k < end; ++k) {
                const std::uint32_t* offset = table.offsets.data() + (value ^ masks[k]);
                run.count = offset[1] - offset[0];
                if (run.count == 0) continue;
                entries += run.count;
                run.sketches = table.sketches.data() + offset[0];
                run.rows = table.rows.data() + offset[0];
                add_run(runs, run);
            }
        }
        if (entries * kRowsPerEntry > rows_.size()) return false;
    }
    return true;
}

// Whether a search finds this code by that chunk.
bool HammingSegment::finds(std::size_t i, const std::uint64_t* query, const std::uint64_t* code,
                           const std::vector<int>& thresholds) const {
    const Chunk chunk = plan_.chunk(i);
    const int flips = __builtin_popcount(chunk_value(code, chunk) ^ chunk_value(query, chunk));
    if (flips > thresholds[i]) return false;
    const int difference = __builtin_popcount(plan_.sketch(code, i) ^ static_cast<unsigned>(plan_.sketch(query, i)));
    return difference <= plan_.sketch_radius(thresholds, i, flips);
}

void HammingSegment::search(const std::uint64_t* query, const Tombstones& tombstones, Nearest& nearest) const {
    Scratch& mine = scratch();
    mine.runs.clear();
    const auto add = [&](std::size_t row, unsigned distance) {
        if (!tombstones.has(row)) nearest.add(rows_.ids[row], distance);
    };
    plan_.thresholds(nearest.radius(), mine.thresholds);
    if (nearest.radius() >= scan_from_ || !collect(query, mine.thresholds, mine.runs)) {
        scan(mine, rows_.records.data(), rows_.words, rows_.size(), query, nearest, add);
        return;
    }
    verify(mine, rows_, query, nearest, [&](Candidate candidate, unsigned distance) {
        // A row that several chunks find belongs to the first of them.
        const std::uint64_t* code = rows_.record(candidate.row);
        for (std::size_t i = 0; i < candidate.chunk; ++i) {
            if (finds(i, query, code, mine.thresholds)) return;
        }
        add(candidate.row, distance);
    });
}

std::size_t HammingSegment::bytes() const {
    std::size_t total = rows_.ids.bytes() + rows_.records.bytes();
    for (const Table& table : tables_) total += table.offsets.bytes() + table.sketches.bytes() + table.rows.bytes();
    return total;
}

}  // namespace hashpact

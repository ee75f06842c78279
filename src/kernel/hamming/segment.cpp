#include "hamming/segment.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "store/background.hpp"

namespace hashpact {

namespace {

// A sample takes one entry in so many, and a bounded number of them.
constexpr std::size_t kSampledOf = 256;
constexpr std::size_t kLeastSampled = 16;
constexpr std::size_t kMostSampled = 64;

std::string section(const char* name, std::size_t chunk) { return std::string(name) + "." + std::to_string(chunk); }

// The plan that a file was laid out by. Throws CorruptFile.
HammingPlan plan_of(const SegmentFile& file, unsigned bits) {
    const std::uint64_t chunks = file.number("chunks");
    if (chunks < 1 || !HammingPlan::can_have(bits, chunks)) file.fail("section chunks is damaged");
    return HammingPlan(bits, static_cast<unsigned>(chunks));
}

}  // namespace

HammingSegment::HammingSegment(Rows rows, const Options& options)
    : HammingSegment(std::move(rows), options, Bits()) {}

HammingSegment::HammingSegment(Rows rows, const Options& options, Bits in_group)
    : rows_(std::move(rows)),
      options_(options),
      costs_(measure_costs(rows_.records.data(), rows_.words, rows_.size())),
      groups_(rows_, in_group),
      plan_(HammingPlan::choose(rows_.words * 64, in_tables(), rows_.size(), options.radius, costs_)) {
    for (std::size_t i = 0; i < plan_.size() && plan_.size() > 1; ++i) {
        interruption_point();
        tables_.push_back(build(i, in_group));
    }
    sample_levels();
    weigh();
}

HammingSegment::HammingSegment(const SegmentFile& file)
    : rows_(file),
      options_{static_cast<unsigned>(file.number("radius"))},
      costs_(kTypicalCosts),
      groups_(file),
      plan_(plan_of(file, rows_.words * 64)) {
    if (groups_.rows() > rows_.size() || options_.radius > rows_.words * 64) file.fail("its numbers are damaged");
    for (std::size_t i = 0; i < plan_.size() && plan_.size() > 1; ++i) {
        const std::size_t buckets = std::size_t{1} << plan_.chunk(i).width;
        tables_.push_back(Table{file.array<std::uint32_t>(section("offsets", i), buckets + 1),
                                file.array<std::uint16_t>(section("sketches", i), in_tables()),
                                file.array<std::uint32_t>(section("rows", i), in_tables())});
    }
    typical_ = file.verified<double>("levels");
    const auto possible = [&](double entries) { return entries >= 0 && entries <= static_cast<double>(in_tables()); };
    if (typical_.size() != kLevels * tables_.size() ||
        !std::all_of(typical_.data(), typical_.data() + typical_.size(), possible)) {
        file.fail("section levels is damaged");
    }
    weigh();
}

void HammingSegment::store(Sections& out) const {
    rows_.store(out);
    out.add("radius", std::uint64_t{options_.radius});
    out.add("chunks", std::uint64_t{plan_.size()});
    groups_.store(out);
    out.add("levels", typical_);
    for (std::size_t i = 0; i < tables_.size(); ++i) {
        out.add(section("offsets", i), tables_[i].offsets);
        out.add(section("sketches", i), tables_[i].sketches);
        out.add(section("rows", i), tables_[i].rows);
    }
}

void HammingSegment::sample_levels() {
    typical_ = Array<double>(kLevels * tables_.size());
    if (tables_.empty() || in_tables() == 0) return;
    const std::size_t wanted = std::clamp(in_tables() / kSampledOf, kLeastSampled, kMostSampled);
    const std::size_t step = std::max<std::size_t>(1, in_tables() / wanted);
    std::size_t sampled = 0;
    // The first table's entries are in the order of that chunk's values, so that the sample is spread over these.
    for (std::size_t at = step / 2; at < in_tables(); at += step, ++sampled) {
        const std::uint64_t* code = rows_.record(tables_[0].rows[at]);
        for (std::size_t i = 0; i < tables_.size(); ++i) {
            const std::uint32_t value = chunk_value(code, plan_.chunk(i));
            const Array<std::uint32_t>& offsets = tables_[i].offsets;
            for (int flips = 0; flips < static_cast<int>(kLevels); ++flips) {
                const std::uint32_t* mask = plan_.masks(i) + plan_.masks_within(i, flips - 1);
                const std::uint32_t* end = plan_.masks(i) + plan_.masks_within(i, flips);
                std::size_t entries = 0;
                for (; mask != end; ++mask) entries += offsets[(value ^ *mask) + 1] - offsets[value ^ *mask];
                typical_[kLevels * i + static_cast<std::size_t>(flips)] += static_cast<double>(entries);
            }
        }
    }
    const double most = static_cast<double>(in_tables());
    for (std::size_t i = 0; i < tables_.size(); ++i) {
        for (int flips = 0; flips < static_cast<int>(kLevels); ++flips) {
            double& entries = typical_[kLevels * i + static_cast<std::size_t>(flips)];
            // A code is its own neighbour, and no news.
            const double others = entries / static_cast<double>(sampled) - (flips == 0 ? 1 : 0);
            entries = std::min(most, std::max(others, plan_.buckets(i, flips) * plan_.load(i, in_tables())));
        }
    }
}

void HammingSegment::weigh() {
    scan_cost_ = scan_cost(rows_.words * 64, rows_.size(), costs_);
    if (tables_.empty()) return;
    const std::vector<double> entries(typical_.data(), typical_.data() + typical_.size());
    std::vector<double> costs(entries.size());
    for (std::size_t i = 0; i < tables_.size(); ++i) {
        for (int flips = 0; flips < static_cast<int>(kLevels); ++flips) {
            const std::size_t level = kLevels * i + static_cast<std::size_t>(flips);
            costs[level] = plan_.level_cost(i, flips, entries[level], entries, in_tables(), costs_);
        }
    }
    std::vector<int> thresholds;
    for (unsigned radius = 0; plan_.allocate(radius, costs, thresholds) < scan_cost_; ++radius) {
        thresholds_.push_back(thresholds);
    }
}

// A counting sort: stable, so that the rows of a bucket are in the order of their ids.
HammingSegment::Table HammingSegment::build(std::size_t i, const Bits& in_group) const {
    const Chunk chunk = plan_.chunk(i);
    const std::size_t buckets = std::size_t{1} << chunk.width;
    Table table{Array<std::uint32_t>(buckets + 1), Array<std::uint16_t>(in_tables(), kReadAhead),
                Array<std::uint32_t>(in_tables())};
    const auto for_each = [&](const auto& use) {
        for (std::size_t row = 0; row < rows_.size(); ++row) {
            if (groups_.rows() == 0 || !has_bit(in_group, row)) use(row);
        }
    };
    // While filling, offsets[b] is where the next entry of bucket b goes; it ends as the begin of bucket b + 1.
    for_each([&](std::size_t row) { ++table.offsets[chunk_value(rows_.record(row), chunk)]; });
    std::uint32_t begin = 0;
    for (std::size_t bucket = 0; bucket <= buckets; ++bucket) {
        const std::uint32_t count = table.offsets[bucket];
        table.offsets[bucket] = begin;
        begin += count;
    }
    for_each([&](std::size_t row) {
        const std::uint64_t* code = rows_.record(row);
        const std::uint32_t at = table.offsets[chunk_value(code, chunk)]++;
        table.rows[at] = static_cast<std::uint32_t>(row);
        table.sketches[at] = plan_.sketch(code, i);
    });
    for (std::size_t bucket = buckets; bucket > 0; --bucket) table.offsets[bucket] = table.offsets[bucket - 1];
    table.offsets[0] = 0;
    return table;
}

std::size_t HammingSegment::bytes() const {
    std::size_t total = rows_.ids.bytes() + rows_.records.bytes() + groups_.bytes();
    for (const Table& table : tables_) total += table.offsets.bytes() + table.sketches.bytes() + table.rows.bytes();
    return total;
}

}  // namespace hashpact

#include "parts/segment.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "store/background.hpp"

namespace hashpact {

namespace {

constexpr std::uint32_t kNumber = (1U << kNumberBits) - 1;
constexpr std::uint32_t kGone = 0xFFFFFFFFU;
constexpr std::uint32_t kWordsAtOnce = 64;

// The postings of a record.
void unpack(const std::uint64_t* record, std::size_t row, std::vector<CellPostings::Posting>& out) {
    const std::size_t count = std::min<std::uint64_t>(record[0], kEntryPoints);
    for (std::size_t i = 0; i < count; ++i) {
        Point point;
        std::memcpy(&point, record + 1 + 2 * i, sizeof point);
        const auto owner = static_cast<std::uint32_t>(row << kNumberBits | i);
        out.push_back({point.signature, point.cell, owner, point.place});
    }
}

CellPostings unpacked(const Rows& rows) {
    std::vector<CellPostings::Posting> all;
    for (std::size_t row = 0; row < rows.size(); ++row) unpack(rows.record(row), row, all);
    return CellPostings(std::move(all));
}

// CellPostings on their way into others: which row each row becomes, or kGone.
struct Moving {
    const CellPostings* postings;
    std::vector<std::uint32_t> rows;

    std::uint32_t owner(std::uint32_t at) const {
        const std::uint32_t before = postings->owners()[at];
        if (before >> kNumberBits >= rows.size()) throw DamagedSection("section points.owners is damaged");
        const std::uint32_t row = rows[before >> kNumberBits];
        return row == kGone ? kGone : row << kNumberBits | (before & kNumber);
    }

    void gather(std::uint32_t cell, std::vector<CellPostings::Posting>& out) const {
        const CellPostings::Range range = postings->of(cell);
        for (std::uint32_t at = range.begin; at < range.end; ++at) {
            const std::uint32_t to = owner(at);
            if (to != kGone) out.push_back({postings->signatures()[at], cell, to, postings->places()[at]});
        }
    }
};

CellPostings merged(const std::vector<Moving>& all) {
    std::size_t size = 0;
    for (const Moving& each : all) {
        for (std::uint32_t at = 0; at < each.postings->size(); ++at) size += each.owner(at) != kGone ? 1 : 0;
        interruption_point();
    }
    CellPostingsWriter writer(size);
    std::size_t left = size;
    std::vector<CellPostings::Posting> cell;
    for (std::uint32_t word = 0; word < kCells / 64; ++word) {
        if (word % kWordsAtOnce == 0) interruption_point();
        std::uint64_t occupied = 0;
        for (const Moving& each : all) occupied |= each.postings->occupied(word);
        for (; occupied != 0; occupied &= occupied - 1) {
            const std::uint32_t number = word * 64 + static_cast<std::uint32_t>(__builtin_ctzll(occupied));
            cell.clear();
            for (const Moving& each : all) each.gather(number, cell);
            std::sort(cell.begin(), cell.end(), [](const auto& a, const auto& b) { return a.owner < b.owner; });
            if (cell.size() > left) throw DamagedSection("the sections about cells are damaged");
            left -= cell.size();
            for (const CellPostings::Posting& posting : cell) writer.add(posting);
        }
    }
    if (left != 0) throw DamagedSection("the sections about cells are damaged");
    return writer.finish();
}

}  // namespace

PartsSegment::PartsSegment(RowIds rows, CellPostings postings)
    : rows_(std::move(rows)), postings_(std::move(postings)) {}

PartsSegment::PartsSegment(const Rows& rows, const Options& /*options*/)
    : rows_(rows.size(), rows.words), postings_(unpacked(rows)) {
    std::copy_n(rows.ids.data(), rows.size(), rows_.ids.data());
}

PartsSegment::PartsSegment(const SegmentFile& file) : rows_(file, kPartsWords), postings_(file) {
    if (rows_.size() > kMaxPartsRows) file.fail("its header is damaged");
}

void PartsSegment::store(Sections& out) const {
    rows_.store(out);
    postings_.store(out);
}

void PartsSegment::search(const PartsQuery& query, const Tombstones& tombstones, PartsFound& found) const {
    if (rows_.size() != 0) search_cells(postings_, rows_, tombstones, query, found);
}

void PartsDelta::search(const PartsQuery& query, PartsFound& found) const {
    const std::size_t rows = size();
    if (rows == 0) return;
    std::vector<CellPostings::Posting> all;
    for (std::size_t row = 0; row < rows; ++row) {
        if (!tombstones().has(row)) unpack(record(row), row, all);
    }
    RowIds ids(rows, words());
    for (std::size_t row = 0; row < rows; ++row) ids.ids[row] = id(row);
    search_cells(CellPostings(std::move(all)), ids, tombstones(), query, found);
}

std::shared_ptr<Layer<PartsSegment>> Gathering<PartsSegment>::build(const PartsSegment::Options& /*options*/) {
    struct Row {
        std::uint64_t id;
        std::uint32_t* becomes;
    };
    std::vector<Moving> moving(sources_.size() + 1);
    std::vector<Row> rows;
    std::vector<CellPostings::Posting> loose;
    moving.back().rows.assign(records_.size(), kGone);
    for (std::size_t row = 0; row < records_.size(); ++row) {
        unpack(records_[row].words, row, loose);
        rows.push_back({records_[row].id, &moving.back().rows[row]});
    }
    const CellPostings fresh(std::move(loose));
    moving.back().postings = &fresh;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
        const PartsSegment& segment = sources_[i]->layer->segment;
        moving[i].postings = &segment.postings();
        moving[i].rows.assign(segment.rows().size(), kGone);
        for (std::size_t row = 0; row < segment.rows().size(); ++row) {
            if (has_bit(sources_[i]->withdrawn, row)) continue;
            rows.push_back({segment.rows().ids[row], &moving[i].rows[row]});
        }
        interruption_point();
    }
    if (rows.empty()) return nullptr;
    if (rows.size() > kMaxPartsRows) throw std::length_error("a segment of parts holds at most 2^25 rows");
    std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.id < b.id; });
    RowIds ids(rows.size(), kPartsWords);
    for (std::size_t row = 0; row < rows.size(); ++row) {
        ids.ids[row] = rows[row].id;
        *rows[row].becomes = static_cast<std::uint32_t>(row);
    }
    return std::make_shared<Layer<PartsSegment>>(PartsSegment(std::move(ids), merged(moving)));
}

}  // namespace hashpact

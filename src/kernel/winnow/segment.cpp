#include "winnow/segment.hpp"

#include <numeric>
#include <utility>

#include "store/background.hpp"
#include "winnow/fingerprint.hpp"

namespace hashpact {

namespace {
constexpr std::size_t kRowsAtOnce = std::size_t{1} << 16;
}  // namespace

Array<std::uint32_t> marks_of(const std::uint64_t* records, std::size_t rows) {
    Array<std::uint32_t> marks(rows);
    for (std::size_t row = 0; row < rows; ++row) {
        if (row % kRowsAtOnce == 0) interruption_point();
        const std::uint64_t* record = records + row * kWinnowWords;
        std::uint64_t hash = 0;
        for (unsigned word = 0; word < kWinnowWords; ++word) hash = (hash ^ record[word]) * 0x9E3779B97F4A7C15U;
        marks[row] = static_cast<std::uint32_t>(hash >> 40 << 8 | WinnowValues(record).size);
    }
    return marks;
}

std::shared_ptr<const WinnowDelta::Indexed> WinnowDelta::indexed() const {
    const std::lock_guard<std::mutex> lock(indexing_);
    const std::size_t rows = size();
    if (indexed_ == nullptr || indexed_->rows != rows) {
        std::vector<std::uint32_t> all(rows);
        std::iota(all.begin(), all.end(), 0U);
        indexed_ = std::make_shared<const Indexed>(Indexed{rows, Postings(records(), all), marks_of(records(), rows)});
    }
    return indexed_;
}

WinnowSegment::WinnowSegment(Rows rows, const Options& /*options*/)
    : WinnowSegment(std::move(rows), std::vector<std::uint32_t>()) {}

WinnowSegment::WinnowSegment(Rows rows, std::vector<std::uint32_t> firsts)
    : rows_(std::move(rows)),
      copies_(rows_, firsts),
      postings_(rows_.records.data(), firsts),
      marks_(marks_of(rows_.records.data(), rows_.size())) {}

WinnowSegment::WinnowSegment(const SegmentFile& file)
    : rows_(checked(file)),
      copies_(file),
      postings_(file),
      marks_(file.array<std::uint32_t>("marks", rows_.size())) {}

const SegmentFile& WinnowSegment::checked(const SegmentFile& file) {
    if (file.header().width != kWinnowWords * sizeof(std::uint64_t)) file.fail("it holds no winnowed texts");
    return file;
}

void WinnowSegment::store(Sections& out) const {
    rows_.store(out);
    copies_.store(out);
    postings_.store(out);
    out.add("marks", marks_);
}

std::size_t WinnowSegment::bytes() const {
    return rows_.ids.bytes() + rows_.records.bytes() + copies_.bytes() + postings_.bytes() + marks_.bytes();
}

}  // namespace hashpact

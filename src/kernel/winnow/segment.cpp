#include "winnow/segment.hpp"

#include <numeric>
#include <utility>

#include "winnow/fingerprint.hpp"

namespace hashpact {

std::shared_ptr<const WinnowDelta::Indexed> WinnowDelta::indexed() const {
    const std::lock_guard<std::mutex> lock(indexing_);
    const std::size_t rows = size();
    if (indexed_ == nullptr || indexed_->rows != rows) {
        std::vector<std::uint32_t> all(rows);
        std::iota(all.begin(), all.end(), 0U);
        indexed_ = std::make_shared<const Indexed>(Indexed{rows, Postings(records(), all)});
    }
    return indexed_;
}

WinnowSegment::WinnowSegment(Rows rows, const Options& /*options*/)
    : WinnowSegment(std::move(rows), std::vector<std::uint32_t>()) {}

WinnowSegment::WinnowSegment(Rows rows, std::vector<std::uint32_t> firsts)
    : rows_(std::move(rows)),
      copies_(rows_, firsts),
      postings_(rows_.records.data(), firsts),
      sizes_(rows_.size()) {
    for (std::size_t row = 0; row < rows_.size(); ++row) {
        sizes_[row] = static_cast<std::uint8_t>(WinnowValues(rows_.record(row)).size);
    }
}

WinnowSegment::WinnowSegment(const SegmentFile& file)
    : rows_(checked(file)), copies_(file), postings_(file), sizes_(file.array<std::uint8_t>("sizes", rows_.size())) {}

const SegmentFile& WinnowSegment::checked(const SegmentFile& file) {
    if (file.header().width != kWinnowWords * sizeof(std::uint64_t)) file.fail("it holds no winnowed texts");
    return file;
}

void WinnowSegment::store(Sections& out) const {
    rows_.store(out);
    copies_.store(out);
    postings_.store(out);
    out.add("sizes", sizes_);
}

std::size_t WinnowSegment::bytes() const {
    return rows_.ids.bytes() + rows_.records.bytes() + copies_.bytes() + postings_.bytes() + sizes_.bytes();
}

}  // namespace hashpact

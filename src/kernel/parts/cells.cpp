#include "parts/cells.hpp"

#include <algorithm>
#include <utility>

namespace hashpact {

namespace {

constexpr std::size_t kWords = kCells / 64;

bool before(const CellPostings::Posting& a, const CellPostings::Posting& b) {
    return a.cell != b.cell ? a.cell < b.cell : a.owner < b.owner;
}

}  // namespace

CellPostings::CellPostings(Room /*room*/, std::size_t size)
    : bits_(kWords), ranks_(kWords), signatures_(size, kSectionPadding), owners_(size), places_(size) {}

CellPostings::CellPostings(std::vector<Posting> all) {
    std::sort(all.begin(), all.end(), before);
    CellPostingsWriter writer(all.size());
    for (const Posting& posting : all) writer.add(posting);
    *this = writer.finish();
}

CellPostings::CellPostings(const SegmentFile& file) {
    const std::uint64_t cells = file.number("cells");
    const std::uint64_t points = file.number("points");
    if (file.number("words") != kWordsVersion) file.fail("it is for other visual words");
    if (cells > kCells || points >> 32 != 0) file.fail("its numbers contradict one another");
    bits_ = file.array<std::uint64_t>("cells.bits", kWords);
    ranks_ = file.array<std::uint32_t>("cells.ranks", kWords);
    begins_ = file.array<std::uint32_t>("cells.begins", cells + 1);
    signatures_ = file.array<std::uint64_t>("points.signatures", points);
    owners_ = file.array<std::uint32_t>("points.owners", points);
    places_ = file.array<std::uint32_t>("points.places", points);
}

void CellPostings::store(Sections& out) const {
    out.add("words", std::uint64_t{kWordsVersion});
    out.add("cells", std::uint64_t{cells()});
    out.add("points", std::uint64_t{size()});
    out.add("cells.bits", bits_);
    out.add("cells.ranks", ranks_);
    out.add("cells.begins", begins_);
    out.add("points.signatures", signatures_);
    out.add("points.owners", owners_);
    out.add("points.places", places_);
}

std::size_t CellPostings::bytes() const {
    return bits_.bytes() + ranks_.bytes() + begins_.bytes() + signatures_.bytes() + owners_.bytes() + places_.bytes();
}

void CellPostings::damaged() { throw DamagedSection("the sections about cells are damaged"); }

void CellPostingsWriter::add(const CellPostings::Posting& posting) {
    if (posting.cell != cell_) {
        cell_ = posting.cell;
        made_.bits_[cell_ / 64] |= std::uint64_t{1} << cell_ % 64;
        begins_.push_back(next_);
    }
    made_.signatures_[next_] = posting.signature;
    made_.owners_[next_] = posting.owner;
    made_.places_[next_] = posting.place;
    ++next_;
}

CellPostings CellPostingsWriter::finish() {
    begins_.push_back(next_);
    made_.begins_ = Array<std::uint32_t>(begins_.size());
    std::copy(begins_.begin(), begins_.end(), made_.begins_.data());
    std::uint32_t rank = 0;
    for (std::size_t i = 0; i < kWords; ++i) {
        made_.ranks_[i] = rank;
        rank += static_cast<std::uint32_t>(__builtin_popcountll(made_.bits_[i]));
    }
    return std::move(made_);
}

}  // namespace hashpact

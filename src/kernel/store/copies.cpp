#include "store/copies.hpp"

#include <algorithm>
#include <utility>

#include "store/background.hpp"

namespace hashpact {

namespace {

constexpr std::size_t kRowsAtOnce = std::size_t{1} << 16;

// A row with a hash of its record, so that most comparisons read no record.
struct Hashed {
    std::uint64_t hash;
    std::uint32_t row;
};

std::vector<Hashed> hashed(const Rows& rows) {
    std::vector<Hashed> all(rows.size());
    for (std::size_t row = 0; row < rows.size(); ++row) {
        if (row % kRowsAtOnce == 0) interruption_point();
        std::uint64_t hash = 0;
        for (unsigned word = 0; word < rows.words; ++word) {
            hash = (hash ^ rows.record(row)[word]) * 0x9E3779B97F4A7C15U;
            hash ^= hash >> 32;
        }
        all[row] = {hash, static_cast<std::uint32_t>(row)};
    }
    return all;
}

Array<std::uint32_t> kept(const std::vector<std::uint32_t>& values) {
    Array<std::uint32_t> array(values.size());
    std::copy(values.begin(), values.end(), array.data());
    return array;
}

}  // namespace

Copies::Copies(const Rows& rows, std::vector<std::uint32_t>& firsts) : rows_(rows.size()) {
    const auto record = [&](const Hashed& each) { return rows.record(each.row); };
    const auto same = [&](const Hashed& a, const Hashed& b) {
        return a.hash == b.hash && std::equal(record(a), record(a) + rows.words, record(b));
    };
    std::vector<Hashed> sorted = hashed(rows);
    std::sort(sorted.begin(), sorted.end(), [&](const Hashed& a, const Hashed& b) {
        if (a.hash != b.hash) return a.hash < b.hash;
        if (same(a, b)) return a.row < b.row;
        return std::lexicographical_compare(record(a), record(a) + rows.words, record(b), record(b) + rows.words);
    });
    interruption_point();
    firsts.clear();
    std::vector<std::pair<std::uint32_t, std::uint32_t>> copies;  // of, row
    for (std::size_t i = 0, first = 0; i < sorted.size(); ++i) {
        if (i == 0 || !same(sorted[first], sorted[i])) {
            first = i;
            firsts.push_back(sorted[i].row);
        } else {
            copies.emplace_back(sorted[first].row, sorted[i].row);
        }
    }
    std::sort(firsts.begin(), firsts.end());
    std::sort(copies.begin(), copies.end());
    std::vector<std::uint32_t> originals;
    std::vector<std::uint32_t> begins;
    copies_ = Array<std::uint32_t>(copies.size());
    for (std::size_t i = 0; i < copies.size(); ++i) {
        if (originals.empty() || originals.back() != copies[i].first) {
            originals.push_back(copies[i].first);
            begins.push_back(static_cast<std::uint32_t>(i));
        }
        copies_[i] = copies[i].second;
    }
    begins.push_back(static_cast<std::uint32_t>(copies.size()));
    originals_ = kept(originals);
    begins_ = kept(begins);
}

Copies::Copies(const SegmentFile& file) : rows_(file.header().rows) {
    const std::uint64_t originals = file.number("originals");
    const std::uint64_t copies = file.number("copies");
    if (originals > copies || copies > rows_) file.fail("its numbers contradict one another");
    originals_ = file.array<std::uint32_t>("copies.of", originals);
    begins_ = file.array<std::uint32_t>("copies.begins", originals + 1);
    copies_ = file.array<std::uint32_t>("copies.rows", copies);
}

void Copies::store(Sections& out) const {
    out.add("originals", std::uint64_t{originals_.size()});
    out.add("copies", std::uint64_t{copies_.size()});
    out.add("copies.of", originals_);
    out.add("copies.begins", begins_);
    out.add("copies.rows", copies_);
}

std::size_t Copies::find(std::uint32_t original) const {
    const std::uint32_t* end = originals_.data() + originals_.size();
    const std::uint32_t* at = std::lower_bound(originals_.data(), end, original);
    return static_cast<std::size_t>((at != end && *at == original ? at : end) - originals_.data());
}

void Copies::damaged() { throw DamagedSection("the sections about copies are damaged"); }

}  // namespace hashpact

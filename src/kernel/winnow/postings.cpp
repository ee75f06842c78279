#include "winnow/postings.hpp"

#include <algorithm>

#include "store/background.hpp"
#include "store/rows.hpp"
#include "winnow/fingerprint.hpp"

namespace hashpact {

namespace {

constexpr std::size_t kRowsAtOnce = std::size_t{1} << 14;
constexpr std::size_t kSharesAtOnce = std::size_t{1} << 16;

// Calls `use(hash, row)` for each posting, in the order of rows.
template <class Use>
void each(const std::uint64_t* records, const std::vector<std::uint32_t>& rows, const Use& use) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (i % kRowsAtOnce == 0) interruption_point();
        for (const std::uint32_t hash : WinnowValues(records + std::size_t{rows[i]} * kWinnowWords)) use(hash, rows[i]);
    }
}

}  // namespace

Postings::Postings(const std::uint64_t* records, const std::vector<std::uint32_t>& rows) : shares_(1) {
    std::size_t postings = 0;
    each(records, rows, [&](std::uint32_t, std::uint32_t) { ++postings; });
    shares_ = shares_for(postings);
    begins_ = Array<std::uint64_t>(shares_ + 1);
    hashes_ = Array<std::uint32_t>(postings);
    rows_ = Array<std::uint32_t>(postings);

    // Each share begins where the one before ends; filling it moves its begin to its end.
    each(records, rows, [&](std::uint32_t hash, std::uint32_t) { ++begins_[share(mixed(hash))]; });
    std::uint64_t begin = 0;
    for (std::size_t i = 0; i <= shares_; ++i) {
        const std::uint64_t size = begins_[i];
        begins_[i] = begin;
        begin += size;
    }
    each(records, rows, [&](std::uint32_t hash, std::uint32_t row) {
        const std::uint64_t place = begins_[share(mixed(hash))]++;
        hashes_[place] = mixed(hash);
        rows_[place] = row;
    });
    for (std::size_t i = shares_; i > 0; --i) begins_[i] = begins_[i - 1];
    begins_[0] = 0;

    std::vector<std::uint64_t> sorted;
    for (std::size_t i = 0; i < shares_; ++i) {
        if (i % kSharesAtOnce == 0) interruption_point();
        sorted.clear();
        for (std::uint64_t k = begins_[i]; k < begins_[i + 1]; ++k) {
            sorted.push_back(std::uint64_t{hashes_[k]} << 32 | rows_[k]);
        }
        std::sort(sorted.begin(), sorted.end());
        for (std::size_t k = 0; k < sorted.size(); ++k) {
            hashes_[begins_[i] + k] = static_cast<std::uint32_t>(sorted[k] >> 32);
            rows_[begins_[i] + k] = static_cast<std::uint32_t>(sorted[k]);
        }
    }
}

Postings::Postings(const SegmentFile& file) : shares_(1) {
    const std::uint64_t postings = file.number("postings");
    if (postings > kMaxRows * kEntryHashes) file.fail("its numbers contradict one another");
    shares_ = shares_for(postings);
    begins_ = file.array<std::uint64_t>("postings.begins", shares_ + 1);
    hashes_ = file.array<std::uint32_t>("postings.hashes", postings);
    rows_ = file.array<std::uint32_t>("postings.rows", postings);
}

void Postings::store(Sections& out) const {
    out.add("postings", std::uint64_t{rows_.size()});
    out.add("postings.begins", begins_);
    out.add("postings.hashes", hashes_);
    out.add("postings.rows", rows_);
}

void Postings::expect_hash(std::uint32_t hash) const {
    const std::uint64_t begin = begins_[share(mixed(hash))];
    if (begin < hashes_.size()) __builtin_prefetch(hashes_.data() + begin);
}

Postings::Range Postings::find(std::uint32_t hash) const {
    const std::uint32_t wanted = mixed(hash);
    const std::size_t at = share(wanted);
    const std::uint64_t begin = begins_[at];
    const std::uint64_t end = begins_[at + 1];
    if (begin > end || end > hashes_.size()) throw DamagedSection("section postings.begins is damaged");
    const std::uint32_t* hashes = hashes_.data();
    const std::uint32_t* first = std::lower_bound(hashes + begin, hashes + end, wanted);
    const std::uint32_t* last = first;
    if (first != hashes + end && *first == wanted) last = std::upper_bound(first, hashes + end, wanted);
    return {static_cast<std::size_t>(first - hashes), static_cast<std::size_t>(last - hashes)};
}

}  // namespace hashpact

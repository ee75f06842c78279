#include "parts/search.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "isa/cpu.hpp"

namespace hashpact {

namespace {

// CellPostings are compared in pieces, whose results fit into a core's own cache.
constexpr std::uint32_t kPiece = 1024;

// A keypoint of the query that is like one of an entry.
struct Alike {
    std::uint32_t owner;
    std::uint32_t place;
    std::uint16_t asked;
    std::uint16_t distance;

    std::uint32_t row() const { return owner >> kNumberBits; }
};

// By entry, and then the best first.
bool operator<(const Alike& a, const Alike& b) {
    if (a.row() != b.row()) return a.row() < b.row();
    if (a.distance != b.distance) return a.distance < b.distance;
    return a.asked != b.asked ? a.asked < b.asked : a.owner < b.owner;
}

class Search {
  public:
    Search(const CellPostings& postings, const RowIds& rows, const Tombstones& tombstones, const PartsQuery& query,
           PartsFound& found)
        : postings_(postings), rows_(rows), tombstones_(tombstones), query_(query), found_(found) {}

    void run() {
        for (std::size_t asked = 0; asked < query_.asked().size(); ++asked) look_up(asked);
        keep_frequent();
        std::sort(alike_.begin(), alike_.end());
        elect_each();
    }

  private:
    // An entry's votes among alike_.
    struct Candidate {
        std::size_t begin;
        std::size_t size;
    };

    // Compares the postings of the cells near a keypoint, the nearest first.
    void look_up(std::size_t asked) {
        const PartsQuery::Asked& point = query_.asked()[asked];
        std::array<CellPostings::Range, kProbes> ranges;
        for (std::size_t i = 0; i < kProbes; ++i) {
            ranges[i] = postings_.of(point.cells[i]);
            if (ranges[i].begin != ranges[i].end) __builtin_prefetch(postings_.signatures() + ranges[i].begin);
        }
        PartsFound::Left& left = found_.left(asked);
        for (const CellPostings::Range& range : ranges) {
            for (std::uint32_t begin = range.begin; begin < range.end; begin += kPiece) {
                const std::uint32_t count = std::min({range.end - begin, kPiece, left.compared});
                left.compared -= count;
                compare(asked, begin, count, left);
                if (left.compared == 0 || left.alike == 0) {
                    found_.truncated = true;
                    return;
                }
            }
        }
    }

    void compare(std::size_t asked, std::uint32_t begin, std::uint32_t count, PartsFound::Left& left) {
        const std::uint64_t* signatures = postings_.signatures() + begin;
        const std::uint64_t* query = &query_.asked()[asked].signature;
        const std::size_t near =
            kernels().scan(signatures, 1, count, query, kSignatureRadius, near_.data(), distances_.data());
        for (std::size_t i = 0; i < near && left.alike != 0; ++i) {
            const std::uint32_t at = begin + near_[i];
            const std::uint32_t owner = postings_.owners()[at];
            if (owner >> kNumberBits >= rows_.size()) throw DamagedSection("section points.owners is damaged");
            if (tombstones_.has(owner >> kNumberBits)) continue;
            --left.alike;
            alike_.push_back({owner, postings_.places()[at], static_cast<std::uint16_t>(asked), distances_[i]});
        }
    }

    // Leaves the entries that have enough votes: by far the most have one or two.
    void keep_frequent() {
        thread_local std::vector<std::uint8_t> counts;
        if (counts.size() < rows_.size()) counts.resize(rows_.size());
        for (const Alike& each : alike_) {
            std::uint8_t& count = counts[each.row()];
            count = static_cast<std::uint8_t>(count + (count != 0xFF ? 1 : 0));
        }
        const unsigned enough = std::min(found_.points(), 0xFFU);
        const auto rare = [&](const Alike& each) { return counts[each.row()] < enough; };
        const auto end = std::partition(alike_.begin(), alike_.end(), [&](const Alike& each) { return !rare(each); });
        for (const Alike& each : alike_) counts[each.row()] = 0;
        alike_.erase(end, alike_.end());
    }

    // An election for each entry, those with the most votes first.
    void elect_each() {
        std::vector<Candidate> candidates;
        for (std::size_t begin = 0, end = 0; begin < alike_.size(); begin = end) {
            while (end < alike_.size() && alike_[end].row() == alike_[begin].row()) ++end;
            candidates.push_back({begin, std::min(end - begin, kMostVotesEach)});
        }
        const auto more = [](const Candidate& a, const Candidate& b) {
            return a.size != b.size ? a.size > b.size : a.begin < b.begin;
        };
        std::sort(candidates.begin(), candidates.end(), more);
        std::vector<Vote> votes;
        for (const Candidate& candidate : candidates) {
            if (candidate.size > found_.votes_left) {
                found_.truncated = true;
                return;
            }
            found_.votes_left -= candidate.size;
            votes.clear();
            for (std::size_t i = 0; i < candidate.size; ++i) {
                const Alike& each = alike_[candidate.begin + i];
                const PartsQuery::Asked& asked = query_.asked()[each.asked];
                votes.push_back({asked.place, place_of(each.place), asked.at, each.place >> 12});
            }
            found_.add(rows_.ids[alike_[candidate.begin].row()], elect(votes));
        }
    }

    const CellPostings& postings_;
    const RowIds& rows_;
    const Tombstones& tombstones_;
    const PartsQuery& query_;
    PartsFound& found_;
    std::vector<Alike> alike_;
    std::array<std::uint32_t, kPiece> near_;
    std::array<std::uint16_t, kPiece> distances_;
};

}  // namespace

PartsQuery::PartsQuery(const unsigned char* units, std::size_t count) {
    if (count > kQueryPoints) throw std::invalid_argument("a query has at most 300 keypoints");
    for (std::size_t i = 0; i < count; ++i) {
        const unsigned char* unit = units + i * kUnitBytes;
        std::uint32_t place = 0;
        for (std::size_t k = 0; k < sizeof place; ++k) place = place << 8 | unit[kDescriptorBytes + k];
        asked_.push_back({signature_of(unit), place_of(unit), place, cells_near(unit)});
    }
}

PartsFound::Result PartsFound::take() {
    const auto nearer = [](const PartsHit& a, const PartsHit& b) {
        return a.transform.points != b.transform.points ? a.transform.points > b.transform.points : a.id < b.id;
    };
    std::sort(hits_.begin(), hits_.end(), nearer);
    if (hits_.size() > limit_) hits_.resize(limit_);
    return {std::move(hits_), truncated};
}

void search_cells(const CellPostings& postings, const RowIds& rows, const Tombstones& tombstones,
                     const PartsQuery& query, PartsFound& found) {
    Search(postings, rows, tombstones, query, found).run();
}

}  // namespace hashpact

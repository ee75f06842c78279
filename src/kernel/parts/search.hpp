// A query's keypoints, and the entries for which enough of them vote.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "parts/point.hpp"
#include "parts/cells.hpp"
#include "parts/voting.hpp"
#include "store/rows.hpp"

namespace hashpact {

// Two descriptors are alike if their signatures differ in at most so many of 64 bits: 97 in 100 of the pairs within 28
// of 256 are.
constexpr unsigned kSignatureRadius = 12;

// What one search costs at most: postings that are compared for one keypoint of the query, those among them that are
// alike, and votes that are counted in elections. What is beyond is not looked at, and the answer says so.
constexpr std::uint32_t kMostCompared = std::uint32_t{1} << 18;
constexpr std::uint32_t kMostAlike = std::uint32_t{1} << 11;
constexpr std::size_t kMostVotes = std::size_t{1} << 17;

// The votes for one entry that take part in its election: the best.
constexpr std::size_t kMostVotesEach = 512;

class PartsQuery {
  public:
    struct Asked {
        std::uint64_t signature;
        Place place;
        std::uint32_t at;
        Probes cells;
    };

    // `count` keypoints of kUnitBytes each, at most kQueryPoints.
    PartsQuery(const unsigned char* units, std::size_t count);

    const std::vector<Asked>& asked() const { return asked_; }

  private:
    std::vector<Asked> asked_;
};

struct PartsHit {
    std::uint64_t id;
    Transform transform;
};

// What a search finds, and what it has left to spend.
class PartsFound {
  public:
    struct Result {
        std::vector<PartsHit> hits;  // most points first, equal ones in the order of ids
        bool truncated;
    };

    // Hits of at least `points` keypoints, at most `limit`.
    PartsFound(unsigned points, std::size_t limit) : points_(points), limit_(limit) {}

    unsigned points() const { return points_; }

    void add(std::uint64_t id, const Transform& transform) {
        if (transform.points >= points_) hits_.push_back({id, transform});
    }

    Result take();

    // What is left for one keypoint of the query; and for elections.
    struct Left {
        std::uint32_t compared = kMostCompared;
        std::uint32_t alike = kMostAlike;
    };
    Left& left(std::size_t asked) {
        if (asked >= left_.size()) left_.resize(kQueryPoints);
        return left_[asked];
    }
    std::size_t votes_left = kMostVotes;
    bool truncated = false;

  private:
    unsigned points_;
    std::size_t limit_;
    std::vector<PartsHit> hits_;
    std::vector<Left> left_;
};

// Gives `found` the entries of these postings that have no tombstone.
void search_cells(const CellPostings& postings, const RowIds& rows, const Tombstones& tombstones,
                     const PartsQuery& query, PartsFound& found);

}  // namespace hashpact

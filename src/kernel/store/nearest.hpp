// The nearest hits of one search, and the radius that still matters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hashpact {

struct Hit {
    std::uint32_t distance;
    std::uint64_t id;
};

inline bool operator<(const Hit& a, const Hit& b) {
    return a.distance != b.distance ? a.distance < b.distance : a.id < b.id;
}

constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1);

class Nearest {
  public:
    // Keeps at most `limit` hits within `radius` (inclusive).
    Nearest(unsigned radius, std::size_t limit);

    // What is further than this can no longer be among the nearest. It never grows.
    unsigned radius() const { return radius_; }

    std::size_t limit() const { return limit_; }

    // Each id at most once.
    void add(std::uint64_t id, unsigned distance) {
        if (distance > radius_) return;
        hits_.push_back(Hit{distance, id});
        if (hits_.size() >= full_) shrink();
    }

    // Brings the radius up to date with the hits so far, which `add` does now and then.
    void tighten() {
        if (hits_.size() >= limit_) shrink();
    }

    // The hits, nearest first, equal distances in the order of ids. Ends the collection.
    std::vector<Hit> take();

  private:
    void shrink();

    unsigned radius_;
    std::size_t limit_;
    std::size_t full_;
    std::vector<Hit> hits_;
};

}  // namespace hashpact

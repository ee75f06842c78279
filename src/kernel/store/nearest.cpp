#include "store/nearest.hpp"

#include <algorithm>

namespace hashpact {

namespace {
// Hits above the limit are dropped in batches, so that a hit costs constant time on average.
constexpr std::size_t kSlack = 64;
}  // namespace

Nearest::Nearest(unsigned radius, std::size_t limit)
    : radius_(radius), limit_(limit), full_(limit > kNoLimit / 2 - kSlack ? kNoLimit : 2 * limit + kSlack) {}

void Nearest::shrink() {
    const auto last = hits_.begin() + static_cast<std::ptrdiff_t>(limit_);
    std::nth_element(hits_.begin(), last, hits_.end());
    hits_.erase(last, hits_.end());
    // A later hit at this same distance may still come before one of these, by its id.
    if (limit_ != 0) radius_ = std::max_element(hits_.begin(), hits_.end())->distance;
}

std::vector<Hit> Nearest::take() {
    if (hits_.size() > limit_) shrink();
    std::sort(hits_.begin(), hits_.end());
    return std::move(hits_);
}

}  // namespace hashpact

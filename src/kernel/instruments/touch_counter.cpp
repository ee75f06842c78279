#include "instruments/touch_counter.hpp"

#include <algorithm>

namespace hashpact {

Touches TouchCounter::counts() {
    std::sort(lines_.begin(), lines_.end());
    lines_.erase(std::unique(lines_.begin(), lines_.end()), lines_.end());
    counts_.lines = lines_.size() + more_lines_;
    return counts_;
}

}  // namespace hashpact

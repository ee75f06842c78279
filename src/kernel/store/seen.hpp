// Which rows a search has met.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hashpact {

// Rows, each noted once: a hash table with open addressing, emptied by counting up what marks its entries.
class Seen {
  public:
    void clear() {
        if (slots_.size() > kKeptSlots) slots_ = std::vector<std::uint64_t>(kFirstSlots);
        if (++mark_ == 0) {
            std::fill(slots_.begin(), slots_.end(), 0);
            mark_ = 1;
        }
        size_ = 0;
    }

    // Whether the row was not there yet.
    bool add(std::uint32_t row) {
        if (2 * size_ >= slots_.size()) grow();
        std::uint64_t* slot = find(row);
        if (*slot >> 32 == mark_) return false;
        *slot = std::uint64_t{mark_} << 32 | row;
        ++size_;
        return true;
    }

  private:
    static constexpr std::size_t kFirstSlots = 256;

    // What a rare large search needed is given back.
    static constexpr std::size_t kKeptSlots = 16384;

    // The row's slot, or the free one where it goes.
    std::uint64_t* find(std::uint32_t row) {
        // Fibonacci hashing (Knuth, The Art of Computer Programming, volume 3, section 6.4).
        std::size_t at = (row * 0x9E3779B97F4A7C15U >> 32) & (slots_.size() - 1);
        while (slots_[at] >> 32 == mark_ && static_cast<std::uint32_t>(slots_[at]) != row) {
            at = (at + 1) & (slots_.size() - 1);
        }
        return &slots_[at];
    }

    void grow() {
        std::vector<std::uint64_t> before(2 * slots_.size());
        slots_.swap(before);
        for (const std::uint64_t slot : before) {
            if (slot >> 32 == mark_) *find(static_cast<std::uint32_t>(slot)) = slot;
        }
    }

    std::vector<std::uint64_t> slots_ = std::vector<std::uint64_t>(kFirstSlots);  // a mark and a row
    std::uint32_t mark_ = 0;
    std::size_t size_ = 0;
};

}  // namespace hashpact

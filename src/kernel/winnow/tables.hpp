// The hash tables of one search.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hashpact {

// A row that has some of the text's hashes.
struct Candidate {
    std::size_t part;
    std::uint32_t row;
    double evidence;  // how rare the hashes are, for each of its own
};

// The rows of one part that have some of the text's hashes: a hash table with open addressing, never more than half
// full.
class Counts {
  public:
    explicit Counts(std::size_t most) {
        while ((std::size_t{1} << bits_) < 2 * most) ++bits_;
        slots_.resize(std::size_t{1} << bits_);
    }

    // Asks for the memory of a row that is to be added soon.
    void expect(std::uint32_t row) const { __builtin_prefetch(&slots_[place(row)], 1); }

    // Adds a hash of that rarity, at most 256. A row has at most 128, so that the sum takes 16 bits.
    void add(std::uint32_t row, std::size_t rarity) {
        std::size_t at = place(row);
        while (slots_[at].counted != 0 && slots_[at].row != row) at = (at + 1) & (slots_.size() - 1);
        slots_[at].row = row;
        slots_[at].counted += kOne + static_cast<std::uint32_t>(rarity);
    }

    // Calls `use(row, hashes, rarity)`.
    template <class Use>
    void each(const Use& use) const {
        for (const Slot& slot : slots_) {
            if (slot.counted != 0) use(slot.row, slot.counted / kOne, slot.counted % kOne);
        }
    }

  private:
    static constexpr std::uint32_t kOne = 1U << 24;

    struct Slot {
        std::uint32_t row = 0;
        std::uint32_t counted = 0;  // how many hashes, and their rarities; 0: free
    };

    std::size_t place(std::uint32_t row) const { return row * 0x9E3779B97F4A7C15U >> (64 - bits_); }

    unsigned bits_ = 1;
    std::vector<Slot> slots_;
};

// Where in a list each of some hashes is: the same kind of table.
class Numbers {
  public:
    static constexpr std::uint32_t kNone = 0xFFFFFFFFU;

    explicit Numbers(std::size_t most) {
        while ((std::size_t{1} << bits_) < 2 * most) ++bits_;
        slots_.resize(std::size_t{1} << bits_, Slot{0, kNone});
    }

    void set(std::uint32_t hash, std::size_t number) { *find(hash) = {hash, static_cast<std::uint32_t>(number)}; }
    std::uint32_t operator[](std::uint32_t hash) { return find(hash)->number; }

  private:
    struct Slot {
        std::uint32_t hash;
        std::uint32_t number;  // kNone: free
    };

    Slot* find(std::uint32_t hash) {
        std::size_t at = hash * 0x9E3779B97F4A7C15U >> (64 - bits_);
        while (slots_[at].number != kNone && slots_[at].hash != hash) at = (at + 1) & (slots_.size() - 1);
        return &slots_[at];
    }

    unsigned bits_ = 1;
    std::vector<Slot> slots_;
};

}  // namespace hashpact

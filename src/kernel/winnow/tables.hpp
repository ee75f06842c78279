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
    std::uint32_t common;  // hashes
    std::uint32_t weight;  // of these
    double bound;          // that its share does not exceed
};

// Candidates by part and row: a hash table with open addressing, never more than half full.
class Candidates {
  public:
    explicit Candidates(std::size_t most) {
        while ((std::size_t{1} << bits_) < 2 * most) ++bits_;
        slots_.resize(std::size_t{1} << bits_);
    }

    void add(std::size_t part, std::uint32_t row, std::uint32_t weight) {
        const std::uint64_t key = (std::uint64_t{part + 1} << 32) | row;
        std::size_t at = key * 0x9E3779B97F4A7C15U >> (64 - bits_);
        while (slots_[at].key != key && slots_[at].key != 0) at = (at + 1) & (slots_.size() - 1);
        slots_[at].key = key;
        slots_[at].weight += weight;
        ++slots_[at].common;
    }

    template <class Use>
    void each(const Use& use) const {
        for (const Slot& slot : slots_) {
            if (slot.key == 0) continue;
            use(Candidate{(slot.key >> 32) - 1, static_cast<std::uint32_t>(slot.key), slot.common, slot.weight, 1.0});
        }
    }

  private:
    struct Slot {
        std::uint64_t key = 0;  // 0: free
        std::uint32_t weight = 0;
        std::uint32_t common = 0;
    };

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

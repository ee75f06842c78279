// The rows of a segment: ids in ascending order, each with its record of `words` 64-bit words.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "memory.hpp"

namespace hashpact {

constexpr std::size_t kNoRow = static_cast<std::size_t>(-1);

// Row numbers are 32 bits in the tables of a segment.
constexpr std::size_t kMaxRows = std::size_t{1} << 31;

struct Rows {
    Rows(std::size_t rows, unsigned record_words) : words(record_words), ids(rows), records(rows * record_words) {}

    std::size_t size() const { return ids.size(); }
    const std::uint64_t* record(std::size_t row) const { return records.data() + row * words; }

    // The row of that id, or kNoRow.
    std::size_t find(std::uint64_t id) const {
        const std::uint64_t* end = ids.data() + ids.size();
        const std::uint64_t* at = std::lower_bound(ids.data(), end, id);
        return at != end && *at == id ? static_cast<std::size_t>(at - ids.data()) : kNoRow;
    }

    unsigned words;
    Array<std::uint64_t> ids;
    Array<std::uint64_t> records;
};

// Which rows of a segment are withdrawn. One thread sets, any number read meanwhile.
class Tombstones {
  public:
    explicit Tombstones(std::size_t rows) : bits_(new std::atomic<std::uint64_t>[(rows + 63) / 64]()) {}

    bool has(std::size_t row) const { return (bits_[row / 64].load(std::memory_order_acquire) >> row % 64 & 1) != 0; }

    void set(std::size_t row) {
        bits_[row / 64].fetch_or(std::uint64_t{1} << row % 64, std::memory_order_release);
        count_.fetch_add(1, std::memory_order_relaxed);
    }

    std::size_t count() const { return count_.load(std::memory_order_relaxed); }

  private:
    std::unique_ptr<std::atomic<std::uint64_t>[]> bits_;
    std::atomic<std::size_t> count_{0};
};

// Rows in the order of their arrival, for a store's newest members: one thread appends, any number read meanwhile.
class Delta {
  public:
    Delta(std::size_t capacity, unsigned words)
        : words_(words), ids_(capacity), records_(capacity * words), tombstones_(capacity) {}

    std::size_t capacity() const { return ids_.size(); }
    unsigned words() const { return words_; }
    std::size_t size() const { return size_.load(std::memory_order_acquire); }
    std::uint64_t id(std::size_t row) const { return ids_[row]; }
    const std::uint64_t* records() const { return records_.data(); }
    const std::uint64_t* record(std::size_t row) const { return records_.data() + row * words_; }
    Tombstones& tombstones() { return tombstones_; }
    const Tombstones& tombstones() const { return tombstones_; }

    // Makes `count` rows readable at once; there must be room for them.
    void append(const std::uint64_t* ids, const std::uint64_t* records, std::size_t count) {
        const std::size_t first = size_.load(std::memory_order_relaxed);
        std::copy_n(ids, count, ids_.data() + first);
        std::copy_n(records, count * words_, records_.data() + first * words_);
        size_.store(first + count, std::memory_order_release);
    }

  private:
    unsigned words_;
    Array<std::uint64_t> ids_;
    Array<std::uint64_t> records_;
    Tombstones tombstones_;
    std::atomic<std::size_t> size_{0};
};

}  // namespace hashpact

// The rows of a segment: ids in ascending order, each with its record of `words` 64-bit words.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "store/memory.hpp"
#include "store/segment_file.hpp"

namespace hashpact {

constexpr std::size_t kNoRow = static_cast<std::size_t>(-1);

// Row numbers are 32 bits in the tables of a segment.
constexpr std::size_t kMaxRows = std::size_t{1} << 31;

// The widest record, in 64-bit words.
constexpr std::size_t kMaxWords = 64;

// Ids in ascending order. What belongs to each is elsewhere; it was added as a record of `words` words.
struct RowIds {
    RowIds(std::size_t rows, unsigned record_words) : words(record_words), ids(rows) {}

    // Those of a file, whose records have so many words. Throws CorruptFile.
    RowIds(const SegmentFile& file, unsigned record_words) : words(record_words) {
        const FileHeader& header = file.header();
        if (header.width != record_words * sizeof(std::uint64_t) || header.rows > kMaxRows) {
            file.fail("its header is damaged");
        }
        ids = file.array<std::uint64_t>("ids", header.rows);
    }

    void store(Sections& out) const { out.add("ids", ids); }

    std::size_t size() const { return ids.size(); }

    // The row of that id, or kNoRow.
    std::size_t find(std::uint64_t id) const {
        const std::uint64_t* end = ids.data() + ids.size();
        const std::uint64_t* at = std::lower_bound(ids.data(), end, id);
        return at != end && *at == id ? static_cast<std::size_t>(at - ids.data()) : kNoRow;
    }

    unsigned words;
    Array<std::uint64_t> ids;
};

struct Rows : RowIds {
    Rows(std::size_t rows, unsigned record_words) : RowIds(rows, record_words), records(rows * record_words) {}

    // Those of a file. Throws CorruptFile.
    explicit Rows(const SegmentFile& file)
        : RowIds(file, words_of(file)), records(file.array<std::uint64_t>("records", file.header().rows * words)) {}

    void store(Sections& out) const {
        RowIds::store(out);
        out.add("records", records);
    }

    const std::uint64_t* record(std::size_t row) const { return records.data() + row * words; }

    Array<std::uint64_t> records;

  private:
    static unsigned words_of(const SegmentFile& file) {
        const FileHeader& header = file.header();
        const std::size_t size = header.width / sizeof(std::uint64_t);
        if (header.width % sizeof(std::uint64_t) != 0 || size < 1 || size > kMaxWords) {
            file.fail("its header is damaged");
        }
        return static_cast<unsigned>(size);
    }
};

// A bit for each row.
using Bits = std::vector<std::uint64_t>;

inline bool has_bit(const Bits& bits, std::size_t row) { return (bits[row / 64] >> row % 64 & 1) != 0; }

inline std::size_t count_bits(const Bits& bits) {
    std::size_t count = 0;
    for (const std::uint64_t word : bits) count += static_cast<std::size_t>(__builtin_popcountll(word));
    return count;
}

// Calls `use(row)` for each row that is in `bits` and not in `without`, which are of the same size.
template <class Use>
void for_each_bit(const Bits& bits, const Bits& without, const Use& use) {
    for (std::size_t word = 0; word < bits.size(); ++word) {
        for (std::uint64_t left = bits[word] & ~without[word]; left != 0; left &= left - 1) {
            use(word * 64 + static_cast<std::size_t>(__builtin_ctzll(left)));
        }
    }
}

// Which rows of a segment are withdrawn. One thread sets, any number read meanwhile.
class Tombstones {
  public:
    explicit Tombstones(std::size_t rows)
        : words_((rows + 63) / 64), bits_(new std::atomic<std::uint64_t>[(rows + 63) / 64]()) {}

    bool has(std::size_t row) const { return (bits_[row / 64].load(std::memory_order_acquire) >> row % 64 & 1) != 0; }

    void set(std::size_t row) {
        const std::uint64_t bit = std::uint64_t{1} << row % 64;
        if ((bits_[row / 64].fetch_or(bit, std::memory_order_release) & bit) != 0) return;
        count_.fetch_add(1, std::memory_order_relaxed);
    }

    std::size_t count() const { return count_.load(std::memory_order_relaxed); }

    Bits bits() const {
        Bits copy(words_);
        for (std::size_t word = 0; word < words_; ++word) copy[word] = bits_[word].load(std::memory_order_acquire);
        return copy;
    }

  private:
    std::size_t words_;
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

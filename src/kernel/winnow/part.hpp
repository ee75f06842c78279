// What a search reads: the layers of a store and its delta, in one form, and at a bounded cost.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "store/layers.hpp"
#include "winnow/fingerprint.hpp"
#include "winnow/search.hpp"
#include "winnow/segment.hpp"

namespace hashpact {

// Steps that are left. Once there are too few, it has ended.
class Budget {
  public:
    explicit Budget(std::size_t steps) : left_(steps) {}

    bool spend(std::size_t steps) {
        if (steps > left_) has_ended_ = true;
        if (!has_ended_) left_ -= steps;
        return !has_ended_;
    }
    std::size_t left() const { return left_; }
    bool has_ended() const { return has_ended_; }

  private:
    std::size_t left_;
    bool has_ended_ = false;
};

// A layer, or the delta, as a search reads it.
class Part {
  public:
    using Layer = hashpact::Layer<WinnowSegment>;

    explicit Part(const Layer& layer)
        : layer_(&layer), postings_(&layer.segment.postings()), marks_(&layer.segment.marks()) {}
    explicit Part(const WinnowDelta& delta)
        : delta_(&delta),
          indexed_(delta.indexed()),
          postings_(&indexed_->postings),
          marks_(&indexed_->marks) {}

    const Postings& postings() const { return *postings_; }
    std::size_t rows() const { return layer_ == nullptr ? indexed_->rows : layer_->segment.rows().size(); }
    const std::uint64_t* record(std::uint32_t row) const {
        return layer_ == nullptr ? delta_->record(row) : layer_->segment.rows().record(row);
    }

    // Rows of a layer's postings have different records, but those of the delta may not.
    bool is_delta() const { return layer_ == nullptr; }

    // Whether all rows of a layer can be found.
    bool is_whole() const { return layer_->tombstones.count() == 0; }

    std::uint32_t mark(std::uint32_t row) const { return (*marks_)[row]; }

    // How many hashes a row has, as far as an unverified file can be trusted.
    std::size_t hashes(std::uint32_t row) const { return mark(row) & 0xFF; }

    // Whether rows of two parts, or of one, have the same record.
    static bool are_same(const Part& a, std::uint32_t row, const Part& b, std::uint32_t other) {
        if (a.mark(row) != b.mark(other)) return false;
        return std::equal(a.record(row), a.record(row) + kWinnowWords, b.record(other));
    }

    // Calls `use(id)` for the rows with that record that can be found, in the order of ids, until it returns false or
    // the budget ends.
    template <class Use>
    void each(std::uint32_t row, Budget& budget, const Use& use) const {
        if (layer_ == nullptr) {
            if (budget.spend(1) && !delta_->tombstones().has(row)) use(delta_->id(row));
            return;
        }
        const auto take = [&](std::uint32_t one) {
            return budget.spend(1) && (layer_->tombstones.has(one) || use(layer_->segment.rows().ids[one]));
        };
        if (take(row)) layer_->segment.copies().each(row, take);
    }

    // Calls `use()`, which reads this part. If that is damaged and lies in a file, the error names the file.
    template <class Use>
    void read(const Use& use) const {
        if (layer_ == nullptr) {
            use();
        } else {
            layer_->read(use);
        }
    }

  private:
    const Layer* layer_ = nullptr;
    const WinnowDelta* delta_ = nullptr;
    std::shared_ptr<const WinnowDelta::Indexed> indexed_;
    const Postings* postings_;
    const Array<std::uint32_t>* marks_;
};

// Different records, up to kCounted of them: a hash table with open addressing.
class Distinct {
  public:
    std::size_t size() const { return size_; }

    void clear() {
        slots_.fill(Slot{0, 0, false});
        size_ = 0;
    }

    void add(const std::vector<Part>& parts, std::size_t part, std::uint32_t row) {
        std::size_t at = parts[part].mark(row) * 0x9E3779B1U >> (32 - kBits);
        while (slots_[at].taken) {
            if (Part::are_same(parts[slots_[at].part], slots_[at].row, parts[part], row)) return;
            at = (at + 1) % slots_.size();
        }
        slots_[at] = {static_cast<std::uint32_t>(part), row, true};
        ++size_;
    }

  private:
    static constexpr unsigned kBits = 9;
    static_assert((std::size_t{1} << kBits) >= 2 * kCounted, "never more than half full");

    struct Slot {
        std::uint32_t part;
        std::uint32_t row;
        bool taken;
    };

    std::array<Slot, std::size_t{1} << kBits> slots_;
    std::size_t size_ = 0;
};

}  // namespace hashpact

// What a search reads: the layers of a store and its delta, in one form, and at a bounded cost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "store/layers.hpp"
#include "winnow/fingerprint.hpp"
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

    explicit Part(const Layer& layer) : layer_(&layer), postings_(&layer.segment.postings()) {}
    explicit Part(const WinnowDelta& delta)
        : delta_(&delta), indexed_(delta.indexed()), postings_(&indexed_->postings) {}

    const Postings& postings() const { return *postings_; }
    std::size_t rows() const { return layer_ == nullptr ? indexed_->rows : layer_->segment.rows().size(); }
    const std::uint64_t* record(std::uint32_t row) const {
        return layer_ == nullptr ? delta_->record(row) : layer_->segment.rows().record(row);
    }

    // Whether no two rows of the postings have the same record.
    bool are_different() const { return layer_ != nullptr; }

    std::size_t hashes(std::uint32_t row) const {
        return layer_ == nullptr ? WinnowValues(record(row)).size : layer_->segment.hashes(row);
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
};

}  // namespace hashpact

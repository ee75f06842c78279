#include "winnow/search.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <unordered_map>
#include <utility>

#include "winnow/fingerprint.hpp"
#include "winnow/part.hpp"
#include "winnow/tables.hpp"

namespace hashpact {

namespace {

// Weights are whole numbers, so that sums are exact in any order: shares of the least common multiple of 1 to kCommon.
constexpr std::uint32_t kUnit = 840;
constexpr std::uint32_t kLeast = kUnit / kCommon;
static_assert(kUnit % 8 == 0 && kUnit % 7 == 0 && kUnit % 6 == 0 && kUnit % 5 == 0 && kCommon == 8);

// So many hashes are looked up at a time, that memory is asked for ahead.
constexpr std::size_t kAtOnce = 16;

// What it costs to read a record, or to look a hash up, in postings.
constexpr std::size_t kLookUp = 8;

// The postings of one hash in one part.
struct Found {
    std::size_t part;
    Postings::Range range;
};

class Search {
  public:
    Search(const Store<WinnowSegment>& store, const std::vector<std::uint32_t>& text, double least_share,
           std::size_t limit)
        : now_(store.view()),
          text_(text),
          is_sample_(text.size() >= kQueryHashes),
          largest_(is_sample_ ? text.back() : std::numeric_limits<std::uint32_t>::max()),
          limit_(limit),
          floor_(least_share),
          numbers_(text.size()) {
        for (const auto& layer : now_->layers) parts_.emplace_back(*layer);
        if (now_->delta->size() != 0) parts_.emplace_back(*now_->delta);
    }

    WinnowAnswer run() {
        look_up();
        gather();
        for (const Candidate& candidate : candidates_) {
            if (candidate.bound < floor_ || weighing_.has_ended()) break;
            score(candidate);
        }
        shrink();
        return {std::move(hits_), truncated_ || reading_.has_ended() || weighing_.has_ended()};
    }

  private:
    // A hash of the text that some row has.
    struct Hash {
        std::size_t first;  // of its places in `found_`, and how many there are
        std::size_t count;
        std::size_t postings;
        std::uint32_t weight;
    };

    // Finds the postings of each hash of the text, and what it weighs.
    void look_up() {
        for (std::size_t first = 0; first < text_.size(); first += kAtOnce) {
            const std::size_t end = std::min(first + kAtOnce, text_.size());
            for (std::size_t i = first; i < end; ++i) {
                for (const Part& part : parts_) part.postings().expect_share(text_[i]);
            }
            for (std::size_t i = first; i < end; ++i) {
                for (const Part& part : parts_) part.postings().expect_hash(text_[i]);
            }
            for (std::size_t i = first; i < end; ++i) {
                Hash hash{found_.size(), 0, 0, 0};
                find(text_[i], found_);
                hash.count = found_.size() - hash.first;
                if (hash.count == 0) continue;
                for (std::size_t k = hash.first; k < found_.size(); ++k) hash.postings += found_[k].range.size();
                numbers_.set(text_[i], hashes_.size());
                hashes_.push_back(hash);
            }
        }
        for (Hash& hash : hashes_) hash.weight = weight(found_.data() + hash.first, hash.count, reading_);
    }

    void find(std::uint32_t hash, std::vector<Found>& found) const {
        for (std::size_t part = 0; part < parts_.size(); ++part) {
            parts_[part].read([&] {
                const Postings::Range range = parts_[part].postings().find(hash);
                if (range.size() != 0) found.push_back({part, range});
            });
        }
    }

    // What a hash weighs that these postings are of. Whatever the budget leaves out is not counted.
    std::uint32_t weight(const Found* found, std::size_t count, Budget& budget) {
        std::array<std::pair<std::size_t, std::uint32_t>, kCommon> seen;  // parts and rows of different records
        std::uint32_t different = 0;
        for (const Found* each = found; each != found + count; ++each) {
            const Part& part = parts_[each->part];
            part.read([&] {
                for (std::size_t i = each->range.begin; i < each->range.end && different < kCommon; ++i) {
                    const std::uint32_t row = row_at(part, i);
                    if (!is_live(each->part, row, budget)) continue;
                    const auto same = [&](const auto& one) {
                        if (one.first == each->part && part.are_different()) return false;
                        const std::uint64_t* record = parts_[one.first].record(one.second);
                        return std::equal(record, record + kWinnowWords, part.record(row));
                    };
                    const auto end = seen.begin() + different;
                    if (std::none_of(seen.begin(), end, same)) seen[different++] = {each->part, row};
                }
            });
        }
        return kUnit / std::max(different, 1U);
    }

    // Whether a row with that record can be found. A text that was withdrawn many times is looked through once.
    bool is_live(std::size_t number, std::uint32_t row, Budget& budget) {
        const std::uint64_t key = (std::uint64_t{number} << 32) | row;
        if (!withdrawn_.empty() && withdrawn_.count(key) != 0) return budget.spend(1) && withdrawn_[key];
        const std::size_t before = budget.left();
        bool live = false;
        parts_[number].each(row, budget, [&](std::uint64_t) {
            live = true;
            return false;
        });
        if (before - budget.left() > 1) withdrawn_[key] = live;
        return live;
    }

    static std::uint32_t row_at(const Part& part, std::size_t place) {
        const std::uint32_t row = part.postings().row(place);
        if (row >= part.rows()) throw DamagedSection("section postings.rows is damaged");
        return row;
    }

    // Gathers the candidates, those with the largest bounds first. Rare hashes are read first: what is left when the
    // budget ends is common.
    void gather() {
        std::vector<std::size_t> order(hashes_.size());
        for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
        std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            return hashes_[a].postings != hashes_[b].postings ? hashes_[a].postings < hashes_[b].postings : a < b;
        });
        std::size_t affordable = 0;
        std::size_t postings = 0;
        while (affordable < order.size() && postings + hashes_[order[affordable]].postings <= reading_.left()) {
            postings += hashes_[order[affordable++]].postings;
        }
        // A row that has only hashes which are not read is missed if it has enough of them, and then so is one that
        // would need them. If there are too few, any candidate may have them all.
        std::uint32_t unread = 0;
        std::uint32_t unread_weight = 0;
        if (order.size() - affordable >= kFewestCommon) {
            truncated_ = true;
        } else {
            for (std::size_t i = affordable; i < order.size(); ++i) unread_weight += hashes_[order[i]].weight;
            unread = static_cast<std::uint32_t>(order.size() - affordable);
        }
        order.resize(affordable);
        for (std::size_t part = 0; part < parts_.size(); ++part) {
            count(part, order).each([&](std::uint32_t row, std::uint32_t common, std::uint32_t weight) {
                Candidate candidate{part, row, common + unread, weight + unread_weight, 1.0};
                if (candidate.common < kFewestCommon) return;
                candidate.bound = bound(candidate);
                if (candidate.bound >= floor_) candidates_.push_back(candidate);
            });
        }
        std::sort(candidates_.begin(), candidates_.end(), [](const Candidate& a, const Candidate& b) {
            if (a.bound != b.bound) return a.bound > b.bound;
            return a.part != b.part ? a.part < b.part : a.row < b.row;
        });
    }

    // Counts, for the rows of a part, which of these hashes of the text they have.
    Counts count(std::size_t number, const std::vector<std::size_t>& some) const {
        const Part& part = parts_[number];
        std::vector<std::pair<Postings::Range, std::uint32_t>> ranges;
        std::size_t postings = 0;
        for (const std::size_t i : some) {
            for (std::size_t k = hashes_[i].first; k < hashes_[i].first + hashes_[i].count; ++k) {
                if (found_[k].part != number) continue;
                ranges.emplace_back(found_[k].range, hashes_[i].weight);
                postings += found_[k].range.size();
            }
        }
        Counts counts(postings);
        part.read([&] {
            for (const auto& [range, weight] : ranges) {
                for (std::size_t place = range.begin; place < range.end; ++place) {
                    if (place + kAtOnce < range.end) counts.expect(part.postings().row(place + kAtOnce));
                    counts.add(row_at(part, place), weight);
                }
            }
        });
        return counts;
    }

    // The share if all hashes that are not in the text were common ones.
    double bound(const Candidate& candidate) const {
        if (is_sample_) return 1;
        const std::size_t hashes = parts_[candidate.part].hashes(candidate.row);
        const std::size_t others = hashes > candidate.common ? hashes - candidate.common : 0;
        return ratio(candidate.weight, others * kLeast);
    }

    static double ratio(std::uint64_t inside, std::uint64_t outside) {
        return static_cast<double>(inside) / static_cast<double>(inside + outside);
    }

    // Adds the rows with a candidate's record to the hits if its share is large enough, and the budget lasts.
    void score(const Candidate& candidate) {
        if (!weighing_.spend(kLookUp)) return;
        const WinnowValues values(parts_[candidate.part].record(candidate.row));
        std::array<std::uint32_t, kEntryHashes> others;
        std::size_t others_count = 0;
        std::size_t common = 0;
        std::uint64_t inside = 0;
        for (const std::uint32_t hash : values) {
            if (hash > largest_) break;
            const std::uint32_t number = numbers_[hash];
            if (number == Numbers::kNone) {
                others[others_count++] = hash;
            } else {
                inside += hashes_[number].weight;
                ++common;
            }
        }
        if (common < kFewestCommon || common + others_count < kFewestHashes) return;
        std::uint64_t outside = others_count * kLeast;  // those that are not weighed yet are taken for common
        for (std::size_t i = 0; i < others_count; ++i) {
            if (ratio(inside, outside) < floor_) return;
            outside += weight_outside(others[i]) - kLeast;
            if (weighing_.has_ended()) return;
        }
        if (ratio(inside, outside) >= floor_) take(candidate, ratio(inside, outside));
    }

    // What a hash weighs that is not in the text.
    std::uint32_t weight_outside(std::uint32_t hash) {
        const auto known = outside_.find(hash);
        if (known != outside_.end()) return known->second;
        std::uint32_t weighed = kLeast;
        if (weighing_.spend(kLookUp)) {
            std::vector<Found> found;
            find(hash, found);
            weighed = weight(found.data(), found.size(), weighing_);
        }
        outside_[hash] = weighed;
        return weighed;
    }

    void take(const Candidate& candidate, double share) {
        const Part& part = parts_[candidate.part];
        std::size_t left = limit_;
        part.read([&] {
            part.each(candidate.row, weighing_, [&](std::uint64_t id) {
                hits_.push_back({share, id});
                return --left != 0;
            });
        });
        // Hits above the limit are dropped in batches, so that a hit costs constant time on average.
        if (hits_.size() >= limit_ && hits_.size() - limit_ >= std::max<std::size_t>(limit_, 64)) shrink();
    }

    // Sorts the hits and drops those above the limit; a later one has to come up to the last.
    void shrink() {
        std::sort(hits_.begin(), hits_.end(), [](const Contained& a, const Contained& b) {
            return a.share != b.share ? a.share > b.share : a.id < b.id;
        });
        if (hits_.size() < limit_) return;
        hits_.resize(limit_);
        if (limit_ != 0) floor_ = std::max(floor_, hits_.back().share);
    }

    const std::shared_ptr<const Store<WinnowSegment>::Snapshot> now_;
    const std::vector<std::uint32_t>& text_;
    const bool is_sample_;
    const std::uint32_t largest_;  // hash that counts
    const std::size_t limit_;
    double floor_;  // the share that a hit needs; it never falls
    std::vector<Part> parts_;
    std::vector<Hash> hashes_;
    Numbers numbers_;  // of the text's hashes among `hashes_`
    std::vector<Found> found_;
    std::vector<Candidate> candidates_;
    std::unordered_map<std::uint32_t, std::uint32_t> outside_;  // weights
    std::unordered_map<std::uint64_t, bool> withdrawn_;  // whether a copy of a withdrawn row can be found
    Budget reading_{kWinnowBudget};
    Budget weighing_{kWinnowBudget};
    bool truncated_ = false;
    std::vector<Contained> hits_;
};

}  // namespace

WinnowAnswer search(const Store<WinnowSegment>& store, const std::vector<std::uint32_t>& text, double least_share,
                    std::size_t limit) {
    return Search(store, text, least_share, limit).run();
}

}  // namespace hashpact

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
#include "winnow/weight.hpp"

namespace hashpact {

namespace {

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
        for (const Candidate& candidate : candidates_) score(candidate);
        shrink();
        return {std::move(hits_), truncated_ || counting_.has_ended() || weighing_.has_ended()};
    }

  private:
    // A hash of the text that some row has.
    struct Hash {
        std::size_t first;  // of its places in `found_`, and how many there are
        std::size_t count;
        std::size_t postings;
        std::uint32_t commonness;
    };

    // Finds the postings of each hash of the text, and how common it is.
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
        for (Hash& hash : hashes_) {
            hash.commonness = commonness(found_.data() + hash.first, hash.count, counting_);
        }
    }

    void find(std::uint32_t hash, std::vector<Found>& found) const {
        for (std::size_t part = 0; part < parts_.size(); ++part) {
            parts_[part].read([&] {
                const Postings::Range range = parts_[part].postings().find(hash);
                if (range.size() != 0) found.push_back({part, range});
            });
        }
    }

    // How common a hash is that these postings are of, as far as the budget lasts.
    std::uint32_t commonness(const Found* found, std::size_t count, Budget& budget) {
        std::size_t texts = 0;  // that can be found, in the part with the most of them
        bool may_repeat = count > 1;
        for (const Found* each = found; each != found + count && texts < kCounted; ++each) {
            if (parts_[each->part].is_delta()) {
                may_repeat = true;
            } else {
                texts = std::max(texts, live_in(*each, budget));
            }
        }
        if (may_repeat && texts < kCounted) texts = different_in(found, count, budget);
        std::uint32_t commonness = 0;
        while (commonness < kMostCommon && texts >> (commonness + 1) != 0) ++commonness;
        return commonness;
    }

    // How many of the postings are of rows that can be found; counted up to kCounted.
    std::size_t live_in(const Found& found, Budget& budget) {
        const Part& part = parts_[found.part];
        if (part.is_whole()) return std::min(found.range.size(), kCounted);
        std::size_t live = 0;
        part.read([&] {
            for (std::size_t i = found.range.begin; i < found.range.end && live < kCounted; ++i) {
                if (is_live(found.part, row_at(part, i), budget)) ++live;
            }
        });
        return live;
    }

    // How many different records have a hash that several parts have; counted up to kCounted.
    std::size_t different_in(const Found* found, std::size_t count, Budget& budget) {
        seen_.clear();
        for (const Found* each = found; each != found + count; ++each) {
            const Part& part = parts_[each->part];
            part.read([&] {
                for (std::size_t i = each->range.begin; i < each->range.end && seen_.size() < kCounted; ++i) {
                    const std::uint32_t row = row_at(part, i);
                    if (is_live(each->part, row, budget)) seen_.add(parts_, each->part, row);
                }
            });
        }
        return seen_.size();
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
        while (affordable < order.size() && postings + hashes_[order[affordable]].postings <= kWinnowBudget) {
            postings += hashes_[order[affordable++]].postings;
        }
        // A row is missed that has only hashes which are not read, and one that would need them: if there are enough
        // of them for either. Else any candidate may have them all.
        std::uint32_t unread = static_cast<std::uint32_t>(order.size() - affordable);
        if (unread >= kFewestCommon) {
            truncated_ = true;
            unread = 0;
        }
        order.resize(affordable);
        for (std::size_t part = 0; part < parts_.size(); ++part) {
            count(part, order).each([&](std::uint32_t row, std::uint32_t common, std::uint32_t rarity) {
                const std::size_t hashes = parts_[part].hashes(row);
                if (common + unread < kFewestCommon || !may_have_share(common + unread, hashes)) return;
                candidates_.push_back({part, row, ratio(rarity, kCounted * hashes)});
            });
        }
        std::sort(candidates_.begin(), candidates_.end(), [](const Candidate& a, const Candidate& b) {
            if (a.evidence != b.evidence) return a.evidence > b.evidence;
            return a.part != b.part ? a.part < b.part : a.row < b.row;
        });
    }

    // Counts, for the rows of a part, which of these hashes of the text they have.
    Counts count(std::size_t number, const std::vector<std::size_t>& some) const {
        const Part& part = parts_[number];
        std::vector<std::pair<Postings::Range, std::size_t>> ranges;
        std::size_t postings = 0;
        for (const std::size_t i : some) {
            for (std::size_t k = hashes_[i].first; k < hashes_[i].first + hashes_[i].count; ++k) {
                if (found_[k].part != number) continue;
                ranges.emplace_back(found_[k].range, kCounted >> hashes_[i].commonness);
                postings += found_[k].range.size();
            }
        }
        Counts counts(postings);
        part.read([&] {
            for (const auto& [range, rarity] : ranges) {
                for (std::size_t place = range.begin; place < range.end; ++place) {
                    if (place + kAtOnce < range.end) counts.expect(part.postings().row(place + kAtOnce));
                    counts.add(row_at(part, place), rarity);
                }
            }
        });
        return counts;
    }

    // Whether a record can have the share if its common hashes weigh most and the others least.
    bool may_have_share(std::uint32_t common, std::size_t hashes) const {
        if (is_sample_ || hashes <= common) return true;
        return share_of(std::uint64_t{common} * kWhole, (hashes - common) * kLeast) >= floor_;
    }

    static double share_of(std::uint64_t inside, std::uint64_t outside) { return ratio(inside, inside + outside); }

    static double ratio(std::uint64_t part, std::uint64_t whole) {
        return static_cast<double>(part) / static_cast<double>(whole);
    }

    // Adds the rows with a candidate's record to the hits if its share is large enough, and the budget lasts.
    void score(const Candidate& candidate) {
        if (!weighing_.spend(kLookUp)) return;
        const WinnowValues values(parts_[candidate.part].record(candidate.row));
        std::array<std::uint32_t, kEntryHashes> others;
        std::size_t others_size = 0;
        Tally inside;
        Tally all;
        for (const std::uint32_t hash : values) {
            if (hash > largest_) break;
            const std::uint32_t number = numbers_[hash];
            if (number == Numbers::kNone) {
                others[others_size++] = hash;
            } else {
                inside.add(hashes_[number].commonness);
                all.add(hashes_[number].commonness);
            }
        }
        const std::size_t hashes = inside.size() + others_size;
        if (inside.size() < kFewestCommon || hashes < kFewestHashes) return;
        const std::size_t passed = std::min(1 + hashes / 10, hashes - 1);
        // While some are not counted, its own hashes are at most as common as those that are, and the others weigh
        // least if its own are as rare as can be.
        Tally outside;
        for (std::size_t i = 0; i < others_size; ++i) {
            const std::uint64_t least = outside.weigh(0) + (others_size - i) * kLeast;
            if (share_of(inside.weigh(all.rarest_but(passed)), least) < floor_) return;
            const std::uint32_t commonness = commonness_outside(others[i]);
            if (weighing_.has_ended()) return;
            outside.add(commonness);
            all.add(commonness);
        }
        const std::uint32_t own = all.rarest_but(passed);
        const double share = share_of(inside.weigh(own), outside.weigh(own));
        if (share >= floor_) take(candidate, share);
    }

    // How common a hash is that is not in the text.
    std::uint32_t commonness_outside(std::uint32_t hash) {
        const auto known = outside_.find(hash);
        if (known != outside_.end()) return known->second;
        std::uint32_t found = 0;
        if (weighing_.spend(kLookUp)) {
            std::vector<Found> places;
            find(hash, places);
            found = commonness(places.data(), places.size(), weighing_);
        }
        outside_[hash] = found;
        return found;
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
    std::unordered_map<std::uint32_t, std::uint32_t> outside_;  // how common hashes are that are not in the text
    std::unordered_map<std::uint64_t, bool> withdrawn_;         // whether a copy of a withdrawn row can be found
    Distinct seen_;
    Budget counting_{kCountingBudget};
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

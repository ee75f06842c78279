// A log-structured set of records with unique ids: a delta for the newest, segments for the rest, tombstones for
// what is withdrawn (O'Neil et al., "The log-structured merge-tree", 1996; the sizes double as in Bentley and
// Saxe, "Decomposable searching problems", 1980, so that each record is rewritten O(log n) times).
//
// Writers take turns. A search works on an immutable snapshot and waits for nobody, not even for a merge: it finds
// every record whose `add` returned before it began, and none whose `remove` did.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "nearest.hpp"
#include "rows.hpp"

namespace hashpact {

struct StoreStats {
    std::size_t rows;        // that can be found
    std::size_t tombstones;  // withdrawn, and not yet merged away
    std::size_t delta;       // rows in the delta, withdrawn ones included
    std::size_t bytes;
    std::vector<std::pair<std::size_t, std::size_t>> segments;  // rows and chunks of each, the largest first
};

template <class Segment>
class Store {
  public:
    Store(unsigned words, std::size_t delta_rows, typename Segment::Options options)
        : words_(words), options_(options), delta_rows_(delta_rows), current_(std::make_shared<Snapshot>()) {
        current_->delta = std::make_shared<typename Segment::Delta>(delta_rows_, words_);
    }

    unsigned words() const { return words_; }

    // Adds `count` records, all of them or none. Throws std::invalid_argument if an id is there already or is given
    // twice, std::length_error if a segment would become too large.
    void add(const std::uint64_t* ids, const std::uint64_t* records, std::size_t count) {
        const std::lock_guard<std::mutex> turn(writing_);
        const std::shared_ptr<Snapshot> now = snapshot();
        const std::vector<std::uint64_t> sorted = sorted_once(ids, count);
        if (const auto known = first_known(*now, sorted)) {
            throw std::invalid_argument("id " + std::to_string(*known) + " is in the index already");
        }
        if (now->delta->size() + count <= now->delta->capacity()) {
            now->delta->append(ids, records, count);
        } else {
            merge(*now, ids, records, count);
        }
    }

    // Withdraws the records with these ids, passing over ids that are not there. Returns how many there were.
    std::size_t remove(const std::uint64_t* ids, std::size_t count) {
        const std::lock_guard<std::mutex> turn(writing_);
        const std::shared_ptr<Snapshot> now = snapshot();
        std::size_t removed = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const Place place = find(*now, ids[i]);
            if (place.tombstones == nullptr) continue;
            place.tombstones->set(place.row);
            ++removed;
        }
        if (removed != 0) compact(*now);
        return removed;
    }

    // One of these ids that is there, if any is.
    std::optional<std::uint64_t> known(const std::uint64_t* ids, std::size_t count) const {
        std::vector<std::uint64_t> sorted(ids, ids + count);
        std::sort(sorted.begin(), sorted.end());
        return first_known(*snapshot(), sorted);
    }

    std::size_t size() const {
        const std::shared_ptr<Snapshot> now = snapshot();
        std::size_t rows = now->delta->size() - now->delta->tombstones().count();
        for (const Layer& layer : now->layers) rows += layer.live();
        return rows;
    }

    std::vector<Hit> search(const std::uint64_t* query, unsigned radius, std::size_t limit) const {
        const std::shared_ptr<Snapshot> now = snapshot();
        Nearest nearest(radius, limit);
        for (const Layer& layer : now->layers) layer.segment->search(query, *layer.tombstones, nearest);
        now->delta->search(query, nearest);
        return nearest.take();
    }

    StoreStats stats() const {
        const std::shared_ptr<Snapshot> now = snapshot();
        StoreStats stats{size(), now->delta->tombstones().count(), now->delta->size(), 0, {}};
        stats.bytes = now->delta->capacity() * (words_ + 1) * sizeof(std::uint64_t);
        for (const Layer& layer : now->layers) {
            stats.tombstones += layer.tombstones->count();
            stats.bytes += layer.segment->bytes();
            stats.segments.emplace_back(layer.segment->rows().size(), layer.segment->chunks());
        }
        return stats;
    }

  private:
    struct Layer {
        std::shared_ptr<const Segment> segment;
        std::shared_ptr<Tombstones> tombstones;
        std::size_t live() const { return segment->rows().size() - tombstones->count(); }
    };

    // What a search sees. Only the delta and the tombstones still change, and they only grow.
    struct Snapshot {
        std::vector<Layer> layers;  // the largest first
        std::shared_ptr<typename Segment::Delta> delta;
    };

    // Where a record is; no tombstones: nowhere.
    struct Place {
        Tombstones* tombstones;
        std::size_t row;
    };

    // A record on its way into a new segment.
    struct Moved {
        std::uint64_t id;
        const std::uint64_t* record;
    };

    // A layer joins a merge unless it is this many times larger than what has been gathered so far.
    static constexpr std::size_t kGrowth = 2;

    std::shared_ptr<Snapshot> snapshot() const {
        const std::lock_guard<std::mutex> lock(publishing_);
        return current_;
    }

    void publish(std::shared_ptr<Snapshot> next) {
        const auto larger = [](const Layer& a, const Layer& b) { return a.live() > b.live(); };
        std::sort(next->layers.begin(), next->layers.end(), larger);
        const std::lock_guard<std::mutex> lock(publishing_);
        current_.swap(next);
    }

    static Place find(const Snapshot& now, std::uint64_t id) {
        const std::size_t size = now.delta->size();
        for (std::size_t row = 0; row < size; ++row) {
            if (now.delta->id(row) == id && !now.delta->tombstones().has(row)) return {&now.delta->tombstones(), row};
        }
        return find_in_layers(now, id);
    }

    static Place find_in_layers(const Snapshot& now, std::uint64_t id) {
        for (const Layer& layer : now.layers) {
            const std::size_t row = layer.segment->rows().find(id);
            if (row != kNoRow && !layer.tombstones->has(row)) return {layer.tombstones.get(), row};
        }
        return {nullptr, 0};
    }

    static std::vector<std::uint64_t> sorted_once(const std::uint64_t* ids, std::size_t count) {
        std::vector<std::uint64_t> sorted(ids, ids + count);
        std::sort(sorted.begin(), sorted.end());
        const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
        if (twice != sorted.end()) throw std::invalid_argument("id " + std::to_string(*twice) + " is given twice");
        return sorted;
    }

    static std::optional<std::uint64_t> first_known(const Snapshot& now, const std::vector<std::uint64_t>& sorted) {
        const std::size_t size = now.delta->size();
        for (std::size_t row = 0; row < size; ++row) {
            const std::uint64_t id = now.delta->id(row);
            if (std::binary_search(sorted.begin(), sorted.end(), id) && !now.delta->tombstones().has(row)) return id;
        }
        for (const std::uint64_t id : sorted) {
            if (find_in_layers(now, id).tombstones != nullptr) return id;
        }
        return std::nullopt;
    }

    // Builds one layer from the rows gathered, which may lie in `now`.
    Layer build(std::vector<Moved> moved) const {
        if (moved.size() > kMaxRows) throw std::length_error("a segment holds at most 2^31 rows");
        const auto earlier = [](const Moved& a, const Moved& b) { return a.id < b.id; };
        if (!std::is_sorted(moved.begin(), moved.end(), earlier)) std::sort(moved.begin(), moved.end(), earlier);
        Rows rows(moved.size(), words_);
        for (std::size_t row = 0; row < moved.size(); ++row) {
            rows.ids[row] = moved[row].id;
            std::copy_n(moved[row].record, words_, rows.records.data() + row * words_);
        }
        return {std::make_shared<const Segment>(std::move(rows), options_), std::make_shared<Tombstones>(moved.size())};
    }

    static void gather(const Layer& layer, std::vector<Moved>& moved) {
        const Rows& rows = layer.segment->rows();
        for (std::size_t row = 0; row < rows.size(); ++row) {
            if (!layer.tombstones->has(row)) moved.push_back({rows.ids[row], rows.record(row)});
        }
    }

    // Moves the delta, the new records and every layer that is not much larger into one new layer.
    void merge(const Snapshot& now, const std::uint64_t* ids, const std::uint64_t* records, std::size_t count) {
        auto next = std::make_shared<Snapshot>();
        next->delta = std::make_shared<typename Segment::Delta>(delta_rows_, words_);
        next->layers = now.layers;
        std::size_t gathered = now.delta->size() - now.delta->tombstones().count() + count;
        while (!next->layers.empty() && next->layers.back().live() < kGrowth * gathered) {
            gathered += next->layers.back().live();
            next->layers.pop_back();
        }
        std::vector<Moved> moved;
        moved.reserve(gathered);
        for (std::size_t i = next->layers.size(); i < now.layers.size(); ++i) gather(now.layers[i], moved);
        for (std::size_t row = 0; row < now.delta->size(); ++row) {
            if (!now.delta->tombstones().has(row)) moved.push_back({now.delta->id(row), now.delta->record(row)});
        }
        for (std::size_t i = 0; i < count; ++i) moved.push_back({ids[i], records + i * words_});
        if (!moved.empty()) next->layers.push_back(build(std::move(moved)));
        publish(std::move(next));
    }

    // Rebuilds the layers of which more than half is withdrawn.
    void compact(const Snapshot& now) {
        const auto hollow = [](const Layer& layer) { return layer.tombstones->count() > layer.live(); };
        if (std::none_of(now.layers.begin(), now.layers.end(), hollow)) return;
        auto next = std::make_shared<Snapshot>();
        next->delta = now.delta;
        for (const Layer& layer : now.layers) {
            if (!hollow(layer)) {
                next->layers.push_back(layer);
            } else if (layer.live() != 0) {
                std::vector<Moved> moved;
                moved.reserve(layer.live());
                gather(layer, moved);
                next->layers.push_back(build(std::move(moved)));
            }
        }
        publish(std::move(next));
    }

    const unsigned words_;
    const typename Segment::Options options_;
    const std::size_t delta_rows_;
    std::mutex writing_;
    mutable std::mutex publishing_;  // held for the copy of a pointer, never longer
    std::shared_ptr<Snapshot> current_;
};

}  // namespace hashpact

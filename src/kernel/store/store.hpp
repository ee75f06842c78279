// A log-structured set of records with unique ids: a delta for the newest, layers for the rest, tombstones for
// what is withdrawn (O'Neil et al., "The log-structured merge-tree", 1996; the sizes double as in Bentley and
// Saxe, "Decomposable searching problems", 1980, so that each record is rewritten O(log n) times).
//
// Writers take turns. A search works on an immutable snapshot and never waits: it finds every record whose `add`
// returned before it began, and none whose `remove` did. A writer merges what is small itself, so that there is never
// much of it; what is large is merged in the background, and no writer waits for that.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "store/background.hpp"
#include "store/layers.hpp"
#include "store/rows.hpp"
#include "store/snapshot.hpp"

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
    using Options = typename Segment::Options;

    using SegmentType = Segment;
    using Frozen = hashpact::Frozen<Segment>;
    using Layer = hashpact::Layer<Segment>;
    using Snapshot = hashpact::Snapshot<Segment>;
    using Layers = typename Snapshot::Layers;

    Store(unsigned words, const Options& options)
        : words_(words),
          options_(options),
          delta_rows_(std::min(kDeltaRows, kDeltaBytes / (words * sizeof(std::uint64_t)))),
          current_(std::make_shared<Snapshot>()),
          background_(kThreads, [this] { return work(); }) {
        current_->delta = std::make_shared<Delta>(delta_rows_, words_);
    }

    // A store of what files hold: at least one layer.
    explicit Store(Layers layers) : Store(layers.at(0)->segment.rows().words, layers[0]->segment.options()) {
        current_->layers = std::move(layers);
    }

    // Stops what runs in the background, and gives all memory back. Only the destructor may follow.
    void close() {
        background_.stop();
        current_.reset();
        retired_.clear();
    }

    unsigned words() const { return words_; }
    const Options& options() const { return options_; }

    // Adds `count` records, all of them or none. Throws std::invalid_argument if an id is there already or is given
    // twice, std::length_error if a segment would become too large, and before it adds anything what a merge in the
    // background threw since the last call.
    void add(const std::uint64_t* ids, const std::uint64_t* records, std::size_t count) {
        background_.rethrow();
        // Only if the background gets too little of the processors: then this writer does its share.
        while (snapshot()->layers.size() > kMostLayers && merge()) continue;
        const std::lock_guard<std::mutex> turn(*writing_);
        const std::shared_ptr<Snapshot> now = snapshot();
        const std::vector<std::uint64_t> sorted = sorted_once(ids, count);
        if (const auto known = now->first_known(sorted)) {
            throw std::invalid_argument("id " + std::to_string(*known) + " is in the index already");
        }
        if (now->delta->size() + count <= now->delta->capacity()) {
            now->delta->append(ids, records, count);
        } else {
            fold(*now, ids, records, count);
        }
    }

    // Withdraws the records with these ids, passing over ids that are not there. Returns how many there were.
    std::size_t remove(const std::uint64_t* ids, std::size_t count) {
        const std::lock_guard<std::mutex> turn(*writing_);
        const std::shared_ptr<Snapshot> now = snapshot();
        std::size_t removed = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const auto place = now->find(ids[i]);
            if (place.tombstones == nullptr) continue;
            place.tombstones->set(place.row);
            ++removed;
        }
        if (removed != 0) wake();
        return removed;
    }

    // One of these ids that is there, if any is.
    std::optional<std::uint64_t> known(const std::uint64_t* ids, std::size_t count) const {
        std::vector<std::uint64_t> sorted(ids, ids + count);
        std::sort(sorted.begin(), sorted.end());
        return snapshot()->first_known(sorted);
    }

    std::size_t size() const { return snapshot()->size(); }

    // What a search sees that begins now.
    std::shared_ptr<const Snapshot> view() const { return snapshot(); }

    // Compares what lies in files with their checksums. Throws CorruptFile.
    void verify() const {
        const std::shared_ptr<Snapshot> now = snapshot();
        for (const auto& layer : now->layers) {
            if (layer->file != nullptr) layer->file->verify();
        }
    }

    // What the store holds now, with the delta moved into a layer.
    Frozen freeze() {
        const std::lock_guard<std::mutex> turn(*writing_);
        if (const auto now = snapshot(); now->delta->size() != 0) fold(*now, nullptr, nullptr, 0);
        std::vector<Source> sources;
        for (const auto& layer : snapshot()->layers) {
            if (layer->live() != 0) sources.emplace_back(layer);
        }
        return Frozen(std::move(sources), words_, options_, writing_);
    }

    // Asks the background for one layer without withdrawn rows, of all that is there now. That costs a pass over the
    // whole store, and memory for a second one. If there is too little of it, everything stays as it is. While this is
    // under way, to ask again changes nothing: what came since stays beside the one layer.
    void compact() {
        const std::lock_guard<std::mutex> turn(*writing_);
        if (compaction_ != Compaction::kNone) return;
        if (const auto now = snapshot(); now->delta->size() != 0) fold(*now, nullptr, nullptr, 0);
        if (snapshot()->is_compact()) return;
        compaction_ = Compaction::kWanted;
        wake();
    }

    // Whether that is still to be done.
    bool compacting() const {
        const std::lock_guard<std::mutex> turn(*writing_);
        return compaction_ != Compaction::kNone;
    }

    // Merges until nothing is due, and waits for what the background merges meanwhile.
    void settle() {
        background_.rethrow();
        while (true) {
            while (merge()) continue;
            if (!is_merging() && !compacting()) break;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        background_.rethrow();
    }

    StoreStats stats() const {
        const std::shared_ptr<Snapshot> now = snapshot();
        StoreStats stats{size(), now->delta->tombstones().count(), now->delta->size(), 0, {}};
        stats.bytes = now->delta->capacity() * (words_ + 1) * sizeof(std::uint64_t);
        for (const auto& layer : now->layers) {
            stats.tombstones += layer->tombstones.count();
            stats.bytes += layer->segment.bytes();
            stats.segments.emplace_back(layer->segment.rows().size(), layer->segment.chunks());
        }
        return stats;
    }

  private:
    using Source = hashpact::Source<Segment>;
    using Delta = typename Segment::Delta;

    // What `compact` asked for, and whether a thread has taken it on.
    enum class Compaction { kNone, kWanted, kRunning };

    // A layer joins a merge unless it is this many times larger than all smaller ones together.
    // Each layer costs a search some microseconds, whatever its size, so there should be few; how often a record is
    // rewritten grows with these.
    static constexpr std::size_t kGrowth = 8;
    static constexpr std::size_t kSmallGrowth = 4;  // when a writer merges

    // All of the delta is compared in each search, which takes a microsecond: it stays in a core's own cache. A writer
    // looks through its ids for each new one.
    static constexpr std::size_t kDeltaBytes = std::size_t{64} << 10;
    static constexpr std::size_t kDeltaRows = 2048;

    // A writer merges at most this many deltas' worth of rows, or twice what it adds: some milliseconds' work.
    static constexpr std::size_t kSmall = 8;

    // So that one can merge what is added while another merges most of the store.
    static constexpr std::size_t kThreads = 2;

    static constexpr std::size_t kMostLayers = 16;

    std::shared_ptr<Snapshot> snapshot() const {
        const std::lock_guard<std::mutex> lock(publishing_);
        return current_;
    }

    // The writer's turn ends with this, or goes on with another snapshot.
    void publish(std::shared_ptr<Snapshot> next) {
        const auto larger = [](const auto& a, const auto& b) { return a->live() > b->live(); };
        std::stable_sort(next->layers.begin(), next->layers.end(), larger);
        {
            const std::lock_guard<std::mutex> lock(publishing_);
            current_.swap(next);
        }
        wake();
    }

    void wake() {
        try {
            if (!due().empty()) background_.wake();
        } catch (const std::bad_alloc&) {
            // What was done is done: the next writer tries again.
        }
    }

    static std::vector<std::uint64_t> sorted_once(const std::uint64_t* ids, std::size_t count) {
        std::vector<std::uint64_t> sorted(ids, ids + count);
        std::sort(sorted.begin(), sorted.end());
        const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
        if (twice != sorted.end()) throw std::invalid_argument("id " + std::to_string(*twice) + " is given twice");
        return sorted;
    }

    // Moves the delta, the new records and the small layers that are not much larger into one new layer.
    void fold(const Snapshot& now, const std::uint64_t* ids, const std::uint64_t* records, std::size_t count) {
        auto next = std::make_shared<Snapshot>();
        next->delta = std::make_shared<Delta>(delta_rows_, words_);
        std::size_t gathered = now.delta->size() - now.delta->tombstones().count() + count;
        const std::size_t most = std::max(kSmall * delta_rows_, 2 * gathered);
        std::vector<Source> sources;
        for (auto layer = now.layers.rbegin(); layer != now.layers.rend(); ++layer) {
            const std::size_t live = (*layer)->live();
            if ((*layer)->merging || live >= kSmallGrowth * gathered || gathered + live > most) {
                next->layers.push_back(*layer);
            } else {
                gathered += live;
                sources.emplace_back(*layer);
            }
        }
        Gathering<Segment> gathering(words_);
        for (auto source = sources.rbegin(); source != sources.rend(); ++source) gathering.add(*source);
        for (std::size_t row = 0; row < now.delta->size(); ++row) {
            if (!now.delta->tombstones().has(row)) gathering.add(now.delta->id(row), now.delta->record(row));
        }
        for (std::size_t i = 0; i < count; ++i) gathering.add(ids[i], records + i * words_);
        if (auto layer = gathering.build(options_)) next->layers.push_back(std::move(layer));
        publish(std::move(next));
    }

    // More than half of it is withdrawn.
    static bool is_hollow(const Layer& layer) { return layer.tombstones.count() > layer.live(); }

    // The layers that should become one; none if nothing is due.
    Layers due() const {
        if (compaction_ == Compaction::kWanted) {
            // All of them, once what is under way has ended.
            const std::shared_ptr<Snapshot> now = snapshot();
            return now->is_merging() ? Layers() : now->layers;
        }
        Layers idle;
        for (const auto& layer : snapshot()->layers) {
            if (layer->merging) continue;
            if (is_hollow(*layer)) return {layer};
            idle.push_back(layer);
        }
        std::size_t smaller = 0;
        auto first = idle.end();
        for (auto at = idle.end(); at != idle.begin();) {
            --at;
            if ((*at)->live() < kGrowth * smaller && (*at)->live() + smaller <= kMaxRows) first = at;
            smaller += (*at)->live();
        }
        return {first, idle.end()};
    }

    // Merges what is due, without keeping any writer from its turn meanwhile. False if nothing is.
    bool merge() {
        std::vector<Source> sources;
        bool all = false;
        {
            const std::lock_guard<std::mutex> turn(*writing_);
            // A merge may have done it meanwhile.
            if (compaction_ == Compaction::kWanted && snapshot()->is_compact()) compaction_ = Compaction::kNone;
            for (auto& layer : due()) sources.emplace_back(std::move(layer));
            for (const Source& source : sources) source.layer->merging = true;
            all = compaction_ == Compaction::kWanted && !sources.empty();
            if (all) compaction_ = Compaction::kRunning;
        }
        if (sources.empty()) return false;
        std::shared_ptr<Layer> merged;
        try {
            Gathering<Segment> gathering(words_);
            for (const Source& source : sources) gathering.add(source);
            merged = gathering.build(options_);
        } catch (...) {
            const std::lock_guard<std::mutex> turn(*writing_);
            for (const Source& source : sources) source.layer->merging = false;
            if (!all) throw;
            compaction_ = Compaction::kNone;
            if (!is_refusal(std::current_exception())) throw;
            return false;
        }
        const std::lock_guard<std::mutex> turn(*writing_);
        if (all) compaction_ = Compaction::kNone;
        for (const Source& source : sources) {
            for_each_bit(source.layer->tombstones.bits(), source.withdrawn, [&](std::size_t row) {
                merged->tombstones.set(merged->segment.rows().find(source.layer->segment.rows().ids[row]));
            });
        }
        auto next = std::make_shared<Snapshot>();
        const std::shared_ptr<Snapshot> now = snapshot();
        next->delta = now->delta;
        for (const auto& layer : now->layers) {
            const auto same = [&](const Source& source) { return source.layer == layer; };
            if (std::none_of(sources.begin(), sources.end(), same)) next->layers.push_back(layer);
        }
        if (merged != nullptr) next->layers.push_back(std::move(merged));
        publish(std::move(next));
        for (Source& source : sources) retired_.push_back(std::move(source.layer));
        return true;
    }

    // Too little memory for one segment, or too many rows. Nobody needs to hear of that: nothing depends on it.
    static bool is_refusal(const std::exception_ptr& thrown) {
        try {
            std::rethrow_exception(thrown);
        } catch (const std::bad_alloc&) {
            return true;
        } catch (const std::length_error&) {
            return true;
        } catch (...) {
            return false;
        }
    }

    bool is_merging() const {
        const std::lock_guard<std::mutex> turn(*writing_);
        return snapshot()->is_merging();
    }

    // Merges, and gives back the memory of layers that no search reads any more: a search that did it itself would
    // take milliseconds longer.
    Background::Next work() {
        if (merge()) return Background::Next::kMore;
        Layers unread;
        const std::lock_guard<std::mutex> turn(*writing_);
        const auto read = [](const std::shared_ptr<Layer>& layer) { return layer.use_count() > 1; };
        const auto end = std::partition(retired_.begin(), retired_.end(), read);
        unread.assign(std::make_move_iterator(end), std::make_move_iterator(retired_.end()));
        retired_.erase(end, retired_.end());
        return retired_.empty() ? Background::Next::kRest : Background::Next::kSoon;
    }

    const unsigned words_;
    const Options options_;
    const std::size_t delta_rows_;
    const std::shared_ptr<std::mutex> writing_ = std::make_shared<std::mutex>();
    mutable std::mutex publishing_;  // held for the copy of a pointer, never longer
    std::shared_ptr<Snapshot> current_;
    Compaction compaction_ = Compaction::kNone;  // the writers take turns at it
    Layers retired_;         // no longer in a snapshot that a search can get
    Background background_;  // the last, so that it stops first
};

}  // namespace hashpact

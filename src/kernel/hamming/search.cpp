// How a segment is searched.
#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "hamming/segment.hpp"
#include "isa/cpu.hpp"
#include "store/seen.hpp"

namespace hashpact {

namespace {

// Kernels are given at most this many entries or rows at a time, which bounds their output.
constexpr std::uint32_t kBlock = 8192;

// Offsets are asked for so many chunks before they are read.
constexpr std::size_t kChunksAhead = 4;

// A query's buckets are crowded if they hold this much more than those of codes such as the segment's do.
constexpr double kCrowd = 1.5;
constexpr double kCrowdEntries = 512;

// In a crowd, so many entries are compared before the radius is looked at again.
constexpr std::size_t kBatch = 4096;

// A level that costs so much more than it was thought to, as a share of the whole search, is reason to plan again, so
// many times at most.
constexpr double kSurprise = 0.25;
constexpr int kMostPlans = 8;

// More than any distance between sketches.
constexpr std::uint16_t kAnySketch = 16;

// The buckets a number of flips away in one chunk.
struct Level {
    bool listed;  // by the present plan
    bool known;   // how many entries they have
};

// What one thread's searches reuse.
struct Scratch {
    std::vector<Run> runs;
    std::vector<int> thresholds;
    std::vector<Level> levels;
    std::vector<double> entries;  // of each level, as far as known
    std::vector<double> costs;
    Seen seen;
    std::vector<const std::uint32_t*> passed = std::vector<const std::uint32_t*>(kBlock);
    std::vector<std::uint32_t> rows = std::vector<std::uint32_t>(kBlock + 1);
    std::vector<std::uint16_t> distances = std::vector<std::uint16_t>(kBlock + 1);
};

// Not inlined: compilers take the address of what is thread-local for a constant, and ask for it again in every loop.
[[gnu::noinline]] Scratch& scratch() {
    thread_local Scratch mine;
    return mine;
}

// Calls `accept(row, distance)` for each of `count` consecutive codes that is within the radius.
template <class Accept>
void scan(Scratch& mine, const std::uint64_t* codes, unsigned words, std::size_t count, const std::uint64_t* query,
          const Nearest& nearest, const Accept& accept) {
    for (std::size_t first = 0; first < count; first += kBlock) {
        const std::size_t found =
            kernels().scan(codes + first * words, words, std::min<std::size_t>(kBlock, count - first), query,
                           nearest.radius(), mine.rows.data(), mine.distances.data());
        for (std::size_t i = 0; i < found; ++i) accept(first + mine.rows[i], mine.distances[i]);
    }
}

}  // namespace

void HammingDelta::search(const std::uint64_t* query, Nearest& nearest) const {
    counted([&](auto& counter) { counter.scan(records(), size() * words()); });
    scan(scratch(), records(), words(), size(), query, nearest, [&](std::size_t row, unsigned distance) {
        if (!tombstones().has(row)) nearest.add(id(row), distance);
    });
}

// One search of a segment.
template <class Counter>
class HammingSegment::Search {
  public:
    Search(const HammingSegment& segment, const std::uint64_t* query, const Tombstones& tombstones, Nearest& nearest,
           Counter& counter)
        : segment_(segment),
          plan_(segment.plan_),
          query_(query),
          tombstones_(tombstones),
          nearest_(nearest),
          counter_(counter),
          mine_(scratch()) {}

    void run() {
        const unsigned radius = nearest_.radius();
        if (radius >= segment_.thresholds_.size() || !segment_.groups_.reaches(radius)) {
            scan_all();
            return;
        }
        // The groups first: what they hold may leave little to look for.
        segment_.groups_.search(segment_.rows_, query_, tombstones_, nearest_, counter_);
        begin();
        make_room(0);
        mine_.seen.clear();
        if (list_all()) {
            verify();
        } else {
            search_crowd();
        }
    }

  private:
    void begin() {
        listed_ = 0;
        mine_.thresholds = segment_.thresholds_[nearest_.radius()];
        mine_.levels.assign(kLevels * plan_.size(), Level{});
        mine_.entries.assign(segment_.typical_.data(), segment_.typical_.data() + segment_.typical_.size());
    }

    // Adds the row unless it is withdrawn.
    void add(std::size_t row, unsigned distance) {
        if (!tombstones_.has(row)) nearest_.add(segment_.rows_.ids[row], distance);
    }

    void scan_all() {
        scan_rows([&](std::size_t row, unsigned distance) { add(row, distance); });
    }

    template <class Accept>
    void scan_rows(const Accept& accept) {
        const Rows& rows = segment_.rows_;
        counter_.scan(rows.records.data(), rows.size() * rows.words);
        scan(mine_, rows.records.data(), rows.words, rows.size(), query_, nearest_, accept);
    }

    void prefetch(std::size_t i) const {
        const std::uint32_t value = chunk_value(query_, plan_.chunk(i));
        const std::uint32_t* masks = plan_.masks(i);
        const std::uint32_t* offsets = segment_.tables_[i].offsets.data();
        const std::size_t count = plan_.masks_within(i, mine_.thresholds[i]);
        for (std::size_t k = 0; k < count; ++k) __builtin_prefetch(offsets + (value ^ masks[k]));
    }

    // Lists the buckets within all thresholds, chunk by chunk. False if they are crowded.
    bool list_all() {
        double expected = 0;
        std::size_t entries = 0;
        for (std::size_t i = 0; i < std::min(kChunksAhead, plan_.size()); ++i) prefetch(i);
        for (std::size_t i = 0; i < plan_.size(); ++i) {
            if (i + kChunksAhead < plan_.size()) prefetch(i + kChunksAhead);
            for (int flips = 0; flips <= mine_.thresholds[i]; ++flips) {
                expected += typical(i, flips);
                entries += list(i, flips);
            }
        }
        return static_cast<double>(entries) <= kCrowd * expected + kCrowdEntries;
    }

    // Lists the buckets exactly that many flips away in chunk i. Returns how many entries they have.
    std::size_t list(std::size_t i, int flips) {
        const std::uint32_t value = chunk_value(query_, plan_.chunk(i));
        const Table& table = segment_.tables_[i];
        const std::uint32_t* offsets = table.offsets.data();
        const std::size_t last = table.rows.size();
        const int radius = plan_.sketch_radius(mine_.thresholds, i, flips);
        Run run{nullptr, nullptr, 0, plan_.sketch(query_, i), static_cast<std::uint16_t>(radius)};
        const std::uint32_t* mask = plan_.masks(i) + plan_.masks_within(i, flips - 1);
        const std::uint32_t* end = plan_.masks(i) + plan_.masks_within(i, flips);
        const std::size_t before = listed_;
        make_room(static_cast<std::size_t>(end - mask));
        Run* next = mine_.runs.data() + before;
        std::size_t entries = 0;
        bool damaged = false;
        bool large = false;
        for (; mask != end; ++mask) {
            const std::uint32_t* offset = offsets + (value ^ *mask);
            counter_.probe(offset);
            run.count = offset[1] - offset[0];
            damaged |= offset[0] > offset[1] || offset[1] > last;
            large |= run.count > kBlock;
            entries += run.count;
            run.sketches = table.sketches.data() + offset[0];
            run.rows = table.rows.data() + offset[0];
            // No branch: whether a bucket is empty cannot be foreseen.
            *next = run;
            next += run.count != 0 ? 1 : 0;
        }
        if (damaged) throw DamagedSection("a section of offsets is damaged");
        listed_ = static_cast<std::size_t>(next - mine_.runs.data());
        if (large) split(before);
        level(i, flips) = Level{true, true};
        this->entries(i, flips) = static_cast<double>(entries);
        return entries;
    }

    void make_room(std::size_t runs) {
        const std::size_t wanted = listed_ + runs + kRunsAhead;
        if (mine_.runs.size() < wanted) mine_.runs.resize(2 * wanted);
    }

    // Cuts the runs from that one on into such as a kernel can take.
    void split(std::size_t first) {
        for (std::size_t k = first; k < listed_; ++k) {
            if (mine_.runs[k].count <= kBlock) continue;
            make_room(1);
            Run& rest = mine_.runs[listed_++];
            rest = mine_.runs[k];
            rest.sketches += kBlock;
            rest.rows += kBlock;
            rest.count -= kBlock;
            mine_.runs[k].count = kBlock;
        }
    }

    // Adds what the listed buckets hold, and unlists them.
    void verify() {
        const Rows& rows = segment_.rows_;
        std::uint32_t* found = mine_.rows.data();
        std::fill_n(mine_.runs.begin() + static_cast<std::ptrdiff_t>(listed_), kRunsAhead, Run{});
        for (std::size_t first = 0; first < listed_;) {
            std::size_t last = first;
            for (std::uint32_t entries = 0; last < listed_ && entries + mine_.runs[last].count <= kBlock; ++last) {
                entries += mine_.runs[last].count;
                counter_.bucket(mine_.runs[last].sketches, mine_.runs[last].count);
            }
            const std::size_t passed = kernels().filter(mine_.runs.data() + first, last - first, mine_.passed.data());
            // Several chunks may find a row.
            std::size_t count = 0;
            for (std::size_t i = 0; i < passed; ++i) {
                const std::uint32_t row = *mine_.passed[i];
                if (row >= rows.size()) throw DamagedSection("a section of rows is damaged");
                if (mine_.seen.add(row)) found[count++] = row;
            }
            for (std::size_t i = 0; i < count; ++i) {
                counter_.candidate(rows.record(found[i]), rows.words * sizeof(std::uint64_t));
            }
            kernels().distances(rows.records.data(), rows.words, query_, found, count, mine_.distances.data());
            for (std::size_t i = 0; i < count; ++i) {
                if (mine_.distances[i] <= nearest_.radius()) add(found[i], mine_.distances[i]);
            }
            first = last;
        }
        listed_ = 0;
    }

    static std::size_t place(std::size_t i, int flips) { return kLevels * i + static_cast<std::size_t>(flips); }

    Level& level(std::size_t i, int flips) { return mine_.levels[place(i, flips)]; }
    double& entries(std::size_t i, int flips) { return mine_.entries[place(i, flips)]; }
    double& cost(std::size_t i, int flips) { return mine_.costs[place(i, flips)]; }
    double typical(std::size_t i, int flips) const { return segment_.typical_[place(i, flips)]; }

    double cost_of(std::size_t i, int flips, double there) const {
        return plan_.level_cost(i, flips, there, mine_.entries, segment_.in_tables(), segment_.costs_);
    }

    // What the levels of all chunks would cost, as far as what is known of their buckets shows it.
    void estimate() {
        mine_.costs.resize(mine_.entries.size());
        for (std::size_t i = 0; i < plan_.size(); ++i) {
            double crowd = 1;
            for (int flips = 0; flips <= static_cast<int>(kMaxFlips); ++flips) {
                // Beyond what is known, as crowded as the last.
                if (level(i, flips).known) crowd = std::max(1.0, entries(i, flips) / typical(i, flips));
                cost(i, flips) = cost_of(i, flips, crowd * typical(i, flips));
            }
        }
    }

    // For a query that hits crowded buckets: the thresholds go where the crowd is not.
    void search_crowd() {
        for (int plans = 1;; ++plans) {
            estimate();
            const double planned = plan_.allocate(nearest_.radius(), mine_.costs, mine_.thresholds);
            if (planned > segment_.scan_cost_) {
                scan_tables();
                return;
            }
            if (search_levels(plans < kMostPlans ? kSurprise * planned : HUGE_VAL)) return;
        }
    }

    // Looks into the levels from the nearest on, each time with the radius that is left by then. False if one turns out
    // to cost more than it should by that much; it is not looked into.
    bool search_levels(double surprise) {
        for (Level& level : mine_.levels) level.listed = false;
        listed_ = 0;
        unsigned radius = nearest_.radius();
        for (int flips = 0; flips <= static_cast<int>(kMaxFlips); ++flips) {
            std::size_t entries = 0;
            for (std::size_t i = 0; i < plan_.size(); ++i) {
                if (mine_.thresholds[i] >= flips) {
                    const std::size_t more = list(i, flips);
                    if (cost_of(i, flips, static_cast<double>(more)) > cost(i, flips) + surprise) return false;
                    entries += more;
                }
                if (entries < kBatch && i + 1 < plan_.size()) continue;
                entries = 0;
                verify();
                nearest_.tighten();
                lower(radius - nearest_.radius());
                radius = nearest_.radius();
            }
        }
        return true;
    }

    // Takes so much off the thresholds, where it saves most. What has been looked into stays so: thresholds only fall,
    // so that the bounds on sketches that it was looked into with were not too narrow.
    void lower(unsigned by) {
        for (; by != 0; --by) {
            std::size_t dearest = plan_.size();
            double most = -1;
            for (std::size_t i = 0; i < plan_.size(); ++i) {
                const int flips = mine_.thresholds[i];
                if (flips < 0 || level(i, flips).listed || cost(i, flips) <= most) continue;
                dearest = i;
                most = cost(i, flips);
            }
            if (dearest == plan_.size()) return;
            --mine_.thresholds[dearest];
        }
    }

    // Compares every row that is not in a group.
    void scan_tables() {
        if (segment_.groups_.rows() == 0) {
            // What a plan that was given up has found is in the answer already.
            scan_rows([&](std::size_t row, unsigned distance) {
                if (mine_.seen.add(static_cast<std::uint32_t>(row))) add(row, distance);
            });
            return;
        }
        // Every entry of the first chunk's table, whatever its sketch.
        listed_ = 0;
        const Table& table = segment_.tables_[0];
        make_room(1);
        const auto count = static_cast<std::uint32_t>(table.rows.size());
        mine_.runs[listed_++] = Run{table.sketches.data(), table.rows.data(), count, 0, kAnySketch};
        split(0);
        verify();
    }

    const HammingSegment& segment_;
    const HammingPlan& plan_;
    const std::uint64_t* query_;
    const Tombstones& tombstones_;
    Nearest& nearest_;
    Counter& counter_;
    Scratch& mine_;
    std::size_t listed_ = 0;  // runs
};

void HammingSegment::search(const std::uint64_t* query, const Tombstones& tombstones, Nearest& nearest) const {
    counted([&](auto& counter) {
        Search<std::decay_t<decltype(counter)>>(*this, query, tombstones, nearest, counter).run();
    });
}

}  // namespace hashpact

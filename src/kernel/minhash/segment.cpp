#include "minhash/segment.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

#include "isa/cpu.hpp"
#include "store/seen.hpp"
#include "minhash/signature.hpp"

namespace hashpact {

namespace {

// Candidates are compared in blocks of about this many.
constexpr std::size_t kBlock = 256;

// So many bands are looked into at a time.
constexpr unsigned kBandsAtOnce = 16;
static_assert(kBandsAtOnce * kLineEntries <= kBlock, "what they hold is one block at most");

struct Scratch {
    Seen seen;
    std::uint32_t rows[2 * kBlock + kLineEntries];  // the first `size` of them are candidates
    std::size_t size;
    std::uint16_t distances[2 * kBlock];
};

Scratch& scratch() {
    thread_local Scratch mine;
    return mine;
}

// Compares the signatures of the rows in `mine` with the query and calls `use(row, distance)` for those that count,
// once for each row that was not seen before. There are no rows left then.
template <class Use>
void compare(const std::uint64_t* signatures, const std::uint64_t* query, Scratch& mine, const Nearest& nearest,
             const Use& use) {
    const SignatureKernels& kernel = *kernels().signatures;
    const std::size_t near = kernel.filter(signatures, query, mine.rows, mine.size, nearest.radius(), mine.rows);
    std::size_t found = 0;
    for (std::size_t i = 0; i < near; ++i) {
        if (mine.seen.add(mine.rows[i])) mine.rows[found++] = mine.rows[i];
    }
    kernel.differences(signatures, query, mine.rows, found, mine.distances);
    for (std::size_t i = 0; i < found; ++i) {
        if (mine.distances[i] <= nearest.radius()) use(mine.rows[i], mine.distances[i]);
    }
    mine.size = 0;
}

}  // namespace

void MinHashDelta::search(const std::uint64_t* query, Nearest& nearest) const {
    Scratch& mine = scratch();
    mine.seen.clear();
    const std::size_t rows = size();
    for (std::size_t first = 0; first < rows; first += kBlock) {
        mine.size = std::min(kBlock, rows - first);
        std::iota(mine.rows, mine.rows + mine.size, static_cast<std::uint32_t>(first));
        compare(records(), query, mine, nearest, [&](std::uint32_t row, unsigned distance) {
            if (!tombstones().has(row)) nearest.add(id(row), distance);
        });
    }
}

// --- Building and keeping --------------------------------------------------------------------------------------------

MinHashSegment::MinHashSegment(Rows rows, const Options& options)
    : MinHashSegment(std::move(rows), options, std::vector<std::uint32_t>()) {}

MinHashSegment::MinHashSegment(Rows rows, const Options& options, std::vector<std::uint32_t> firsts)
    : rows_(std::move(rows)),
      bands_(options.bands, options.values),
      copies_(rows_, firsts),
      tables_(rows_, firsts, bands_) {}

MinHashSegment::MinHashSegment(const SegmentFile& file)
    : rows_(file), bands_(bands_of(file)), copies_(file), tables_(file, copies_.distinct(), bands_) {}

Bands MinHashSegment::bands_of(const SegmentFile& file) {
    const std::uint64_t needed = file.number("bands");
    const std::uint64_t values = file.number("bands.values");
    if (file.header().width != kSignatureWords * sizeof(std::uint64_t) || !Bands::possible(needed, values)) {
        file.fail("it holds no signatures");
    }
    return {static_cast<unsigned>(needed), static_cast<unsigned>(values)};
}

void MinHashSegment::store(Sections& out) const {
    rows_.store(out);
    copies_.store(out);
    out.add("bands", std::uint64_t{bands_.needed()});
    out.add("bands.values", std::uint64_t{bands_.values()});
    tables_.store(out);
}

std::size_t MinHashSegment::bytes() const {
    return rows_.ids.bytes() + rows_.records.bytes() + copies_.bytes() + tables_.bytes();
}

// --- Searching -------------------------------------------------------------------------------------------------------

class MinHashSegment::Search {
  public:
    Search(const MinHashSegment& segment, const std::uint64_t* query, const Tombstones& tombstones, Nearest& nearest)
        : segment_(segment), query_(query), tombstones_(tombstones), nearest_(nearest), mine_(scratch()) {
        mine_.seen.clear();
        mine_.size = 0;
        bands().lay(from_planes(query), grid_);
    }

    // One band after the other, until what is as similar as a hit must be is missed no more often than wanted.
    // Which bands come first does not depend on what they hold: else it would be missed more often.
    void run() {
        unsigned found = 0;
        for (unsigned next = 0, more = needed(0); more != 0; more = needed(next)) {
            if (next + more > found) {
                find_lines(found, next + more);
                found = next + more;
            }
            const unsigned end = next + std::min(more, kBandsAtOnce);
            look_up(next, end);
            next = end;
        }
        look_up_crowds();
        flush();
    }

  private:
    const Bands& bands() const { return segment_.bands_; }
    const MinHashTables& tables() const { return segment_.tables_; }

    // How many bands are still to be searched after the first `searched`, if none of them is crowded.
    unsigned needed(unsigned searched) const {
        const unsigned radius = nearest_.radius();
        const double each = bands().worth(radius);
        const double reached = (searched - extended_) * each + extended_ * bands().worth_extended(radius);
        const double left = (bands().enough() - reached) / each;
        if (left < 1e-9) return 0;
        return std::min(static_cast<unsigned>(std::ceil(left)), bands().count() - searched);
    }

    // Finds out where the buckets are, and asks for them.
    void find_lines(unsigned first, unsigned end) {
        bands().hashes(grid_, first, end - first, hashes_.data() + first);
        for (unsigned band = first; band < end; ++band) {
            lines_[band] = tables().line(band, hashes_[band]);
            tags_[band] = tables().tag(hashes_[band]);
            __builtin_prefetch(lines_[band]);
        }
    }

    // Gathers the rows that have the tag. Crowds are asked for, and looked up when there are several.
    void look_up(unsigned first, unsigned end) {
        for (unsigned band = first; band < end; ++band) {
            if (!MinHashTables::is_crowd(lines_[band])) continue;
            const std::uint32_t tag = tables().tag(bands().extended(grid_, band, hashes_[band]));
            crowds_[crowds_size_] = tables().crowd(band, lines_[band], tag);
            __builtin_prefetch(crowds_[crowds_size_++].guess);
            ++extended_;
            lines_[band] = MinHashTables::kNothing;
        }
        gathered(kernels().signatures->tagged(lines_.data() + first, tags_.data() + first, end - first, end_row(),
                                              mine_.rows + mine_.size));
        if (crowds_size_ >= kBandsAtOnce) look_up_crowds();
    }

    void look_up_crowds() {
        for (unsigned i = 0; i < crowds_size_; ++i) look_up(crowds_[i]);
        crowds_size_ = 0;
    }

    void look_up(const MinHashTables::Crowd& crowd) {
        const std::uint32_t* entry = crowd.first();
        const auto is_row = [&] { return entry != crowd.end && (*entry ^ crowd.tag) < end_row(); };
        while (is_row()) {
            std::size_t count = 0;
            for (; is_row() && count < kBlock; ++entry) mine_.rows[mine_.size + count++] = *entry ^ crowd.tag;
            gathered(count);
        }
    }

    std::uint32_t end_row() const { return static_cast<std::uint32_t>(segment_.rows_.size()); }

    // Asks for the signatures of so many further rows.
    void gathered(std::size_t count) {
        for (const std::size_t end = mine_.size + count; mine_.size != end; ++mine_.size) {
            __builtin_prefetch(segment_.rows_.record(mine_.rows[mine_.size]));
        }
        if (mine_.size >= kBlock) flush();
    }

    void flush() {
        compare(segment_.rows_.records.data(), query_, mine_, nearest_,
                [&](std::uint32_t row, unsigned distance) { add(row, distance); });
        nearest_.tighten();
    }

    // A row that is found, and its copies: in the order of ids, so that those after the limit are not among the nearest.
    void add(std::uint32_t row, unsigned distance) {
        std::size_t left = nearest_.limit();
        const auto take = [&](std::uint32_t each) {
            if (tombstones_.has(each)) return true;
            nearest_.add(segment_.rows_.ids[each], distance);
            return --left != 0;
        };
        if (take(row)) segment_.copies_.each(row, take);
    }

    const MinHashSegment& segment_;
    const std::uint64_t* query_;
    const Tombstones& tombstones_;
    Nearest& nearest_;
    Scratch& mine_;
    Bands::Grid grid_;
    Bands::Hashes hashes_;
    std::array<std::uint32_t, Bands::kMostBands> tags_;
    std::array<const std::uint32_t*, Bands::kMostBands> lines_;
    std::array<MinHashTables::Crowd, std::size_t{2} * kBandsAtOnce> crowds_;
    unsigned crowds_size_ = 0;
    unsigned extended_ = 0;
};

void MinHashSegment::search(const std::uint64_t* query, const Tombstones& tombstones, Nearest& nearest) const {
    if (rows_.size() != 0) Search(*this, query, tombstones, nearest).run();
}

}  // namespace hashpact

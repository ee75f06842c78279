#include "minhash_segment.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "background.hpp"
#include "cpu.hpp"
#include "signature.hpp"

namespace hashpact {

namespace {

// So many hashes of each signature are made at a time, that signatures are read only a few times.
constexpr unsigned kBandsAtOnce = 16;

constexpr std::size_t kRowsAtOnce = std::size_t{1} << 16;

// Candidates are compared in blocks of about this many.
constexpr std::size_t kBlock = 256;

// A set of rows, for one search after the other.
class Seen {
  public:
    void clear() {
        if (slots_.size() > kKept) slots_ = std::vector<std::uint32_t>(kKept);
        std::fill(slots_.begin(), slots_.end(), 0U);
        size_ = 0;
    }

    // Whether the row was not there.
    bool insert(std::uint32_t row) {
        if (!put(row + 1)) return false;
        if (++size_ > slots_.size() / 2) grow();
        return true;
    }

  private:
    static constexpr std::size_t kKept = 1024;

    // A slot is a row plus 1; 0 is empty.
    bool put(std::uint32_t filled) {
        const std::size_t mask = slots_.size() - 1;
        for (std::size_t at = filled * 0x9E3779B1U >> 4 & mask;; at = (at + 1) & mask) {
            if (slots_[at] == filled) return false;
            if (slots_[at] == 0) {
                slots_[at] = filled;
                return true;
            }
        }
    }

    void grow() {
        std::vector<std::uint32_t> old(4 * slots_.size());
        old.swap(slots_);
        for (const std::uint32_t filled : old) {
            if (filled != 0) put(filled);
        }
    }

    std::vector<std::uint32_t> slots_ = std::vector<std::uint32_t>(kKept);
    std::size_t size_ = 0;
};

struct Scratch {
    Seen seen;
    std::uint32_t rows[2 * kBlock];  // the first `size` of them are candidates
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
        if (mine.seen.insert(mine.rows[i])) mine.rows[found++] = mine.rows[i];
    }
    kernel.differences(signatures, query, mine.rows, found, mine.distances);
    for (std::size_t i = 0; i < found; ++i) {
        if (mine.distances[i] <= nearest.radius()) use(mine.rows[i], mine.distances[i]);
    }
    mine.size = 0;
}

unsigned bits_for(std::size_t values) {
    unsigned bits = 0;
    while ((std::size_t{1} << bits) < values) ++bits;
    return bits;
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
    : rows_(std::move(rows)), bands_(options.bands, options.values), copies_(rows_, firsts) {
    set_bits();
    fill_bands(firsts);
}

MinHashSegment::MinHashSegment(const SegmentFile& file) : rows_(file), bands_(1, 2), copies_(file) {
    const std::uint64_t count = file.number("bands");
    const std::uint64_t values = file.number("bands.values");
    if (rows_.words != kSignatureWords || !Bands::possible(count, values)) file.fail("it holds no signatures");
    bands_ = Bands(static_cast<unsigned>(count), static_cast<unsigned>(values));
    set_bits();
    offsets_ = file.array<std::uint32_t>("bands.offsets", count * (buckets() + 1));
    entries_ = file.array<std::uint32_t>("bands.entries", count * copies_.distinct());
}

void MinHashSegment::store(Sections& out) const {
    rows_.store(out);
    copies_.store(out);
    out.add("bands", std::uint64_t{bands_.count()});
    out.add("bands.values", std::uint64_t{bands_.values()});
    out.add("bands.offsets", offsets_);
    out.add("bands.entries", entries_);
}

// Buckets hold about eight signatures, half a line; fewer where rows are so many that the tag has few bits left: of
// 32 strangers in a band's bucket, at most one or so should bear the right tag.
void MinHashSegment::set_bits() {
    row_bits_ = bits_for(rows_.size());
    const unsigned tag_bits = 32 - row_bits_;
    const unsigned shared = std::min(3U, tag_bits > 5 ? tag_bits - 5 : 0);
    const unsigned bits = bits_for(copies_.distinct());
    bucket_bits_ = bits > shared ? bits - shared : 0;
}

void MinHashSegment::fill_bands(const std::vector<std::uint32_t>& firsts) {
    const std::size_t size = firsts.size();
    offsets_ = Array<std::uint32_t>(bands_.count() * (buckets() + 1));
    entries_ = Array<std::uint32_t>(bands_.count() * size);
    std::vector<std::uint32_t> hashes(kBandsAtOnce * size);
    std::vector<std::uint32_t> extended(kBandsAtOnce * size);
    for (unsigned first = 0; first < bands_.count(); first += kBandsAtOnce) {
        const unsigned count = std::min(kBandsAtOnce, bands_.count() - first);
        for (std::size_t i = 0; i < size; ++i) {
            if (i % kRowsAtOnce == 0) interruption_point();
            const SignatureValues values = from_planes(rows_.record(firsts[i]));
            for (unsigned k = 0; k < count; ++k) {
                const std::uint32_t hash = bands_.hash(values.data(), first + k);
                hashes[k * size + i] = hash;
                extended[k * size + i] = bands_.extended(values.data(), first + k, hash);
            }
        }
        for (unsigned k = 0; k < count; ++k) {
            interruption_point();
            fill_band(first + k, firsts, hashes.data() + k * size, extended.data() + k * size);
        }
    }
}

// A counting sort by bucket.
void MinHashSegment::fill_band(unsigned band, const std::vector<std::uint32_t>& firsts, const std::uint32_t* hashes,
                               const std::uint32_t* extended) {
    std::uint32_t* offsets = offsets_.data() + band * (buckets() + 1);
    std::uint32_t* entries = entries_.data() + band * firsts.size();
    for (std::size_t i = 0; i < firsts.size(); ++i) ++offsets[bucket(hashes[i])];
    std::uint32_t begin = 0;
    for (std::size_t at = 0; at <= buckets(); ++at) begin += std::exchange(offsets[at], begin);
    std::vector<std::uint32_t> next(offsets, offsets + buckets());
    const auto is_large = [&](std::size_t at) { return offsets[at + 1] - offsets[at] > kLarge; };
    for (std::size_t i = 0; i < firsts.size(); ++i) {
        const std::uint32_t at = bucket(hashes[i]);
        entries[next[at]++] = tag(is_large(at) ? extended[i] : hashes[i]) | firsts[i];
    }
    for (std::size_t at = 0; at < buckets(); ++at) {
        if (is_large(at)) std::sort(entries + offsets[at], entries + offsets[at + 1]);
    }
}

std::size_t MinHashSegment::bytes() const {
    return rows_.ids.bytes() + rows_.records.bytes() + copies_.bytes() + offsets_.bytes() + entries_.bytes();
}

// --- Searching -------------------------------------------------------------------------------------------------------

class MinHashSegment::Search {
  public:
    Search(const MinHashSegment& segment, const std::uint64_t* query, const Tombstones& tombstones, Nearest& nearest)
        : segment_(segment), query_(query), tombstones_(tombstones), nearest_(nearest), mine_(scratch()),
          values_(from_planes(query)) {
        mine_.seen.clear();
        mine_.size = 0;
    }

    // One band after the other, until what is as similar as a hit must be is missed no more often than wanted.
    // Which bands come first does not depend on what they hold: else it would be missed more often.
    void run() {
        for (unsigned first = 0; first < bands().count() && needed() != 0;) {
            const unsigned count = std::min(bands().count() - first, needed());
            find_buckets(first, count);
            for (unsigned band = first; band < first + count && needed() != 0; ++band) look_up(band);
            first += count;
        }
        flush();
    }

  private:
    struct Bucket {
        const std::uint32_t* entries;
        std::uint32_t size;
        std::uint32_t hash;
    };

    const Bands& bands() const { return segment_.bands_; }

    // How many bands are still to be searched, if no bucket is large.
    unsigned needed() const {
        const unsigned radius = nearest_.radius();
        const double each = bands().worth(radius);
        const double left = bands().enough() - searched_ * each - searched_large_ * bands().worth_extended(radius);
        return left > 1e-9 * each ? static_cast<unsigned>(std::ceil(left / each)) : 0;
    }

    void find_buckets(unsigned first, unsigned count) {
        const std::size_t distinct = segment_.copies_.distinct();
        const auto offset = [&](unsigned band) {
            return segment_.offsets_.data() + band * (segment_.buckets() + 1) + segment_.bucket(buckets_[band].hash);
        };
        for (unsigned band = first; band < first + count; ++band) {
            buckets_[band].hash = bands().hash(values_.data(), band);
            __builtin_prefetch(offset(band));
        }
        for (unsigned band = first; band < first + count; ++band) {
            const std::uint32_t* at = offset(band);
            if (at[0] > at[1] || at[1] > distinct) throw DamagedSection("section bands.offsets is damaged");
            buckets_[band].entries = segment_.entries_.data() + band * distinct + at[0];
            buckets_[band].size = at[1] - at[0];
            __builtin_prefetch(buckets_[band].entries);
            __builtin_prefetch(buckets_[band].entries + buckets_[band].size);
        }
    }

    // Gathers the rows of a band's bucket that have the tag.
    void look_up(unsigned band) {
        const Bucket& bucket = buckets_[band];
        const std::uint32_t* begin = bucket.entries;
        const std::uint32_t* end = bucket.entries + bucket.size;
        std::uint32_t tag = segment_.tag(bucket.hash);
        if (bucket.size > kLarge) {
            tag = segment_.tag(bands().extended(values_.data(), band, bucket.hash));
            begin = std::lower_bound(begin, end, tag);
            end = std::partition_point(begin, end, [&](std::uint32_t entry) { return has(entry ^ tag); });
        }
        while (begin != end) {
            const std::uint32_t* stop = begin + std::min<std::ptrdiff_t>(kBlock, end - begin);
            for (; begin != stop; ++begin) {
                mine_.rows[mine_.size] = *begin ^ tag;
                mine_.size += has(*begin ^ tag) ? 1 : 0;
            }
            if (mine_.size >= kBlock) flush();
        }
        ++(bucket.size > kLarge ? searched_large_ : searched_);
    }

    // Whether an entry without its tag is a row, hence the tag was right.
    bool has(std::uint32_t row) const { return std::uint64_t{row} >> segment_.row_bits_ == 0; }

    void flush() {
        for (std::size_t i = 0; i < mine_.size; ++i) {
            if (mine_.rows[i] >= segment_.rows_.size()) throw DamagedSection("section bands.entries is damaged");
        }
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
    SignatureValues values_;
    Bucket buckets_[Bands::kMostBands];
    unsigned searched_ = 0;
    unsigned searched_large_ = 0;
};

void MinHashSegment::search(const std::uint64_t* query, const Tombstones& tombstones, Nearest& nearest) const {
    if (rows_.size() != 0) Search(*this, query, tombstones, nearest).run();
}

}  // namespace hashpact

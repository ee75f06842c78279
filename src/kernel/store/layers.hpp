// The immutable parts of a store, how they are merged, and how they are kept in files.
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

#include "store/background.hpp"
#include "store/rows.hpp"
#include "store/segment_file.hpp"

namespace hashpact {

// A segment and which of its rows are withdrawn.
template <class Segment>
struct Layer {
    explicit Layer(Segment made) : segment(std::move(made)), tombstones(segment.rows().size()) {}

    explicit Layer(std::shared_ptr<const SegmentFile> from)
        : segment(*from), tombstones(segment.rows().size()), file(std::move(from)), stored(file->path()) {}

    std::size_t live() const { return segment.rows().size() - tombstones.count(); }

    // Calls `use()`, which reads the segment. If that is damaged and lies in a file, the error names the file.
    template <class Use>
    void read(const Use& use) const {
        try {
            use();
        } catch (const DamagedSection& damage) {
            if (file == nullptr) throw;
            file->fail(damage.what());
        }
    }

    const Segment segment;
    Tombstones tombstones;
    const std::shared_ptr<const SegmentFile> file;  // that the segment lies in; none: in memory

    // The store's writers take turns at these.
    bool merging = false;
    std::string stored;  // the path of a file with this segment; empty: none
};

// The layers that files hold, without the rows that another file lists as withdrawn. The files are mapped, and never
// changed. Throws FileError or CorruptFile, and std::invalid_argument without a file.
template <class Segment>
std::vector<std::shared_ptr<Layer<Segment>>> open_layers(const std::vector<FileName>& files,
                                                         const std::optional<FileName>& withdrawn) {
    if (files.empty()) throw std::invalid_argument("no segment to open");
    std::vector<std::shared_ptr<Layer<Segment>>> layers;
    for (const FileName& file : files) {
        layers.push_back(std::make_shared<Layer<Segment>>(SegmentFile::open(file, Segment::kKind)));
        const auto words = [](const auto& layer) { return layer->segment.rows().words; };
        if (words(layers.back()) != words(layers[0])) layers.back()->file->fail("it has another width");
    }
    if (!withdrawn) return layers;
    const auto file = SegmentFile::open(*withdrawn, FileKind::kTombstones);
    if (file->header().rows != layers.size()) file->fail("it is about other segments");
    for (std::size_t i = 0; i < layers.size(); ++i) {
        const auto rows = file->verified<std::uint32_t>("rows." + std::to_string(i));
        for (std::size_t k = 0; k < rows.size(); ++k) {
            if (rows[k] >= layers[i]->segment.rows().size()) file->fail("it is about other segments");
            layers[i]->tombstones.set(rows[k]);
        }
    }
    return layers;
}

// A layer as it was at one moment: rows withdrawn later are not in `withdrawn`.
template <class Segment>
struct Source {
    explicit Source(std::shared_ptr<Layer<Segment>> from)
        : layer(std::move(from)), withdrawn(layer->tombstones.bits()) {}

    std::shared_ptr<Layer<Segment>> layer;
    Bits withdrawn;
};

// Rows on their way into a new segment. They lie elsewhere until then. A segment whose rows have no records has another
// specialization.
template <class Segment>
class Gathering {
  public:
    explicit Gathering(unsigned words) : words_(words) {}

    void add(std::uint64_t id, const std::uint64_t* record) { moved_.push_back({id, record}); }

    void add(const Source<Segment>& source) {
        const Rows& rows = source.layer->segment.rows();
        moved_.reserve(moved_.size() + source.layer->live());
        for (std::size_t row = 0; row < rows.size(); ++row) {
            if (row % kRowsAtOnce == 0) interruption_point();
            if (!has_bit(source.withdrawn, row)) add(rows.ids[row], rows.record(row));
        }
    }

    // A layer of the rows, or none if there are no rows. Throws std::length_error if there are too many.
    std::shared_ptr<Layer<Segment>> build(const typename Segment::Options& options) {
        if (moved_.empty()) return nullptr;
        if (moved_.size() > kMaxRows) throw std::length_error("a segment holds at most 2^31 rows");
        const auto earlier = [](const Moved& a, const Moved& b) { return a.id < b.id; };
        if (!std::is_sorted(moved_.begin(), moved_.end(), earlier)) std::sort(moved_.begin(), moved_.end(), earlier);
        Rows rows(moved_.size(), words_);
        for (std::size_t row = 0; row < moved_.size(); ++row) {
            if (row % kRowsAtOnce == 0) interruption_point();
            rows.ids[row] = moved_[row].id;
            std::copy_n(moved_[row].record, words_, rows.records.data() + row * words_);
        }
        moved_ = {};
        return std::make_shared<Layer<Segment>>(Segment(std::move(rows), options));
    }

  private:
    struct Moved {
        std::uint64_t id;
        const std::uint64_t* record;
    };

    // A few milliseconds' work.
    static constexpr std::size_t kRowsAtOnce = std::size_t{1} << 18;

    unsigned words_;
    std::vector<Moved> moved_;
};

// A store at one moment, to be written to files while the store is in use.
template <class Segment>
class Frozen {
  public:
    // `turn` guards what the store's writers take turns at, and outlives this.
    Frozen(std::vector<Source<Segment>> sources, unsigned words, const typename Segment::Options& options,
           std::shared_ptr<std::mutex> turn)
        : sources_(std::move(sources)), words_(words), options_(options), turn_(std::move(turn)) {}

    // Gives all memory back. Only the destructor may follow.
    void close() { sources_.clear(); }

    std::size_t layers() const { return sources_.size(); }

    // The path of a file that this layer was written to or opened from; empty: none.
    std::string stored(std::size_t i) const {
        const std::lock_guard<std::mutex> turn(*turn_);
        return sources_.at(i).layer->stored;
    }

    // How many of its layers' rows are withdrawn.
    std::size_t withdrawn() const {
        std::size_t rows = 0;
        for (const Source<Segment>& source : sources_) rows += count_bits(source.withdrawn);
        return rows;
    }

    // Writes one layer as it is, withdrawn rows included. Returns the file's checksum.
    std::uint32_t write_layer(std::size_t i, const std::string& path) const {
        const std::uint32_t checksum = write(sources_.at(i).layer->segment, path);
        const std::lock_guard<std::mutex> turn(*turn_);
        sources_[i].layer->stored = path;
        return checksum;
    }

    // Writes which rows of all layers are withdrawn. Returns the file's checksum.
    std::uint32_t write_tombstones(const std::string& path) const {
        std::vector<std::vector<std::uint32_t>> rows(sources_.size());
        Sections sections;
        for (std::size_t i = 0; i < sources_.size(); ++i) {
            const Bits& withdrawn = sources_[i].withdrawn;
            for_each_bit(withdrawn, Bits(withdrawn.size()), [&](std::size_t row) {
                rows[i].push_back(static_cast<std::uint32_t>(row));
            });
            sections.add("rows." + std::to_string(i), rows[i].data(), rows[i].size());
        }
        return write_file(path, FileHeader{FileKind::kTombstones, 0, sources_.size()}, sections);
    }

    // Writes everything that is not withdrawn as one segment.
    void save(const std::string& path) const { save_to(path); }

    // As `save`, to an open and empty file.
    void dump(int descriptor) const { save_to(descriptor); }

  private:
    template <class Place>
    void save_to(const Place& place) const {
        if (sources_.size() == 1 && withdrawn() == 0) {
            write(sources_[0].layer->segment, place);
            return;
        }
        Gathering<Segment> gathering(words_);
        for (const Source<Segment>& source : sources_) gathering.add(source);
        if (const auto built = gathering.build(options_)) {
            write(built->segment, place);
        } else {
            write(Segment(Rows(0, words_), options_), place);
        }
    }

    template <class Place>
    static std::uint32_t write(const Segment& segment, const Place& place) {
        Sections sections;
        segment.store(sections);
        const auto& rows = segment.rows();
        const auto width = static_cast<std::uint32_t>(rows.words * sizeof(std::uint64_t));
        return write_file(place, FileHeader{Segment::kKind, width, rows.size()}, sections);
    }

    std::vector<Source<Segment>> sources_;
    unsigned words_;
    typename Segment::Options options_;
    std::shared_ptr<std::mutex> turn_;
};

}  // namespace hashpact

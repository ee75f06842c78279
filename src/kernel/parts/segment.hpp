// An immutable set of entries' keypoints, and how sets of them become one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "parts/cells.hpp"
#include "parts/search.hpp"
#include "store/layers.hpp"
#include "store/rows.hpp"
#include "store/segment_file.hpp"

namespace hashpact {

// The newest entries, each compared.
class PartsDelta : public Delta {
  public:
    using Delta::Delta;
    void search(const PartsQuery& query, PartsFound& found) const;
};

class PartsSegment {
  public:
    using Delta = PartsDelta;
    struct Options {};
    static constexpr FileKind kKind = FileKind::kParts;

    PartsSegment(RowIds rows, CellPostings postings);

    // Of records in the order of ids.
    PartsSegment(const Rows& rows, const Options& options);

    // One in a file. Throws CorruptFile.
    explicit PartsSegment(const SegmentFile& file);
    void store(Sections& out) const;

    Options options() const { return {}; }
    const RowIds& rows() const { return rows_; }
    const CellPostings& postings() const { return postings_; }
    std::size_t chunks() const { return postings_.cells(); }
    std::size_t bytes() const { return rows_.ids.bytes() + postings_.bytes(); }

    // Gives `found` the entries without a tombstone for which enough keypoints vote. Throws DamagedSection.
    void search(const PartsQuery& query, const Tombstones& tombstones, PartsFound& found) const;

  private:
    RowIds rows_;
    CellPostings postings_;
};

// The entries of a store for which at least `points` keypoints of the query vote, at most `limit` of them.
template <class Store>
PartsFound::Result search_parts(const Store& store, const PartsQuery& query, unsigned points, std::size_t limit) {
    const auto now = store.view();
    PartsFound found(points, limit);
    for (const auto& layer : now->layers) {
        layer->read([&] { layer->segment.search(query, layer->tombstones, found); });
    }
    now->delta->search(query, found);
    return found.take();
}

// A segment has no records, so its postings are merged: cell by cell, of all segments at once.
template <>
class Gathering<PartsSegment> {
  public:
    explicit Gathering(unsigned /*words*/) {}

    void add(std::uint64_t id, const std::uint64_t* record) { records_.push_back({id, record}); }
    void add(const Source<PartsSegment>& source) { sources_.push_back(&source); }

    // A layer of the rows, or none if there are no rows. Throws std::length_error if there are too many.
    std::shared_ptr<Layer<PartsSegment>> build(const PartsSegment::Options& options);

  private:
    struct Record {
        std::uint64_t id;
        const std::uint64_t* words;
    };

    std::vector<Record> records_;
    std::vector<const Source<PartsSegment>*> sources_;
};

}  // namespace hashpact

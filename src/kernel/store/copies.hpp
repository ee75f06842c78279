// Which rows of a segment have the record of an earlier row: a search looks one text posted a million times up once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "store/memory.hpp"
#include "store/rows.hpp"
#include "store/segment_file.hpp"

namespace hashpact {

class Copies {
  public:
    // Sets `firsts` to the first row with each record, in ascending order.
    Copies(const Rows& rows, std::vector<std::uint32_t>& firsts);

    // Those of a file. Throws CorruptFile.
    explicit Copies(const SegmentFile& file);
    void store(Sections& out) const;

    // How many rows are the first with their record.
    std::size_t distinct() const { return rows_ - copies_.size(); }
    std::size_t bytes() const { return originals_.bytes() + begins_.bytes() + copies_.bytes(); }

    // Calls `use(row)` for the copies of that row, in ascending order, until it returns false. Throws DamagedSection.
    template <class Use>
    void each(std::uint32_t original, const Use& use) const {
        const std::size_t at = find(original);
        if (at == originals_.size()) return;
        if (begins_[at] > begins_[at + 1] || begins_[at + 1] > copies_.size()) damaged();
        for (std::uint32_t i = begins_[at]; i < begins_[at + 1]; ++i) {
            if (copies_[i] >= rows_) damaged();
            if (!use(copies_[i])) return;
        }
    }

  private:
    std::size_t find(std::uint32_t original) const;
    [[noreturn]] static void damaged();

    // The copies of originals_[i] are copies_[begins_[i]] to copies_[begins_[i + 1]].
    std::size_t rows_;
    Array<std::uint32_t> originals_;
    Array<std::uint32_t> begins_;
    Array<std::uint32_t> copies_;
};

}  // namespace hashpact

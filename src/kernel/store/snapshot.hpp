// What a store holds at one moment. Only the delta and the tombstones still change, and they only grow.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "store/layers.hpp"
#include "store/rows.hpp"

namespace hashpact {

template <class Segment>
struct Snapshot {
    using Layers = std::vector<std::shared_ptr<Layer<Segment>>>;

    // Where a record is; no tombstones: nowhere.
    struct Place {
        Tombstones* tombstones;
        std::size_t row;
    };

    Place find(std::uint64_t id) const {
        const std::size_t size = delta->size();
        for (std::size_t row = 0; row < size; ++row) {
            if (delta->id(row) == id && !delta->tombstones().has(row)) return {&delta->tombstones(), row};
        }
        return find_in_layers(id);
    }

    // One of these ids, which are in ascending order, that is there.
    std::optional<std::uint64_t> first_known(const std::vector<std::uint64_t>& sorted) const {
        const std::size_t size = delta->size();
        for (std::size_t row = 0; row < size; ++row) {
            const std::uint64_t id = delta->id(row);
            if (std::binary_search(sorted.begin(), sorted.end(), id) && !delta->tombstones().has(row)) return id;
        }
        for (const std::uint64_t id : sorted) {
            if (find_in_layers(id).tombstones != nullptr) return id;
        }
        return std::nullopt;
    }

    // Rows that can be found.
    std::size_t size() const {
        std::size_t rows = delta->size() - delta->tombstones().count();
        for (const auto& layer : layers) rows += layer->live();
        return rows;
    }

    bool is_merging() const {
        return std::any_of(layers.begin(), layers.end(), [](const auto& layer) { return layer->merging; });
    }

    // At most one layer, of which nothing is withdrawn.
    bool is_compact() const {
        return layers.empty() || (layers.size() == 1 && layers[0]->tombstones.count() == 0);
    }

    Layers layers;  // the largest first
    std::shared_ptr<typename Segment::Delta> delta;

  private:
    Place find_in_layers(std::uint64_t id) const {
        for (const auto& layer : layers) {
            const std::size_t row = layer->segment.rows().find(id);
            if (row != kNoRow && !layer->tombstones.has(row)) return {&layer->tombstones, row};
        }
        return {nullptr, 0};
    }
};

}  // namespace hashpact

// The part of the binding that is about parts of pictures.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <vector>

#include "bind/classes.hpp"
#include "bind/files.hpp"
#include "parts/segment.hpp"
#include "stores.hpp"

namespace hashpact::binding {

using PartsStore = Owned<Store<PartsSegment>>;
using Counts = nb::ndarray<const std::uint32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

// The keypoints of entry i are the next counts[i] rows of `units`.
inline void add_parts(PartsStore& store, const Ids& ids, const Counts& counts, const Records& units) {
    const std::size_t entries = ids.shape(0);
    if (counts.shape(0) != entries) throw std::invalid_argument("not as many ids as counts");
    if (units.shape(1) != kUnitBytes) throw std::invalid_argument("wrong width of a keypoint");
    const nb::gil_scoped_release unlocked;
    std::size_t all = 0;
    for (std::size_t i = 0; i < entries; ++i) {
        if (counts.data()[i] > kEntryPoints) throw std::invalid_argument("an entry has at most 128 keypoints");
        all += counts.data()[i];
    }
    if (all != units.shape(0)) throw std::invalid_argument("not as many keypoints as counted");
    std::vector<std::uint64_t> records(entries * kPartsWords);
    const unsigned char* unit = units.data();
    for (std::size_t i = 0; i < entries; ++i) {
        std::uint64_t* record = records.data() + i * kPartsWords;
        record[0] = counts.data()[i];
        for (std::size_t k = 0; k < record[0]; ++k, unit += kUnitBytes) {
            const Point point = point_of(unit);
            std::memcpy(record + 1 + 2 * k, &point, sizeof point);
        }
    }
    store.add(ids.data(), records.data(), entries);
}

// (ids, points, transforms, truncated). A transform is four numbers: scale, rotation in degrees, x, y.
inline nb::tuple find_parts(const PartsStore& store, const nb::bytes& units, unsigned points,
                            std::optional<std::size_t> limit) {
    if (units.size() % kUnitBytes != 0) throw std::invalid_argument("wrong width of a keypoint");
    std::vector<std::uint64_t> ids;
    std::vector<std::uint16_t> counts;
    std::vector<double> transforms;
    bool truncated = false;
    {
        const auto* bytes = reinterpret_cast<const unsigned char*>(units.c_str());
        const std::size_t count = units.size() / kUnitBytes;
        const nb::gil_scoped_release unlocked;
        constexpr double kDegrees = 57.295779513082320877;
        const auto found = search_parts(store, PartsQuery(bytes, count), points, limit_or_none(limit));
        truncated = found.truncated;
        for (const PartsHit& hit : found.hits) {
            const Transform& by = hit.transform;
            ids.push_back(hit.id);
            counts.push_back(static_cast<std::uint16_t>(by.points));
            transforms.push_back(std::hypot(by.by_re, by.by_im));
            transforms.push_back(kDegrees * std::atan2(by.by_im, by.by_re));
            transforms.push_back(by.to_x);
            transforms.push_back(by.to_y);
        }
    }
    return nb::make_tuple(array(std::move(ids)), array(std::move(counts)), array(std::move(transforms)), truncated);
}

inline void bind_parts(nb::module_& module) {
    bind_frozen<PartsStore>(module, "PartsFrozen");
    bind_files(nb::class_<PartsStore>(module, "PartsStore"))
        .def("__init__", [](PartsStore* self) { new (self) PartsStore(kPartsWords, PartsSegment::Options()); })
        .def("add", &add_parts, "ids"_a, "counts"_a, "units"_a)
        .def("remove", &remove<PartsStore>, "ids"_a)
        .def("known", &known<PartsStore>, "ids"_a)
        .def("search", &find_parts, "units"_a, "points"_a, "limit"_a.none())
        .def("stats", &stats<PartsStore>)
        .def("__len__", &PartsStore::size);
}

}  // namespace hashpact::binding

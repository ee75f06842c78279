// The stores as Python classes.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "bind/files.hpp"
#include "minhash/signature.hpp"
#include "store/search.hpp"
#include "winnow/fingerprint.hpp"
#include "winnow/search.hpp"
#include "stores.hpp"

namespace hashpact::binding {

namespace nb = nanobind;
using namespace nb::literals;

using HammingStore = Owned<Store<HammingSegment>>;
using MinHashStore = Owned<Store<MinHashSegment>>;
using WinnowStore = Owned<Store<WinnowSegment>>;

using Ids = nb::ndarray<const std::uint64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Hashes = nb::ndarray<const std::uint32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Records = nb::ndarray<const std::uint8_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

inline std::size_t limit_or_none(std::optional<std::size_t> limit) { return limit.value_or(kNoLimit); }

// Records as callers have them become records as the store keeps them.
template <class Store>
void prepare(const Store& /*store*/, std::uint64_t* /*records*/, std::size_t /*count*/) {}

inline void prepare(const MinHashStore& /*store*/, std::uint64_t* signatures, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) to_planes(signatures + i * kSignatureWords);
}

// A distance as callers have it: of signatures the similarity.
inline std::uint16_t shown(const HammingStore& /*store*/, std::uint32_t distance) {
    return static_cast<std::uint16_t>(distance);
}

inline double shown(const MinHashStore& /*store*/, std::uint32_t distance) {
    return 1 - static_cast<double>(distance) / kSignatureValues;
}

// The records as aligned words. Throws std::invalid_argument if they have another width than the store's.
template <class Store>
std::vector<std::uint64_t> words_of(const Store& store, const Records& records) {
    if (records.shape(1) != store.words() * sizeof(std::uint64_t)) throw std::invalid_argument("wrong record width");
    std::vector<std::uint64_t> words(records.shape(0) * store.words());
    if (!words.empty()) std::memcpy(words.data(), records.data(), words.size() * sizeof(std::uint64_t));
    prepare(store, words.data(), records.shape(0));
    return words;
}

template <class Store>
void add(Store& store, const Ids& ids, const Records& records) {
    if (ids.shape(0) != records.shape(0)) throw std::invalid_argument("not as many ids as records");
    const nb::gil_scoped_release unlocked;
    const std::vector<std::uint64_t> words = words_of(store, records);
    store.add(ids.data(), words.data(), ids.shape(0));
}

template <class Store>
std::size_t remove(Store& store, const Ids& ids) {
    const nb::gil_scoped_release unlocked;
    return store.remove(ids.data(), ids.shape(0));
}

template <class Store>
std::optional<std::uint64_t> known(const Store& store, const Ids& ids) {
    const nb::gil_scoped_release unlocked;
    return store.known(ids.data(), ids.shape(0));
}

template <class Store>
nb::list search(const Store& store, const nb::bytes& record, unsigned radius, std::optional<std::size_t> limit) {
    std::uint64_t query[kMaxWords];
    if (record.size() != store.words() * sizeof(std::uint64_t)) throw std::invalid_argument("wrong record width");
    std::memcpy(query, record.data(), record.size());
    prepare(store, query, 1);
    std::vector<Hit> hits;
    {
        const nb::gil_scoped_release unlocked;
        hits = hashpact::search(store, query, radius, limit_or_none(limit));
    }
    nb::list found;
    for (const Hit& hit : hits) found.append(nb::make_tuple(hit.id, shown(store, hit.distance)));
    return found;
}

// A NumPy array that owns these values.
template <class T>
nb::object array(std::vector<T>&& values) {
    auto kept = std::make_unique<std::vector<T>>(std::move(values));
    const nb::capsule owner(kept.get(), [](void* all) noexcept { delete static_cast<std::vector<T>*>(all); });
    std::vector<T>* all = kept.release();
    return nb::ndarray<nb::numpy, T, nb::ndim<1>>(all->data(), {all->size()}, owner).cast();
}

// The ids and shares of what a text with these hashes contains, and whether the search was cut short.
inline nb::tuple search_contained(const WinnowStore& store, const Hashes& text, double least,
                                  std::optional<std::size_t> limit) {
    std::vector<std::uint64_t> ids;
    std::vector<double> shares;
    bool truncated = false;
    {
        const nb::gil_scoped_release unlocked;
        const std::vector<std::uint32_t> hashes(text.data(), text.data() + text.shape(0));
        const WinnowAnswer answer = hashpact::search(store, hashes, least, limit_or_none(limit));
        for (const Contained& hit : answer.hits) {
            ids.push_back(hit.id);
            shares.push_back(hit.share);
        }
        truncated = answer.truncated;
    }
    return nb::make_tuple(array(std::move(ids)), array(std::move(shares)), truncated);
}

template <class Store>
nb::tuple search_batch(const Store& store, const Records& records, unsigned radius, unsigned threads,
                       std::optional<std::size_t> limit) {
    std::vector<std::int64_t> offsets{0};
    std::vector<std::uint64_t> ids;
    std::vector<decltype(shown(store, 0))> distances;
    {
        const nb::gil_scoped_release unlocked;
        const std::vector<std::uint64_t> queries = words_of(store, records);
        const auto all =
            hashpact::search_batch(store, queries.data(), records.shape(0), radius, limit_or_none(limit), threads);
        for (const std::vector<Hit>& hits : all) {
            for (const Hit& hit : hits) {
                ids.push_back(hit.id);
                distances.push_back(shown(store, hit.distance));
            }
            offsets.push_back(static_cast<std::int64_t>(ids.size()));
        }
    }
    return nb::make_tuple(array(std::move(offsets)), array(std::move(ids)), array(std::move(distances)));
}

template <class Store>
nb::dict stats(const Store& store) {
    const StoreStats stats = store.stats();
    nb::dict out;
    out["rows"] = stats.rows;
    out["tombstones"] = stats.tombstones;
    out["delta"] = stats.delta;
    out["bytes"] = stats.bytes;
    out["segments"] = stats.segments;
    return out;
}

template <class Store>
nb::class_<Store> bind_store(nb::module_& module, const char* name, const char* frozen) {
    bind_frozen<Store>(module, frozen);
    return bind_files(nb::class_<Store>(module, name))
        .def("add", &add<Store>, "ids"_a, "records"_a)
        .def("remove", &remove<Store>, "ids"_a)
        .def("known", &known<Store>, "ids"_a)
        .def("stats", &stats<Store>)
        .def("__len__", &Store::size);
}

// One whose searches look into each layer by itself.
template <class Store>
nb::class_<Store> bind_layered(nb::module_& module, const char* name, const char* frozen) {
    return bind_store<Store>(module, name, frozen)
        .def("search", &search<Store>, "record"_a, "radius"_a, "limit"_a.none())
        .def("search_batch", &search_batch<Store>, "records"_a, "radius"_a, "threads"_a, "limit"_a.none());
}

inline nb::class_<HammingStore> bind_hamming(nb::module_& module) {
    return bind_layered<HammingStore>(module, "HammingStore", "HammingFrozen")
        .def(
            "__init__",
            [](HammingStore* self, std::size_t width, unsigned radius) {
                const std::size_t words = width / sizeof(std::uint64_t);
                if (words < 1 || words > kMaxWords || width % sizeof(std::uint64_t) != 0) {
                    throw std::invalid_argument("a code has 8 to 512 bytes, a multiple of 8");
                }
                new (self) HammingStore(static_cast<unsigned>(words), {radius});
            },
            "width"_a, "radius"_a)
        .def_prop_ro("width", [](const HammingStore& store) { return store.words() * sizeof(std::uint64_t); });
}

inline nb::class_<MinHashStore> bind_minhash(nb::module_& module) {
    return bind_layered<MinHashStore>(module, "MinHashStore", "MinHashFrozen")
        .def(
            "__init__",
            [](MinHashStore* self, unsigned bands, unsigned values) {
                const Bands checked(bands, values);
                new (self) MinHashStore(kSignatureWords, {checked.needed(), checked.values()});
            },
            "bands"_a, "values"_a)
        .def_prop_ro("bands", [](const MinHashStore& store) { return store.options().bands; })
        .def_prop_ro("values", [](const MinHashStore& store) { return store.options().values; });
}

inline nb::class_<WinnowStore> bind_winnow(nb::module_& module) {
    return bind_store<WinnowStore>(module, "WinnowStore", "WinnowFrozen")
        .def("__init__", [](WinnowStore* self) { new (self) WinnowStore(kWinnowWords, {}); })
        .def("search", &search_contained, "hashes"_a, "least_share"_a, "limit"_a.none());
}

}  // namespace hashpact::binding

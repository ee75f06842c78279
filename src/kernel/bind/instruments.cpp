// The instruments of the benchmarks as the Python module hashpact._instruments, over a kernel that counts what its
// searches read. It is built with HASHPACT_INSTRUMENTS and is in no wheel.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>

#include <cstring>
#include <optional>
#include <stdexcept>

#include "bind/classes.hpp"
#include "bind/files.hpp"
#include "bind/levels.hpp"
#include "instruments/random_read.hpp"
#include "instruments/touch_counter.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using hashpact::binding::HammingStore;

namespace {

nb::dict touches(const HammingStore& store, const nb::bytes& record, unsigned radius,
                 std::optional<std::size_t> limit) {
    std::uint64_t query[hashpact::kMaxWords];
    if (record.size() != store.words() * sizeof(std::uint64_t)) throw std::invalid_argument("wrong record width");
    std::memcpy(query, record.data(), record.size());
    hashpact::TouchCounter counter;
    hashpact::search(store, query, radius, hashpact::binding::limit_or_none(limit));
    const hashpact::Touches counts = counter.counts();
    nb::dict out;
    out["probes"] = counts.probes;
    out["buckets"] = counts.buckets;
    out["entries"] = counts.entries;
    out["candidates"] = counts.candidates;
    out["lines"] = counts.lines;
    return out;
}

}  // namespace

NB_MODULE(_instruments, module) {
    hashpact::binding::translate_file_errors();

    hashpact::binding::bind_levels(module);
    module.def("random_read", &hashpact::random_read, "size"_a, "ahead"_a, nb::call_guard<nb::gil_scoped_release>());
    hashpact::binding::bind_hamming(module).def("touches", &touches, "record"_a, "radius"_a, "limit"_a.none());
}

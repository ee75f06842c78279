// The part of the binding that is about files.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <cerrno>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/segment_file.hpp"
#include "stores.hpp"

namespace hashpact::binding {

namespace nb = nanobind;
using namespace nb::literals;

// A thing whose end does not hold the GIL: a merge has to stop, and to give back much memory takes long.
template <class Thing>
class Owned : public Thing {
  public:
    using Thing::Thing;
    explicit Owned(Thing&& thing) : Thing(std::move(thing)) {}
    Owned(const Owned&) = delete;
    Owned& operator=(const Owned&) = delete;
    ~Owned() {
        const nb::gil_scoped_release unlocked;
        Thing::close();
    }
};

// Errors of files become OSError with its number and path, or the package's CorruptError.
inline void translate_file_errors() {
    nb::register_exception_translator([](const std::exception_ptr& thrown, void*) {
        try {
            std::rethrow_exception(thrown);
        } catch (const FileError& error) {
            errno = error.code().value();
            PyErr_SetFromErrnoWithFilename(PyExc_OSError, error.path().c_str());
        } catch (const CorruptFile& error) {
            const nb::object kind = nb::module_::import_("hashpact.errors").attr("CorruptError");
            PyErr_SetString(kind.ptr(), error.what());
        }
    });
}

// What `HammingStore.freeze` gives is a HammingFrozen, and so on.
template <class Store>
void bind_frozen(nb::module_& module, const char* name) {
    using Frozen = Owned<typename Store::Frozen>;
    const nb::call_guard<nb::gil_scoped_release> unlocked;
    nb::class_<Frozen>(module, name)
        .def("layers", &Frozen::layers, unlocked)
        .def("stored", &Frozen::stored, "layer"_a, unlocked)
        .def("withdrawn", &Frozen::withdrawn, unlocked)
        .def("write_layer", &Frozen::write_layer, "layer"_a, "path"_a, unlocked)
        .def("write_tombstones", &Frozen::write_tombstones, "path"_a, unlocked)
        .def("save", &Frozen::save, "path"_a, unlocked)
        .def("dump", &Frozen::dump, "descriptor"_a, unlocked);
}

template <class Store>
nb::class_<Store> bind_files(nb::class_<Store> store) {
    using Frozen = Owned<typename Store::Frozen>;
    const nb::call_guard<nb::gil_scoped_release> unlocked;
    store
        .def_static(
            "open",
            [](const std::vector<FileName>& files, const std::optional<FileName>& tombstones) {
                return std::make_unique<Store>(open_layers<typename Store::SegmentType>(files, tombstones));
            },
            "files"_a, "tombstones"_a.none(), unlocked)
        .def("verify", &Store::verify, unlocked)
        .def("freeze", [](Store& frozen) { return std::make_unique<Frozen>(frozen.freeze()); }, unlocked)
        .def("compact", &Store::compact, unlocked)
        .def("compacting", &Store::compacting, unlocked)
        .def("settle", &Store::settle, unlocked);
    return store;
}

}  // namespace hashpact::binding

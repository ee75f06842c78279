// The part of the binding that is about pictures.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include "image/lanczos.hpp"
#include "image/pdq.hpp"

namespace hashpact::binding {

namespace nb = nanobind;
using namespace nb::literals;

using Band = nb::ndarray<const std::uint8_t, nb::ndim<3>, nb::c_contig, nb::device::cpu>;

// What the Arrow C data interface hands over (https://arrow.apache.org/docs/format/CDataInterface.html).
struct ArrowArray {
    std::int64_t length;
    std::int64_t null_count;
    std::int64_t offset;
    std::int64_t n_buffers;
    std::int64_t n_children;
    const void** buffers;
    ArrowArray** children;
    ArrowArray* dictionary;
    void (*release)(ArrowArray*);
    void* private_data;
};

// The pixels of a picture in the memory that Pillow has them in: lists of four bytes, of which the one child has all.
inline nb::ndarray<nb::numpy, const std::uint8_t, nb::ndim<3>> pixels(nb::capsule array, std::size_t height,
                                                                      std::size_t width) {
    const auto* const lists = static_cast<const ArrowArray*>(PyCapsule_GetPointer(array.ptr(), "arrow_array"));
    if (lists == nullptr) throw nb::python_error();
    const auto size = static_cast<std::int64_t>(height * width);
    const bool whole = lists->length == size && lists->offset == 0 && lists->n_children == 1;
    const ArrowArray* const bytes = whole ? lists->children[0] : nullptr;
    if (bytes == nullptr || bytes->length != size * static_cast<std::int64_t>(kPixelBytes) || bytes->offset != 0 ||
        bytes->n_buffers != 2) {
        throw std::invalid_argument("not a picture of that size with four bytes a pixel");
    }
    return {bytes->buffers[1], {height, width, kPixelBytes}, array};
}

template <typename Reduction>
void add_band(Reduction& reduction, const Band& band) {
    if (band.shape(1) != reduction.width() || band.shape(2) != kPixelBytes) throw std::invalid_argument("wrong width");
    if (band.shape(0) > reduction.missing()) throw std::invalid_argument("too many rows");
    const nb::gil_scoped_release unlocked;
    reduction.add(band.data(), band.shape(0));
}

using Grey = nb::ndarray<const std::uint8_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

inline void add_grey(Lanczos& small, const Grey& band) {
    if (band.shape(1) != small.width()) throw std::invalid_argument("wrong width");
    if (band.shape(0) > small.missing()) throw std::invalid_argument("too many rows");
    const nb::gil_scoped_release unlocked;
    small.add_grey(band.data(), band.shape(0));
}

inline nb::bytes finish_square(Lanczos& small) {
    if (small.missing() != 0) throw std::invalid_argument("rows are missing");
    const Lanczos::Square square = small.finish();
    return nb::bytes(square.data(), square.size());
}

inline nb::tuple finish(Pdq& pdq) {
    if (pdq.missing() != 0) throw std::invalid_argument("rows are missing");
    const Pdq::Result result = pdq.finish();
    nb::list codes;
    for (const Pdq::Code& code : result.codes) codes.append(nb::bytes(code.data(), code.size()));
    return nb::make_tuple(codes, result.quality, result.doubtful);
}

inline void bind_pictures(nb::module_& module) {
    module.def("pixels", &pixels, "array"_a, "height"_a, "width"_a);
    nb::class_<Pdq>(module, "Pdq")
        .def(
            "__init__",
            [](Pdq* self, std::size_t width, std::size_t height) {
                if (width == 0 || height == 0) throw std::invalid_argument("a picture without pixels");
                new (self) Pdq(width, height);
            },
            "width"_a, "height"_a)
        .def("add", &add_band<Pdq>, "band"_a)
        .def("finish", &finish);
    nb::class_<Lanczos>(module, "Lanczos")
        .def(
            "__init__",
            [](Lanczos* self, std::size_t width, std::size_t height) {
                if (width == 0 || height == 0) throw std::invalid_argument("a picture without pixels");
                new (self) Lanczos(width, height);
            },
            "width"_a, "height"_a)
        .def("add", &add_band<Lanczos>, "band"_a)
        .def("add_grey", &add_grey, "band"_a)
        .def("finish", &finish_square);
}

}  // namespace hashpact::binding

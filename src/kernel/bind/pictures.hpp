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

inline void add_band(Pdq& pdq, const Band& band) {
    if (band.shape(1) != pdq.width() || band.shape(2) != 3) throw std::invalid_argument("wrong width");
    if (band.shape(0) > pdq.missing()) throw std::invalid_argument("too many rows");
    const nb::gil_scoped_release unlocked;
    pdq.add(band.data(), band.shape(0));
}

using Grey = nb::ndarray<const std::uint8_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

inline void add_grey(Lanczos& small, const Grey& band) {
    if (band.shape(1) != small.width()) throw std::invalid_argument("wrong width");
    if (band.shape(0) > small.missing()) throw std::invalid_argument("too many rows");
    const nb::gil_scoped_release unlocked;
    small.add(band.data(), band.shape(0));
}

inline nb::bytes finish_square(const Lanczos& small) {
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
    nb::class_<Pdq>(module, "Pdq")
        .def(
            "__init__",
            [](Pdq* self, std::size_t width, std::size_t height) {
                if (width == 0 || height == 0) throw std::invalid_argument("a picture without pixels");
                new (self) Pdq(width, height);
            },
            "width"_a, "height"_a)
        .def("add", &add_band, "band"_a)
        .def("finish", &finish);
    nb::class_<Lanczos>(module, "Lanczos")
        .def(
            "__init__",
            [](Lanczos* self, std::size_t width, std::size_t height) {
                if (width == 0 || height == 0) throw std::invalid_argument("a picture without pixels");
                new (self) Lanczos(width, height);
            },
            "width"_a, "height"_a)
        .def("add", &add_grey, "band"_a)
        .def("finish", &finish_square);
}

}  // namespace hashpact::binding

// The part of the binding that is about signatures.
#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <stdexcept>
#include <vector>

#include "edwards/table.hpp"

namespace hashpact::binding {

inline constexpr std::size_t key_size = 32;

inline const unsigned char* bytes_of(const nanobind::bytes& bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.c_str());
}

inline nanobind::bytes verified(const edwards::Verifier& verifier, const nanobind::bytes& r, const nanobind::bytes& s,
                                const nanobind::bytes& h) {
    if (r.size() % key_size || s.size() != r.size() || h.size() != r.size()) {
        throw std::invalid_argument("want as many R, s and h, of 32 bytes each");
    }
    std::vector<unsigned char> found;
    {
        const nanobind::gil_scoped_release unlocked;
        found = verifier.verify(bytes_of(r), bytes_of(s), bytes_of(h), r.size() / key_size);
    }
    return nanobind::bytes(found.data(), found.size());
}

inline void bind_edwards(nanobind::module_& module) {
    namespace nb = nanobind;
    nb::class_<edwards::Verifier>(module, "Ed25519Verifier")
        .def("__init__",
             [](edwards::Verifier* self, const nb::bytes& key) {
                 if (key.size() != key_size) throw std::invalid_argument("a public key has 32 bytes");
                 new (self) edwards::Verifier(bytes_of(key));
             },
             nb::arg("key"))
        .def("verify", &verified, nb::arg("r"), nb::arg("s"), nb::arg("h"));
}

}  // namespace hashpact::binding

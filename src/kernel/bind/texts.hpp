// The part of the binding that is about texts.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/vector.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "minhash/signature.hpp"
#include "winnow/fingerprint.hpp"

namespace hashpact::binding {

namespace nb = nanobind;
using namespace nb::literals;

// Appends a value, big-endian.
inline void append(std::vector<unsigned char>& bytes, std::uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<unsigned char>(value >> shift));
}

inline Signature signature_of(std::string_view text, std::size_t enough) {
    return hashpact::signature_of(reinterpret_cast<const unsigned char*>(text.data()), text.size(), enough);
}

// The signatures of the texts, each value big-endian, and their numbers of distinct shingles.
inline nb::tuple minhash(const std::vector<nb::bytes>& texts, std::size_t enough) {
    // The vector of objects keeps them alive, and bytes do not change.
    std::vector<std::string_view> views;
    for (const nb::bytes& text : texts) views.emplace_back(text.c_str(), text.size());
    std::vector<unsigned char> values;
    std::vector<std::size_t> shingles;
    {
        const nb::gil_scoped_release unlocked;
        values.reserve(texts.size() * sizeof(SignatureValues));
        for (const std::string_view text : views) {
            const Signature signature = signature_of(text, enough);
            for (const std::uint32_t value : signature.values) append(values, value);
            shingles.push_back(signature.shingles);
        }
    }
    return nb::make_tuple(nb::bytes(values.data(), values.size()), shingles);
}

// The winnowed hashes of a text, big-endian in ascending order: the least `most` of them.
inline nb::bytes winnow(const nb::bytes& text, std::size_t most) {
    const std::string_view view(text.c_str(), text.size());
    std::vector<unsigned char> values;
    {
        const nb::gil_scoped_release unlocked;
        const auto* bytes = reinterpret_cast<const unsigned char*>(view.data());
        for (const std::uint32_t hash : winnowed(bytes, view.size(), most)) append(values, hash);
    }
    return nb::bytes(values.data(), values.size());
}

inline nb::bytes folded(const nb::bytes& text) {
    const std::string_view view(text.c_str(), text.size());
    std::vector<unsigned char> folded;
    {
        const nb::gil_scoped_release unlocked;
        folded = fold(reinterpret_cast<const unsigned char*>(view.data()), view.size());
    }
    return nb::bytes(folded.data(), folded.size());
}

inline void bind_texts(nb::module_& module) {
    module.def("fold", &folded, "text"_a);
    module.def("minhash", &minhash, "texts"_a, "enough"_a);
    module.def("winnow", &winnow, "text"_a, "most"_a);
}

}  // namespace hashpact::binding

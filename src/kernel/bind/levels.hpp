// The instruction sets, for tests to choose between.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <vector>

#include "isa/cpu.hpp"

namespace hashpact::binding {

inline void bind_levels(nanobind::module_& module) {
    using namespace nanobind::literals;
    module.def("levels", [] {
        std::vector<std::string> names;
        for (const Kernels* table : available_kernels()) names.emplace_back(table->name);
        return names;
    });
    module.def("level", [] { return std::string(kernels().name); });
    module.def("use_level", &use_kernels, "name"_a);
}

}  // namespace hashpact::binding

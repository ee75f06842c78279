// Which instruction sets this processor has, and which one the kernel uses.
#pragma once

#include <string>
#include <vector>

#include "isa/kernels.hpp"

namespace hashpact {

// The tables that this processor can run, the slowest first.
std::vector<const Kernels*> available_kernels();

// The table in use: the last of the available ones unless `use_kernels` chose another.
const Kernels& kernels();

// For tests: uses the table of that name from now on. Throws std::invalid_argument if it is not available.
void use_kernels(const std::string& name);

}  // namespace hashpact

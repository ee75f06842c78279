// The kernel as the Python module hashpact._kernel; _kernel.pyi has its types. Values are checked in Python:
// here only shapes are, as far as memory safety needs it. Long work runs without the GIL.
#include <nanobind/nanobind.h>

#include "bind/classes.hpp"
#include "bind/edwards.hpp"
#include "bind/files.hpp"
#include "bind/levels.hpp"
#include "bind/parts.hpp"
#include "bind/pictures.hpp"
#include "bind/texts.hpp"

NB_MODULE(_kernel, module) {
    hashpact::binding::translate_file_errors();

    hashpact::binding::bind_levels(module);
    hashpact::binding::bind_texts(module);
    hashpact::binding::bind_pictures(module);
    hashpact::binding::bind_edwards(module);
    hashpact::binding::bind_hamming(module);
    hashpact::binding::bind_minhash(module);
    hashpact::binding::bind_parts(module);
    hashpact::binding::bind_winnow(module);
}

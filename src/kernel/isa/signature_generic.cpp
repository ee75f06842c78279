// The signature kernels with the vectors that every processor of a 64-bit family has.
#include "isa/signature_impl.hpp"

namespace hashpact {
const SignatureKernels kGenericSignatures = signature_kernels<16, 2>();
}

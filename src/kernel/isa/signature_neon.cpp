// The signature kernels with NEON.
#include "isa/signature_impl.hpp"

namespace hashpact {
const SignatureKernels kNeonSignatures = signature_kernels<16, 8>();
}

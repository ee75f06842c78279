// The signature kernels with AVX2.
#include "isa/signature_impl.hpp"

namespace hashpact {
const SignatureKernels kAvx2Signatures = signature_kernels<32, 4>();
}

// The signature kernels with AVX-512.
#include "signature_impl.hpp"

namespace hashpact {
const SignatureKernels kAvx512Signatures = signature_kernels<64, 8>();
}

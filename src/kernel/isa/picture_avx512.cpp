// The picture kernels with AVX-512.
#include "isa/picture_impl.hpp"

namespace hashpact {
const PictureKernels kAvx512Pictures = picture_kernels<64>();
}

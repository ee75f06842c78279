// The picture kernels with AVX2.
#include "isa/picture_impl.hpp"

namespace hashpact {
const PictureKernels kAvx2Pictures = picture_kernels<32>();
}

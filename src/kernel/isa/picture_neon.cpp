// The picture kernels with NEON.
#include "isa/picture_impl.hpp"

namespace hashpact {
const PictureKernels kNeonPictures = picture_kernels<16>();
}

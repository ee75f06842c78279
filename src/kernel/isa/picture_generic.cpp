// The picture kernels with the vectors that every processor of a 64-bit family has.
#include "isa/picture_impl.hpp"

namespace hashpact {
const PictureKernels kGenericPictures = picture_kernels<16>();
}

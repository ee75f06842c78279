// The stores that there are.
#pragma once

#include "hamming_segment.hpp"
#include "minhash_segment.hpp"
#include "store.hpp"

namespace hashpact {

extern template class Frozen<HammingSegment>;
extern template class Frozen<MinHashSegment>;
extern template class Store<HammingSegment>;
extern template class Store<MinHashSegment>;

}  // namespace hashpact

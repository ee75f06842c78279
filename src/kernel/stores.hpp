// The stores that there are.
#pragma once

#include "hamming/segment.hpp"
#include "minhash/segment.hpp"
#include "store/store.hpp"

namespace hashpact {

extern template class Frozen<HammingSegment>;
extern template class Frozen<MinHashSegment>;
extern template class Store<HammingSegment>;
extern template class Store<MinHashSegment>;

}  // namespace hashpact

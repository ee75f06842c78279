// The stores that there are.
#pragma once

#include "hamming/segment.hpp"
#include "minhash/segment.hpp"
#include "parts/segment.hpp"
#include "store/store.hpp"
#include "winnow/segment.hpp"

namespace hashpact {

extern template class Frozen<HammingSegment>;
extern template class Frozen<MinHashSegment>;
extern template class Frozen<PartsSegment>;
extern template class Frozen<WinnowSegment>;
extern template class Store<HammingSegment>;
extern template class Store<MinHashSegment>;
extern template class Store<PartsSegment>;
extern template class Store<WinnowSegment>;

}  // namespace hashpact

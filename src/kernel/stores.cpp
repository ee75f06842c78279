#include "stores.hpp"

namespace hashpact {

template class Frozen<HammingSegment>;
template class Frozen<MinHashSegment>;
template class Frozen<PartsSegment>;
template class Frozen<WinnowSegment>;
template class Store<HammingSegment>;
template class Store<MinHashSegment>;
template class Store<PartsSegment>;
template class Store<WinnowSegment>;

}  // namespace hashpact

#include "stores.hpp"

namespace hashpact {

template class Frozen<HammingSegment>;
template class Frozen<MinHashSegment>;
template class Frozen<PartsSegment>;
template class Store<HammingSegment>;
template class Store<MinHashSegment>;
template class Store<PartsSegment>;

}  // namespace hashpact

#include "stores.hpp"

namespace hashpact {

template class Frozen<HammingSegment>;
template class Frozen<MinHashSegment>;
template class Store<HammingSegment>;
template class Store<MinHashSegment>;

}  // namespace hashpact

#include "stores.hpp"

namespace hashpact {

template class Frozen<HammingSegment>;
template class Frozen<MinHashSegment>;
template class Frozen<WinnowSegment>;
template class Store<HammingSegment>;
template class Store<MinHashSegment>;
template class Store<WinnowSegment>;

}  // namespace hashpact

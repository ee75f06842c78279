// The kernels with AVX-512 and its BITALG extension, which counts the set bits of 32 sketches at once.
#include <immintrin.h>

#include "kernels_impl.hpp"

namespace {

struct Avx512 {
    static constexpr unsigned kLanes = 32;

    static std::uint32_t within(const std::uint16_t* sketches, std::uint16_t sketch, std::uint8_t radius) {
        const __m512i stored = _mm512_loadu_si512(sketches);
        const __m512i x = _mm512_xor_si512(stored, _mm512_set1_epi16(static_cast<short>(sketch)));
        return _mm512_cmple_epu16_mask(_mm512_popcnt_epi16(x), _mm512_set1_epi16(radius));
    }

    static unsigned distance(const std::uint64_t* a, const std::uint64_t* b, unsigned words) {
        unsigned total = 0;
        for (unsigned i = 0; i < words; ++i) total += static_cast<unsigned>(_mm_popcnt_u64(a[i] ^ b[i]));
        return total;
    }

    static unsigned equal(const std::uint64_t* a, const std::uint64_t* b) {
        unsigned total = 0;
        for (unsigned i = 0; i < hashpact::kSignatureValues / 2; i += 8) {
            const __mmask16 same = _mm512_cmpeq_epi32_mask(_mm512_loadu_si512(a + i), _mm512_loadu_si512(b + i));
            total += static_cast<unsigned>(_mm_popcnt_u32(same));
        }
        return total;
    }
};

}  // namespace

namespace hashpact {
const Kernels kAvx512Kernels = table<Avx512>("avx512");
}

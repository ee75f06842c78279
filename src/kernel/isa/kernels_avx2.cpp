// The kernels with AVX2: set bits by a table of nibbles (Mula, Kurz, Lemire, "Faster population counts using
// AVX2 instructions", 2016).
#include <immintrin.h>

#include "isa/kernels_impl.hpp"

namespace {

struct Avx2 {
    static constexpr unsigned kLanes = 16;

    static __m256i ones_of_bytes(__m256i x) {
        const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                               0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
        const __m256i nibble = _mm256_set1_epi8(0x0F);
        const __m256i low = _mm256_shuffle_epi8(table, _mm256_and_si256(x, nibble));
        const __m256i high = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(x, 4), nibble));
        return _mm256_add_epi8(low, high);
    }

    static std::uint32_t within(const std::uint16_t* sketches, std::uint16_t sketch, std::uint16_t radius) {
        const __m256i stored = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(sketches));
        const __m256i x = _mm256_xor_si256(stored, _mm256_set1_epi16(static_cast<short>(sketch)));
        const __m256i counts = _mm256_maddubs_epi16(ones_of_bytes(x), _mm256_set1_epi8(1));
        const __m256i near = _mm256_cmpgt_epi16(_mm256_set1_epi16(static_cast<short>(radius + 1)), counts);
        // One byte for each sketch, in order, then one bit for each byte.
        const __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(near), _mm256_extracti128_si256(near, 1));
        return static_cast<std::uint32_t>(_mm_movemask_epi8(bytes));
    }

    using Slice __attribute__((vector_size(32))) = std::uint64_t;

    static Slice ones(Slice slice) {
        const __m256i bytes = ones_of_bytes(reinterpret_cast<__m256i>(slice));
        return reinterpret_cast<Slice>(_mm256_sad_epu8(bytes, _mm256_setzero_si256()));
    }

    template <unsigned kWords>
    static constexpr unsigned kCodes = 0;

    static unsigned distance(const std::uint64_t* a, const std::uint64_t* b, unsigned words) {
        unsigned total = 0;
        for (unsigned i = 0; i < words; ++i) total += static_cast<unsigned>(_mm_popcnt_u64(a[i] ^ b[i]));
        return total;
    }
};

}  // namespace

namespace hashpact {
const Kernels kAvx2Kernels = table<Avx2>("avx2", &kAvx2Signatures, &kAvx2Pictures);
}

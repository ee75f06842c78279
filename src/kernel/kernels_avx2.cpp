// The kernels with AVX2: set bits by a table of nibbles (Mula, Kurz, Lemire, "Faster population counts using
// AVX2 instructions", 2016).
#include <immintrin.h>

#include "kernels_impl.hpp"

namespace {

struct Avx2 {
    static constexpr unsigned kLanes = 16;

    static std::uint32_t within(const std::uint16_t* sketches, std::uint16_t sketch, std::uint8_t radius) {
        const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                               0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
        const __m256i nibble = _mm256_set1_epi8(0x0F);
        const __m256i stored = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(sketches));
        const __m256i x = _mm256_xor_si256(stored, _mm256_set1_epi16(static_cast<short>(sketch)));
        const __m256i low = _mm256_shuffle_epi8(table, _mm256_and_si256(x, nibble));
        const __m256i high = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(x, 4), nibble));
        const __m256i counts = _mm256_maddubs_epi16(_mm256_add_epi8(low, high), _mm256_set1_epi8(1));
        const __m256i near = _mm256_cmpgt_epi16(_mm256_set1_epi16(static_cast<short>(radius + 1)), counts);
        // One byte for each sketch, in order, then one bit for each byte.
        const __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(near), _mm256_extracti128_si256(near, 1));
        return static_cast<std::uint32_t>(_mm_movemask_epi8(bytes));
    }

    static unsigned distance(const std::uint64_t* a, const std::uint64_t* b, unsigned words) {
        unsigned total = 0;
        for (unsigned i = 0; i < words; ++i) total += static_cast<unsigned>(_mm_popcnt_u64(a[i] ^ b[i]));
        return total;
    }

    static unsigned equal(const std::uint64_t* a, const std::uint64_t* b) {
        __m256i total = _mm256_setzero_si256();
        for (unsigned i = 0; i < hashpact::kSignatureValues / 2; i += 4) {
            const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(a + i));
            const __m256i y = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + i));
            total = _mm256_sub_epi32(total, _mm256_cmpeq_epi32(x, y));
        }
        __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(total), _mm256_extracti128_si256(total, 1));
        sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4E));
        sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xB1));
        return static_cast<unsigned>(_mm_cvtsi128_si32(sum));
    }
};

}  // namespace

namespace hashpact {
const Kernels kAvx2Kernels = table<Avx2>("avx2");
}

// The kernels with AVX-512 and its BITALG and VPOPCNTDQ extensions, which count the set bits of 32 sketches or of 8
// words at once.
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 warns of the vectors that this header of its own leaves undefined on purpose (its bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#else
#include <immintrin.h>
#endif

#include "isa/kernels_impl.hpp"

namespace {

struct Avx512 {
    static constexpr unsigned kLanes = 32;

    static std::uint32_t within(const std::uint16_t* sketches, std::uint16_t sketch, std::uint16_t radius) {
        const __m512i stored = _mm512_loadu_si512(sketches);
        const __m512i x = _mm512_xor_si512(stored, _mm512_set1_epi16(static_cast<short>(sketch)));
        return _mm512_cmple_epu16_mask(_mm512_popcnt_epi16(x), _mm512_set1_epi16(static_cast<short>(radius)));
    }

    using Slice __attribute__((vector_size(64))) = std::uint64_t;

    static Slice ones(Slice slice) {
        return reinterpret_cast<Slice>(_mm512_popcnt_epi64(reinterpret_cast<__m512i>(slice)));
    }

    // Codes of one or four words, eight at a time.
    template <unsigned kWords>
    static constexpr unsigned kCodes = kWords == 1 || kWords == 4 ? 8 : 0;

    template <unsigned kWords>
    static std::uint32_t near(const std::uint64_t* codes, const std::uint64_t* query, unsigned radius,
                              std::uint16_t* distances) {
        const __m512i bound = _mm512_set1_epi64(radius);
        __m512i totals;
        if constexpr (kWords == 1) {
            totals = differences(codes, _mm512_set1_epi64(static_cast<long long>(*query)));
        } else {
            const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(query));
            const __m512i both = _mm512_broadcast_i64x4(words);
            // Each vector has the counts of two codes; add those of a code, two words and then four.
            const __m512i first = pairs(differences(codes, both), differences(codes + 8, both));
            const __m512i second = pairs(differences(codes + 16, both), differences(codes + 24, both));
            totals = _mm512_add_epi64(_mm512_shuffle_i64x2(first, second, 0x88),
                                      _mm512_shuffle_i64x2(first, second, 0xDD));
        }
        if (_mm512_cmple_epu64_mask(totals, bound) == 0) return 0;
        if constexpr (kWords == 4) {
            totals = _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 1, 3, 4, 6, 5, 7), totals);
        }
        _mm_storeu_si128(reinterpret_cast<__m128i*>(distances), _mm512_cvtepi64_epi16(totals));
        return _mm512_cmple_epu64_mask(totals, bound);
    }

    static __m512i differences(const std::uint64_t* words, __m512i query) {
        return _mm512_popcnt_epi64(_mm512_xor_si512(_mm512_loadu_si512(words), query));
    }

    static __m512i pairs(__m512i a, __m512i b) {
        return _mm512_add_epi64(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
    }

    static unsigned distance(const std::uint64_t* a, const std::uint64_t* b, unsigned words) {
        unsigned total = 0;
        for (unsigned i = 0; i < words; ++i) total += static_cast<unsigned>(_mm_popcnt_u64(a[i] ^ b[i]));
        return total;
    }
};

}  // namespace

namespace hashpact {
const Kernels kAvx512Kernels = table<Avx512>("avx512", &kAvx512Signatures, &kAvx512Pictures);
}

// The signature kernels with AVX-512.
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 warns of the vectors that this header of its own leaves undefined on purpose (its bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#else
#include <immintrin.h>
#endif

#include "isa/signature_impl.hpp"

namespace {

std::size_t tagged_by_lines(const std::uint32_t* const* lines, const std::uint32_t* tags, std::size_t count,
                            std::uint32_t rows, std::uint32_t* found) {
    const __m512i end = _mm512_set1_epi32(static_cast<int>(rows));
    std::size_t size = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const __m512i line = _mm512_loadu_si512(lines[i]);
        const __m512i without = _mm512_xor_si512(line, _mm512_set1_epi32(static_cast<int>(tags[i])));
        const __mmask16 is_row = _mm512_cmplt_epu32_mask(without, end);
        _mm512_storeu_si512(found + size, _mm512_maskz_compress_epi32(is_row, without));
        size += static_cast<unsigned>(__builtin_popcount(is_row));
    }
    return size;
}

}  // namespace

namespace hashpact {
const SignatureKernels kAvx512Signatures = signature_kernels<64, 8>(&tagged_by_lines);
}

// The kernels with NEON, which every aarch64 processor has.
#include <arm_neon.h>

#include "isa/kernels_impl.hpp"

namespace {

inline unsigned set_bits(uint8x16_t x) { return vaddvq_u8(vcntq_u8(x)); }

struct Neon {
    static constexpr unsigned kLanes = 8;

    static std::uint32_t within(const std::uint16_t* sketches, std::uint16_t sketch, std::uint16_t radius) {
        const uint16x8_t x = veorq_u16(vld1q_u16(sketches), vdupq_n_u16(sketch));
        const uint16x8_t counts = vpaddlq_u8(vcntq_u8(vreinterpretq_u8_u16(x)));
        const uint16x8_t near = vcleq_u16(counts, vdupq_n_u16(radius));
        const std::uint16_t bits[8] = {1, 2, 4, 8, 16, 32, 64, 128};
        return vaddvq_u16(vandq_u16(near, vld1q_u16(bits)));
    }

    using Slice __attribute__((vector_size(16))) = std::uint64_t;

    static Slice ones(Slice slice) {
        const uint8x16_t bytes = vcntq_u8(reinterpret_cast<uint8x16_t>(slice));
        return reinterpret_cast<Slice>(vpaddlq_u32(vpaddlq_u16(vpaddlq_u8(bytes))));
    }

    template <unsigned kWords>
    static constexpr unsigned kCodes = 0;

    static unsigned distance(const std::uint64_t* a, const std::uint64_t* b, unsigned words) {
        unsigned total = 0;
        unsigned i = 0;
        for (; i + 2 <= words; i += 2) {
            total += set_bits(vreinterpretq_u8_u64(veorq_u64(vld1q_u64(a + i), vld1q_u64(b + i))));
        }
        if (i < words) total += vaddv_u8(vcnt_u8(vcreate_u8(a[i] ^ b[i])));
        return total;
    }
};

}  // namespace

namespace hashpact {
const Kernels kNeonKernels = table<Neon>("neon", &kNeonSignatures, &kNeonPictures);
}

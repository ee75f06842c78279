// The signature kernels, written once over vectors of `kBytes` bytes as GCC and Clang have them.
//
// Each signature_*.cpp includes this file into its own unnamed namespace, for the reason that kernels_impl.hpp gives.

#include <string.h>

#include "isa/permutations.hpp"
#include "isa/signature_kernels.hpp"

namespace {

using hashpact::kLineEntries;
using hashpact::kShingle;
using hashpact::kShingleBytes;
using hashpact::kSignatureValues;
using hashpact::kSignatureWords;

template <unsigned kBytes>
struct Vector {
    typedef std::uint32_t Values __attribute__((vector_size(kBytes)));
    static constexpr unsigned kLanes = kBytes / sizeof(std::uint32_t);

    static Values all(std::uint32_t value) { return Values{} + value; }

    static Values load(const std::uint32_t* from) {
        Values values;
        memcpy(&values, from, sizeof values);
        return values;
    }
};

template <class T>
inline T rotated(T x, int left) {
    return x << left | x >> (32 - left);
}

inline std::uint64_t big_endian(const unsigned char* bytes) {
    std::uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap64(word) : word;
}

// The first `count` bytes of a big-endian word, then the bit that ends a message.
inline std::uint64_t ended(std::uint64_t word, unsigned count) {
    const std::uint64_t end = std::uint64_t{1} << (63 - 8 * count);
    return (word & ~(2 * end - 1)) | end;
}

// What datasketch makes of one shingle in each lane: the first four bytes of its SHA-1 (RFC 3174, section 6.1; a
// shingle is one block), read in the other byte order.
template <unsigned kBytes>
inline typename Vector<kBytes>::Values sha1(const unsigned char* text, const std::uint32_t* starts,
                                            std::size_t shingles) {
    using Values = typename Vector<kBytes>::Values;
    // The words of the blocks that are not zero: five of data and the end mark, and the length.
    std::uint32_t data[6][Vector<kBytes>::kLanes] = {};
    for (unsigned lane = 0; lane < Vector<kBytes>::kLanes; ++lane) {
        // Where there are fewer shingles than lanes, the last one comes again: that lowers nothing.
        const std::uint32_t* at = starts + (lane < shingles ? lane : shingles - 1);
        const unsigned size = at[kShingle] - at[0];
        std::uint64_t first = big_endian(text + at[0]);
        std::uint64_t second = 0;
        if (size < 8) {
            first = ended(first, size);
        } else if (size < kShingleBytes) {
            second = ended(big_endian(text + at[0] + 8), size - 8);
        } else {
            second = big_endian(text + at[0] + 8);
            data[4][lane] = 0x80000000U;
        }
        data[0][lane] = static_cast<std::uint32_t>(first >> 32);
        data[1][lane] = static_cast<std::uint32_t>(first);
        data[2][lane] = static_cast<std::uint32_t>(second >> 32);
        data[3][lane] = static_cast<std::uint32_t>(second);
        data[5][lane] = 8 * size;
    }
    Values w[16] = {};
    for (unsigned word = 0; word < 5; ++word) w[word] = Vector<kBytes>::load(data[word]);
    w[15] = Vector<kBytes>::load(data[5]);
    const Values start = Vector<kBytes>::all(0x67452301);
    Values a = start;
    Values b = Vector<kBytes>::all(0xEFCDAB89);
    Values c = Vector<kBytes>::all(0x98BADCFE);
    Values d = Vector<kBytes>::all(0x10325476);
    Values e = Vector<kBytes>::all(0xC3D2E1F0);
#pragma GCC unroll 80
    for (unsigned t = 0; t < 80; ++t) {
        if (t >= 16) w[t % 16] = rotated(w[(t + 13) % 16] ^ w[(t + 8) % 16] ^ w[(t + 2) % 16] ^ w[t % 16], 1);
        Values f = b ^ c ^ d;
        if (t < 20) f = d ^ (b & (c ^ d));
        if (t >= 40 && t < 60) f = (b & c) | (d & (b | c));
        const std::uint32_t k = t < 20 ? 0x5A827999 : t < 40 ? 0x6ED9EBA1 : t < 60 ? 0x8F1BBCDC : 0xCA62C1D6;
        const Values next = rotated(a, 5) + f + e + (w[t % 16] + k);
        e = d;
        d = c;
        c = rotated(b, 30);
        b = a;
        a = next;
    }
    const Values h = start + a;
    return (rotated(h, 8) & 0x00FF00FFU) | (rotated(h, 24) & 0xFF00FF00U);
}

// The finaliser of MurmurHash3, 32 bits (Appleby, 2011), with which datasketch's affine32 mixes each hash.
template <class T>
inline T mixed(T h) {
    h ^= h >> 16;
    h *= 0x85EBCA6BU;
    h ^= h >> 13;
    h *= 0xC2B2AE35U;
    return h ^ h >> 16;
}

// The hashes of so many shingles are made, then the permutations applied to them, kGroup vectors of values at a
// time: as many as the registers hold.
constexpr std::size_t kHashes = 256;

template <unsigned kBytes, unsigned kGroup>
void lower(const unsigned char* text, const std::uint32_t* starts, std::size_t shingles, std::uint32_t* least) {
    using V = Vector<kBytes>;
    using Values = typename V::Values;
    alignas(64) std::uint32_t hashes[kHashes];
    for (std::size_t first = 0; first < shingles; first += kHashes) {
        const std::size_t count = shingles - first < kHashes ? shingles - first : kHashes;
        for (std::size_t i = 0; i < count; i += V::kLanes) {
            const Values hash = mixed(sha1<kBytes>(text, starts + first + i, count - i));
            memcpy(hashes + i, &hash, sizeof hash);
        }
        for (unsigned value = 0; value < kSignatureValues; value += kGroup * V::kLanes) {
            Values a[kGroup];
            Values b[kGroup];
            Values low[kGroup];
#pragma GCC unroll 8
            for (unsigned i = 0; i < kGroup; ++i) {
                a[i] = V::load(hashpact::kFactors + value + i * V::kLanes);
                b[i] = V::load(hashpact::kTerms + value + i * V::kLanes);
                low[i] = V::load(least + value + i * V::kLanes);
            }
            for (std::size_t at = 0; at < count; ++at) {
                const Values hash = V::all(hashes[at]);
#pragma GCC unroll 8
                for (unsigned i = 0; i < kGroup; ++i) {
                    const Values permuted = a[i] * hash + b[i];
                    low[i] = permuted < low[i] ? permuted : low[i];
                }
            }
            memcpy(least + value, low, sizeof low);
        }
    }
}

// Each step is a bijection of the value, and the top bits of the product depend on all of it.
template <unsigned kBytes>
void hashes(const std::uint32_t* const* values, unsigned size, std::size_t count, std::uint32_t* hashes) {
    using V = Vector<kBytes>;
    for (std::size_t i = 0; i < count; i += V::kLanes) {
        typename V::Values hash = V::all(0);
        for (unsigned value = 0; value < size; ++value) {
            hash = (hash ^ V::load(values[value] + i)) * 0x9E3779B1U;
            hash ^= hash >> 15;
        }
        hash *= 0x85EBCA6BU;
        hash ^= hash >> 13;
        memcpy(hashes + i, &hash, sizeof hash);
    }
}

std::size_t tagged(const std::uint32_t* const* lines, const std::uint32_t* tags, std::size_t count,
                   std::uint32_t rows, std::uint32_t* found) {
    std::size_t size = 0;
    for (std::size_t i = 0; i < count; ++i) {
        for (unsigned entry = 0; entry < kLineEntries; ++entry) {
            found[size] = lines[i][entry] ^ tags[i];
            size += found[size] < rows ? 1 : 0;
        }
    }
    return size;
}

constexpr unsigned kPlanes = 8;
constexpr unsigned kPlaneWords = kSignatureWords / kPlanes;
constexpr std::uint64_t kEachNibble = 0x1111111111111111U;
constexpr std::uint64_t kEachByte = 0x0101010101010101U;

// How many of the first `kUsed` planes' nibbles are not zero somewhere: values that differ.
template <unsigned kUsed>
inline unsigned different(const std::uint64_t* a, const std::uint64_t* b) {
    std::uint64_t sum = 0;
    for (unsigned word = 0; word < kPlaneWords; ++word) {
        std::uint64_t bits = 0;
        for (unsigned plane = 0; plane < kUsed; ++plane) {
            bits |= a[plane * kPlaneWords + word] ^ b[plane * kPlaneWords + word];
        }
        // The top bit of a nibble becomes set if any of its bits is; the sums of eight words fit into a nibble.
        bits |= (bits & 7 * kEachNibble) + 7 * kEachNibble;
        sum += bits >> 3 & kEachNibble;
    }
    const std::uint64_t bytes = (sum & 15 * kEachByte) + (sum >> 4 & 15 * kEachByte);
    return static_cast<unsigned>(bytes * kEachByte >> 56);
}

// Rows are far apart, so their lines are asked for this many rows ahead.
constexpr std::size_t kDifferencesAhead = 2;

std::size_t filter(const std::uint64_t* signatures, const std::uint64_t* query, const std::uint32_t* rows,
                   std::size_t count, unsigned radius, std::uint32_t* passed) {
    const auto signature = [&](std::size_t i) { return signatures + std::size_t{rows[i]} * kSignatureWords; };
    std::size_t found = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const bool near = different<1>(signature(i), query) <= radius;
        passed[found] = rows[i];
        found += near ? 1 : 0;
    }
    return found;
}

void differences(const std::uint64_t* signatures, const std::uint64_t* query, const std::uint32_t* rows,
                 std::size_t count, std::uint16_t* out) {
    const auto signature = [&](std::size_t i) { return signatures + std::size_t{rows[i]} * kSignatureWords; };
    const auto prefetch = [&](std::size_t i) {
        for (unsigned plane = 0; plane < kPlanes; ++plane) __builtin_prefetch(signature(i) + plane * kPlaneWords);
    };
    for (std::size_t i = 0; i < kDifferencesAhead && i < count; ++i) prefetch(i);
    for (std::size_t i = 0; i < count; ++i) {
        if (i + kDifferencesAhead < count) prefetch(i + kDifferencesAhead);
        out[i] = static_cast<std::uint16_t>(different<kPlanes>(signature(i), query));
    }
}

template <unsigned kBytes, unsigned kGroup>
constexpr hashpact::SignatureKernels signature_kernels(decltype(&tagged) with_tag = &tagged) {
    return {&lower<kBytes, kGroup>, &hashes<kBytes>, with_tag, &filter, &differences};
}

}  // namespace

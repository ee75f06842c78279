// The checksum of files: CRC-32C (Castagnoli, 1993; RFC 3720, appendix B.4), which processors have an instruction for.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hashpact {

// The checksum of what `so_far` is the checksum of, followed by `size` bytes. That of nothing is 0.
std::uint32_t crc32c(const void* data, std::size_t size, std::uint32_t so_far = 0);

// The same without the instruction.
std::uint32_t crc32c_portable(const void* data, std::size_t size, std::uint32_t so_far = 0);

}  // namespace hashpact

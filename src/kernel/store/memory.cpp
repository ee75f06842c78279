#include "store/memory.hpp"

#include <cstdint>
#include <cstring>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace hashpact {

namespace {

constexpr std::align_val_t kLine{64};

#if defined(__linux__)
constexpr std::size_t kHugePage = std::size_t{2} << 20;

// Small arrays do not earn a huge page of their own.
bool is_large(std::size_t bytes) { return bytes >= kHugePage; }

std::size_t mapped(std::size_t bytes) { return (bytes + kHugePage - 1) / kHugePage * kHugePage; }

// Maps whole huge pages, on a huge-page boundary: one more is mapped and the ends are given back.
void* map_aligned(std::size_t bytes) {
    const std::size_t wanted = mapped(bytes);
    void* raw = mmap(nullptr, wanted + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (raw == MAP_FAILED) throw std::bad_alloc();
    auto* first = static_cast<char*>(raw);
    const std::size_t before = (kHugePage - reinterpret_cast<std::uintptr_t>(raw) % kHugePage) % kHugePage;
    if (before != 0) munmap(first, before);
    munmap(first + before + wanted, kHugePage - before);
    // Advice only: without huge pages a query costs about half more, and nothing else changes.
    madvise(first + before, wanted, MADV_HUGEPAGE);
    return first + before;
}
#endif

}  // namespace

void* allocate(std::size_t bytes) {
#if defined(__linux__)
    if (is_large(bytes)) return map_aligned(bytes);
#endif
    void* memory = ::operator new(bytes, kLine);
    std::memset(memory, 0, bytes);
    return memory;
}

void release(void* memory, std::size_t bytes) noexcept {
#if defined(__linux__)
    if (is_large(bytes)) {
        munmap(memory, mapped(bytes));
        return;
    }
#endif
    ::operator delete(memory, kLine);
}

}  // namespace hashpact

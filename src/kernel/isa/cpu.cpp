#include "isa/cpu.hpp"

#include <atomic>
#include <stdexcept>

namespace hashpact {

std::vector<const Kernels*> available_kernels() {
    std::vector<const Kernels*> found{&kGenericKernels};
#if defined(__x86_64__)
    // The compiler's run-time library also asks the operating system whether it saves the wide registers.
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt")) {
        found.push_back(&kAvx2Kernels);
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
            __builtin_cpu_supports("avx512bitalg") && __builtin_cpu_supports("avx512vpopcntdq")) {
            found.push_back(&kAvx512Kernels);
        }
    }
#elif defined(__aarch64__)
    found.push_back(&kNeonKernels);
#endif
    return found;
}

namespace {
std::atomic<const Kernels*>& active() {
    static std::atomic<const Kernels*> chosen{available_kernels().back()};
    return chosen;
}
}  // namespace

const Kernels& kernels() { return *active().load(std::memory_order_relaxed); }

void use_kernels(const std::string& name) {
    for (const Kernels* table : available_kernels()) {
        if (name == table->name) {
            active().store(table, std::memory_order_relaxed);
            return;
        }
    }
    throw std::invalid_argument("this processor has no instruction set named " + name);
}

}  // namespace hashpact

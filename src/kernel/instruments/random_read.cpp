#include "instruments/random_read.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include "store/memory.hpp"

namespace hashpact {

namespace {
struct Line {
    std::uint64_t next;
    std::uint64_t rest[7];
};
constexpr std::size_t kReads = 2'000'000;
}  // namespace

double random_read(std::size_t bytes, std::size_t ahead) {
    const std::size_t size = std::max<std::size_t>(bytes / sizeof(Line), 2);
    std::vector<std::uint32_t> order(size);
    std::iota(order.begin(), order.end(), 0U);
    std::mt19937_64 random(1);
    std::shuffle(order.begin(), order.end(), random);
    // One cycle through all lines, in random order.
    Array<Line> lines(size);
    for (std::size_t i = 0; i < size; ++i) lines[order[i]].next = order[(i + 1) % size];

    const auto start = std::chrono::steady_clock::now();
    std::uint64_t at = order[0];
    if (ahead == 0) {
        for (std::size_t i = 0; i < kReads; ++i) at = lines[at].next;
    } else {
        std::size_t next = 0;
        for (std::size_t i = 0; i < kReads; ++i) {
            const std::size_t later = next + ahead < size ? next + ahead : (next + ahead) % size;
            __builtin_prefetch(&lines[order[later]]);
            at += lines[order[next]].next;
            next = next + 1 < size ? next + 1 : 0;
        }
    }
    const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - start;
    // The sum is used, so that the reads are not optimised away.
    volatile std::uint64_t sink = at;
    static_cast<void>(sink);
    return taken.count() / static_cast<double>(kReads);
}

}  // namespace hashpact

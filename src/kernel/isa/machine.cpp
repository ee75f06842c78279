#include "isa/machine.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <vector>

#include "isa/cpu.hpp"

namespace hashpact {

namespace {

constexpr std::size_t kLeastRows = std::size_t{1} << 16;
constexpr std::size_t kRounds = 5;
constexpr std::size_t kReads = 512;
constexpr std::size_t kAhead = 16;
constexpr std::size_t kLineSketches = 64 / sizeof(std::uint16_t);

// What is this many times off the typical was an interrupted measurement or a strange clock.
constexpr double kBelievable = 16.0;

// The median over a few rounds of what `step` takes, divided by `steps`, or `typical` if that cannot be believed.
template <class Step>
double nanoseconds(std::size_t steps, double typical, const Step& step) {
    std::array<double, kRounds> taken{};
    for (std::size_t round = 0; round < kRounds; ++round) {
        const auto start = std::chrono::steady_clock::now();
        step(round);
        const std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - start;
        taken[round] = time.count() / static_cast<double>(steps);
    }
    std::sort(taken.begin(), taken.end());
    const double median = taken[kRounds / 2];
    return median > typical / kBelievable && median < typical * kBelievable ? median : typical;
}

// Numbers below `bound` in an order that no prefetcher foresees (Knuth's MMIX generator).
class Places {
  public:
    explicit Places(std::size_t bound) : bound_(bound) {}
    std::size_t next() {
        state_ = state_ * 6364136223846793005U + 1442695040888963407U;
        return static_cast<std::size_t>((state_ >> 32) * bound_ >> 32);
    }

  private:
    std::uint64_t state_ = 1;
    std::size_t bound_;
};

}  // namespace

Costs measure_costs(const std::uint64_t* codes, unsigned words, std::size_t rows) {
    if (rows < kLeastRows) return kTypicalCosts;
    const Kernels& kernel = kernels();
    Places places(rows);
    std::vector<std::uint32_t> spread(kRounds * kReads);
    const auto anew = [&] {
        for (std::uint32_t& row : spread) row = static_cast<std::uint32_t>(places.next());
    };
    const auto code = [&](std::size_t i) { return codes + std::size_t{spread[i]} * words; };
    std::vector<std::uint32_t> found(kReads);
    std::vector<std::uint16_t> distances(kReads);
    volatile std::uint64_t sink = 0;  // what is read must not be optimised away
    Costs costs = kTypicalCosts;

    anew();
    costs.read = nanoseconds(kReads, kTypicalCosts.read, [&](std::size_t round) {
        std::uint64_t sum = 0;
        for (std::size_t i = round * kReads; i < (round + 1) * kReads; ++i) {
            __builtin_prefetch(code(std::min(i + kAhead, spread.size() - 1)));
            sum += *code(i);
        }
        sink = sum;
    });
    costs.dependent = nanoseconds(kReads, kTypicalCosts.dependent, [&](std::size_t) {
        std::uint64_t last = 0;
        for (std::size_t i = 0; i < kReads; ++i) last = codes[((places.next() + (last & 1)) % rows) * words];
        sink = last;
    });
    anew();
    costs.candidate = nanoseconds(kReads, kTypicalCosts.candidate, [&](std::size_t round) {
        kernel.distances(codes, words, codes, spread.data() + round * kReads, kReads, distances.data());
    });
    costs.word = nanoseconds(kReads * words, kTypicalCosts.word, [&](std::size_t) {
        kernel.scan(codes, words, kReads, codes, 0, found.data(), distances.data());
    });

    // Sketches that no query is near: those of all zero bits, for a query of all ones.
    const std::vector<std::uint16_t> sketches(kReads * kLineSketches + kReadAhead);
    const Run line{sketches.data(), found.data(), kLineSketches, 0xFFFF, 0};
    std::vector<Run> runs(kReads, line);
    runs.resize(kReads + kRunsAhead);
    std::vector<const std::uint32_t*> passed(kReads * kLineSketches);
    costs.run = nanoseconds(kReads, kTypicalCosts.run, [&](std::size_t) {
        kernel.filter(runs.data(), kReads, passed.data());
    });
    runs[0].count = static_cast<std::uint32_t>(kReads * kLineSketches);
    costs.line = nanoseconds(kReads, kTypicalCosts.line, [&](std::size_t) {
        kernel.filter(runs.data(), 1, passed.data());
    });
    return costs;
}

}  // namespace hashpact

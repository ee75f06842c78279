// Counts what a Hamming search reads, for benchmarks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hashpact {

struct Touches {
    std::size_t probes = 0;      // buckets looked up
    std::size_t buckets = 0;     // of these, those that hold something and are looked into
    std::size_t entries = 0;     // sketches compared
    std::size_t candidates = 0;  // codes compared in full
    std::size_t lines = 0;       // different 64-byte lines read, codes and tables
};

// As long as one lives, it counts the Hamming searches of its thread. At most one at a time.
class TouchCounter {
  public:
    TouchCounter() { active() = this; }
    TouchCounter(const TouchCounter&) = delete;
    TouchCounter& operator=(const TouchCounter&) = delete;
    ~TouchCounter() { active() = nullptr; }

    static TouchCounter*& active() {
        thread_local TouchCounter* mine = nullptr;
        return mine;
    }

    void probe(const void* offset) {
        ++counts_.probes;
        read(offset, sizeof(std::uint64_t));
    }
    void bucket(const void* sketches, std::size_t entries) {
        ++counts_.buckets;
        counts_.entries += entries;
        read(sketches, entries * sizeof(std::uint16_t));
    }
    void candidate(const void* code, std::size_t bytes) {
        ++counts_.candidates;
        // The entry's row number is on a line of its own, far from those of other candidates.
        ++more_lines_;
        read(code, bytes);
    }
    void scan(const std::uint64_t* codes, std::size_t words) {
        if (words != 0) read(codes, words * sizeof(std::uint64_t));
    }
    void read(const void* first, std::size_t bytes) {
        const auto begin = reinterpret_cast<std::uintptr_t>(first);
        for (std::uintptr_t line = begin / 64; line <= (begin + bytes - 1) / 64; ++line) lines_.push_back(line);
    }

    // So far.
    Touches counts();

  private:
    Touches counts_;
    std::size_t more_lines_ = 0;
    std::vector<std::uintptr_t> lines_;
};

}  // namespace hashpact

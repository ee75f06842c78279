// Searches that look into each layer by itself: one, or many at once over a few threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "store/nearest.hpp"

namespace hashpact {

// The hits of a query, nearest first, equal distances in the order of ids.
template <class Store>
std::vector<Hit> search(const Store& store, const std::uint64_t* query, unsigned radius, std::size_t limit) {
    const auto now = store.view();
    Nearest nearest(radius, limit);
    for (const auto& layer : now->layers) {
        layer->read([&] { layer->segment.search(query, layer->tombstones, nearest); });
    }
    now->delta->search(query, nearest);
    return nearest.take();
}

// The hits of each of `count` queries. `threads` is how many run at the same time, the caller's among them.
template <class Store>
std::vector<std::vector<Hit>> search_batch(const Store& store, const std::uint64_t* queries, std::size_t count,
                                           unsigned radius, std::size_t limit, unsigned threads) {
    std::vector<std::vector<Hit>> hits(count);
    std::atomic<std::size_t> next{0};
    std::mutex failing;
    std::exception_ptr failure;
    const auto work = [&] {
        try {
            for (std::size_t i = next++; i < count; i = next++) {
                hits[i] = search(store, queries + i * store.words(), radius, limit);
            }
        } catch (...) {
            next = count;
            const std::lock_guard<std::mutex> lock(failing);
            failure = std::current_exception();
        }
    };
    std::vector<std::thread> helpers;
    const auto join = [&] {
        for (std::thread& helper : helpers) helper.join();
    };
    try {
        for (std::size_t i = 1; i < std::min<std::size_t>(threads, count); ++i) helpers.emplace_back(work);
    } catch (...) {
        // The system gives no more threads: those that are there do the work.
    }
    work();
    join();
    if (failure) std::rethrow_exception(failure);
    return hits;
}

}  // namespace hashpact

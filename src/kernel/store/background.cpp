#include "store/background.hpp"

#include <cxxabi.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sys/resource.h>
#include <sys/syscall.h>
#endif

namespace hashpact {

namespace {

struct Interrupted {};

constexpr std::chrono::milliseconds kSoon{5};

// A third of a normal thread's weight (the kernel's sched_prio_to_weight): searches go first, and the work comes to an
// end on a machine whose processors are all busy.
constexpr int kNice = 5;

thread_local const std::atomic<bool>* stopping = nullptr;

void yield_to_others() {
#if defined(__linux__)
    // On Linux a thread has a niceness of its own. Without it searches take longer while merges run, nothing else.
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), kNice);
#endif
}

}  // namespace

void interruption_point() {
    if (stopping != nullptr && stopping->load(std::memory_order_relaxed)) throw Interrupted{};
}

struct Background::State {
    State(std::size_t most, std::function<Next()> todo) : work(std::move(todo)), due(most, false) {}

    const std::function<Next()> work;
    std::vector<std::thread> threads;
    pid_t process = 0;  // that they are of
    std::atomic<bool> stop{false};
    std::mutex mutex;  // of what follows
    std::condition_variable changed;
    std::vector<bool> due;  // for each thread: it was called
    std::size_t begun = 0;  // threads
    std::exception_ptr failure;
};

Background::Background(std::size_t threads, std::function<Next()> work)
    : state_(std::make_unique<State>(threads, std::move(work))) {}

Background::~Background() { stop(); }

void Background::stop() {
    if (!state_ || state_->threads.empty()) return;
    if (state_->process != ::getpid()) {
        // They are another process's. To destroy what they wait on would wait for them: leave that to the exit.
        static_cast<void>(state_.release());
        return;
    }
    {
        const std::lock_guard<std::mutex> lock(state_->mutex);
        state_->stop = true;
    }
    state_->changed.notify_all();
    for (std::thread& thread : state_->threads) thread.join();
    state_->threads.clear();
}

void Background::wake() {
    {
        std::unique_lock<std::mutex> lock(state_->mutex);
        std::fill(state_->due.begin(), state_->due.end(), true);
        if (state_->threads.empty()) state_->process = ::getpid();
        try {
            for (std::size_t i = state_->threads.size(); i < state_->due.size(); ++i) {
                state_->threads.emplace_back([state = state_.get(), i] { run(*state, i); });
            }
        } catch (const std::system_error&) {
            // Those that are there do the work.
        }
        state_->changed.wait(lock, [&] { return state_->begun == state_->threads.size(); });
    }
    state_->changed.notify_all();
}

void Background::rethrow() {
    std::exception_ptr failure;
    {
        const std::lock_guard<std::mutex> lock(state_->mutex);
        failure.swap(state_->failure);
    }
    if (failure) std::rethrow_exception(failure);
}

void Background::run(State& state, std::size_t thread) {
    // Both allocate what is a thread's own. Without memory for that a process is aborted, so it comes first.
    stopping = &state.stop;
    static_cast<void>(abi::__cxa_get_globals());
    {
        const std::lock_guard<std::mutex> lock(state.mutex);
        ++state.begun;
    }
    state.changed.notify_all();
    yield_to_others();
    Next next = Next::kRest;
    while (true) {
        {
            std::unique_lock<std::mutex> lock(state.mutex);
            const auto called = [&] { return state.due[thread] || state.stop; };
            if (next == Next::kRest) state.changed.wait(lock, called);
            if (next == Next::kSoon) state.changed.wait_for(lock, kSoon, called);
            if (state.stop) return;
            state.due[thread] = false;
        }
        try {
            next = state.work();
        } catch (const Interrupted&) {
            return;
        } catch (...) {
            const std::lock_guard<std::mutex> lock(state.mutex);
            state.failure = std::current_exception();
            next = Next::kRest;
        }
    }
}

}  // namespace hashpact

// Threads that do what is due while others search.
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>

namespace hashpact {

// Long work calls this now and then. On a background thread that is to stop it throws, which ends the work; anywhere
// else it does nothing.
void interruption_point();

// They start with the first `wake`, and run with less weight than others, so that a search seldom waits for a
// processor. A process made by `fork` has none of them: there nothing is done in the background.
class Background {
  public:
    enum class Next { kMore, kSoon, kRest };  // call again at once, in some milliseconds, after the next `wake`

    // So many threads call `work` again and again.
    Background(std::size_t threads, std::function<Next()> work);
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;
    ~Background();

    // Interrupts the work and waits for it. Nothing else may be called afterwards.
    void stop();

    // Lets the work be called, after an error too. If the system has no thread to give, the next call asks again. The
    // first call waits until each thread can fail without ending the process.
    void wake();

    // Throws what ended the work, once.
    void rethrow();

  private:
    struct State;

    static void run(State& state, std::size_t thread);

    std::unique_ptr<State> state_;
};

}  // namespace hashpact

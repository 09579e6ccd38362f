// One operation between the arrival of its request and its answer. The worker that carries it out and the
// watchdog that ends it when its time is over race for the answer; exactly one of them gives it. Thread safe.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <stop_token>

#include "wsman/http/message.hpp"
#include "wsman/ops/watchdog.hpp"

namespace wsvirt::wsman {

class Flight : public Watched {
  public:
    // What is answered when the time is over; `begun`: the operation is under way, and is asked to stop.
    using LateAnswer = std::function<HttpResponse(bool begun)>;

    Flight(const HttpRequest& request, HttpHandler::Done done, LateAnswer late_answer)
        : done_(std::move(done)),
          late_answer_(std::move(late_answer)),
          client_gone_(request.stop, [source = stop_] { std::stop_source(source).request_stop(); }) {}

    // The worker is about to carry it out; false: the answer was given, nothing is to be done.
    bool begin() {
        auto expected = State::waiting;
        return state_.compare_exchange_strong(expected, State::running);
    }
    // The worker has an answer, and nothing that it may still do can be late. False: too late for it.
    bool claim() {
        auto expected = State::running;
        return state_.compare_exchange_strong(expected, State::claimed) || expected == State::claimed;
    }
    void finish(HttpResponse response) {
        if (claim()) done_(std::move(response));
    }
    void late() override {
        auto before = State::waiting;
        while (!state_.compare_exchange_weak(before, State::late))
            if (before == State::claimed || before == State::late) return;
        stop_.request_stop();
        done_(late_answer_(before == State::running));
    }
    // The time is over, the client is gone, or the server stops.
    std::stop_token stop() const { return stop_.get_token(); }

  private:
    enum class State : std::uint8_t { waiting, running, claimed, late };

    std::atomic<State> state_{State::waiting};
    HttpHandler::Done done_;
    LateAnswer late_answer_;
    std::stop_source stop_;
    std::stop_callback<std::function<void()>> client_gone_;
};

}  // namespace wsvirt::wsman

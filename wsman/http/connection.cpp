#include "wsman/http/connection.hpp"

#include <openssl/crypto.h>
#include <spdlog/spdlog.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>

#include "base/text.hpp"
#include "wsman/http/response.hpp"

namespace wsvirt::wsman {

using std::chrono::milliseconds;

Connection::Connection(IoThread& io, ServerShared& shared, std::shared_ptr<Listener> listener, Socket socket,
                       Peer peer)
    : io_(io),
      shared_(shared),
      listener_(std::move(listener)),
      stream_(std::move(socket), listener_->current_tls()),
      peer_(std::move(peer)),
      slot_(shared.quota, peer_.address),
      wake_(io.context.get_executor()),
      id_(shared.next_connection.fetch_add(1, std::memory_order_relaxed)) {
    io_.connections.insert(this);
    shared_.counters.open.fetch_add(1, std::memory_order_relaxed);
}

Connection::~Connection() {
    io_.connections.erase(this);
    shared_.counters.open.fetch_sub(1, std::memory_order_relaxed);
    OPENSSL_cleanse(authorization_.data(), authorization_.size());
}

void Connection::start() {
    asio::co_spawn(
        io_.context.get_executor(), [self = shared_from_this()] { return self->run(); },
        [self = shared_from_this()](std::exception_ptr problem) {
            if (!problem) return;
            try {
                std::rethrow_exception(problem);
            } catch (const std::exception& e) {
                spdlog::error("wsvirt.http.broken peer={} error=\"{}\"", self->peer_.text, e.what());
            }
        });
}

void Connection::set_phase(Phase phase, milliseconds limit) {
    phase_ = phase;
    phase_since_ = Clock::now();
    deadline_ = limit == milliseconds::max() ? Clock::time_point::max() : phase_since_ + limit;
}

void Connection::sweep(Clock::time_point now) {
    if (now >= deadline_ && !late_) {
        late_ = true;
        stream_.cancel();
    } else if (phase_ == Phase::handling && now - phase_since_ > milliseconds(500) && stream_.peer_closed()) {
        stop_.request_stop();  // nobody waits for the answer any more
    }
}

void Connection::finish_soon() {
    finishing_ = true;
    if (phase_ == Phase::idle ||
        (phase_ == Phase::reading && parser_ && parser_->state() == RequestParser::State::header))
        stream_.cancel();
}

void Connection::abort() {
    aborted_ = true;
    stop_.request_stop();
    stream_.cancel();
    wake_.cancel();
}

Task<void> Connection::run() {
    set_phase(Phase::reading, shared_.settings.limits.header_time);
    bool alive = !stream_.is_tls() || co_await shake_hands();
    if (alive && slot_.verdict() == Quota::Verdict::over) {
        shared_.counters.refused.fetch_add(1, std::memory_order_relaxed);
        shared_.counters.refuse(over_limit());
        spdlog::warn("wsvirt.http.quota peer={}", peer_.text);
        auto busy = refusal(503, "There are too many connections; close some, or try again later.");
        busy.headers.emplace_back("Retry-After", "5");
        answered_last_ = true;
        co_await send(busy, false);
        alive = false;
    }
    while (alive) alive = co_await one_request();
    if (!aborted_ && answered_last_) co_await linger();
    stream_.close();
}

Task<bool> Connection::shake_hands() {
    for (;;) {
        const auto step = stream_.handshake();
        if (step.kind == IoStep::Kind::done) co_return true;
        if (step.kind == IoStep::Kind::wait_read || step.kind == IoStep::Kind::wait_write) {
            if (co_await stream_.wait(step.kind)) continue;
            if (late_) count_timeout(HttpLimit::header_time);
            co_return false;
        }
        if (stream_.met_plain_http()) {
            stream_.drop_tls();
            answered_last_ = true;
            co_await send(refusal(400, "This port speaks HTTPS; use an https:// address."), false);
        }
        co_return false;
    }
}

void Connection::feed(std::string_view bytes) {
    if (input_.empty()) {
        const auto used = parser_->feed(bytes);
        if (used < bytes.size()) input_.assign(bytes.substr(used));
        return;
    }
    input_.append(bytes);
    const auto used = parser_->feed(input_);
    if (used == input_.size())
        std::string().swap(input_);
    else
        input_.erase(0, used);
}

bool Connection::request_begun() const {
    return !input_.empty() || parser_->begun();
}

Task<Connection::Input> Connection::more_input(bool wait_first) {
    if (wait_first && !stream_.has_pending() && !co_await stream_.wait(IoStep::Kind::wait_read))
        co_return late_ ? Input::late : Input::broken;
    for (;;) {
        const auto step = stream_.read(io_.scratch.get(), IoThread::scratch_size);
        if (step.kind == IoStep::Kind::done) {
            shared_.counters.bytes_in.fetch_add(step.bytes, std::memory_order_relaxed);
            feed({io_.scratch.get(), step.bytes});
            co_return Input::bytes;
        }
        if (step.kind == IoStep::Kind::end) co_return Input::end;
        if (step.kind == IoStep::Kind::broken) co_return Input::broken;
        if (finishing_ && phase_ == Phase::idle) co_return Input::broken;
        if (!co_await stream_.wait(step.kind)) co_return late_ ? Input::late : Input::broken;
    }
}

Task<Connection::Input> Connection::read_header() {
    using State = RequestParser::State;
    parser_ = std::make_unique<RequestParser>(shared_.settings.limits.header_bytes);
    if (!input_.empty()) {  // pipelined
        const std::string rest = std::move(input_);
        input_.clear();
        feed(rest);
    }
    while (parser_->state() == State::header) {
        const bool begun = request_begun();
        if (finishing_) co_return Input::broken;
        if (begun && phase_ == Phase::idle) set_phase(Phase::reading, shared_.settings.limits.header_time);
        if (const auto got = co_await more_input(true); got != Input::bytes) co_return got;
    }
    co_return Input::bytes;
}

Task<bool> Connection::read_body() {
    set_phase(Phase::reading, shared_.settings.limits.body_time);
    if (parser_->expects_continue() && input_.empty() && parser_->state() == RequestParser::State::body &&
        !co_await send_bytes("HTTP/1.1 100 Continue\r\n\r\n", {}))
        co_return false;
    set_phase(Phase::reading, shared_.settings.limits.body_time);
    if (!input_.empty()) {
        const std::string rest = std::move(input_);
        input_.clear();
        feed(rest);
    }
    constexpr unsigned at_a_stretch = 16;  // then the connections of this thread have their turn
    for (unsigned reads = 1; parser_->state() == RequestParser::State::body; ++reads) {
        if (reads % at_a_stretch == 0) co_await asio::post(io_.context.get_executor(), use_io);
        switch (late_ ? Input::late : co_await more_input(false)) {
            case Input::bytes:
                break;
            case Input::late:
                count_timeout(HttpLimit::body_time);
                co_return co_await refuse(refusal(408, "The request's body did not come in time."));
            case Input::end:
                co_return co_await refuse(refusal(400, "The request's body ends before its length."));
            case Input::broken:
                co_return false;
        }
    }
    if (parser_->state() == RequestParser::State::failed) {
        count_size(parser_->error_status());
        co_return co_await refuse(refusal(parser_->error_status(), parser_->error_text()));
    }
    co_return true;
}

void Connection::count_timeout(HttpLimit limit) {
    shared_.counters.timeouts.fetch_add(1, std::memory_order_relaxed);
    shared_.counters.refuse(limit);
}

// The limit behind a status that says that something is too large.
void Connection::count_size(unsigned status) {
    if (status == 431) shared_.counters.refuse(HttpLimit::max_header);
    if (status != 413) return;
    const bool known = parser_->request().identity.has_value();
    shared_.counters.refuse(known ? HttpLimit::max_body : HttpLimit::max_body_before_sign_in);
}

Task<bool> Connection::one_request() {
    if (requests_ > 0) set_phase(Phase::idle, shared_.settings.limits.idle_time);
    const auto got = co_await read_header();
    const bool begun = request_begun();
    if (got == Input::late && (begun || requests_ == 0)) {
        count_timeout(HttpLimit::header_time);
        co_return co_await refuse(refusal(408, "The request's header did not come in time."));
    }
    if (got == Input::end && begun)
        co_return co_await refuse(refusal(400, "The request ends within its header."));
    if (got == Input::late) shared_.counters.refuse(HttpLimit::idle_time);
    if (got != Input::bytes) {
        if (begun && finishing_)
            co_return co_await refuse(refusal(503, "The server is stopping; try again later."));
        co_return false;
    }
    ++requests_;
    shared_.counters.requests.fetch_add(1, std::memory_order_relaxed);
    if (parser_->state() == RequestParser::State::failed) {
        count_size(parser_->error_status());
        co_return co_await refuse(refusal(parser_->error_status(), parser_->error_text()));
    }

    auto& request = parser_->request();
    request.peer = peer_.text;
    request.tls = stream_.is_tls();
    request.stop = stop_.get_token();
    request.request_id = fmt::format("{}-{:x}-{:x}", shared_.id_prefix, id_, requests_);
    Verdict verdict = judge();
    if (verdict.must_verify) {
        co_await verify_sign_in(verdict);
    }
    if (!verdict.refusal) verdict = judge_content();
    drop_credentials();
    if (verdict.delay.count() > 0) co_await pause(verdict.delay);
    if (aborted_) co_return false;
    if (verdict.refusal) co_return co_await refuse(*verdict.refusal);
    if (parser_->state() != RequestParser::State::complete && !co_await read_body()) co_return false;
    if (!request.identity && !route_->handler->allows_anonymous(request))
        co_return co_await refuse(challenge(401, "Sign in to use this service."));

    HttpResponse response = co_await ask_handler();
    if (aborted_) co_return false;
    if (response.status == 401) response = challenge(401, "Sign in to use this service.");
    const bool keep = parser_->keep_alive() && !response.close && !finishing_;
    log_answer(response);
    answered_last_ = !keep;
    const bool sent = co_await send(response, keep);
    parser_.reset();
    co_return sent&& keep;
}

// Answers with a refusal, and goes on with the connection where what is left of the request is small.
Task<bool> Connection::refuse(const HttpResponse& response) {
    using State = RequestParser::State;
    log_answer(response);
    const auto length = parser_->content_length();
    const auto most = shared_.settings.limits.anonymous_body_bytes;
    const bool complete = parser_->state() == State::complete;
    const bool small =
        parser_->state() == State::body && length && *length <= most && !parser_->expects_continue();
    const bool keep =
        (complete || small) && !late_ && parser_->keep_alive() && !response.close && !finishing_;
    if (!keep) answered_last_ = true;
    if (!co_await send(response, keep) || !keep) co_return false;
    if (small) {
        parser_->limit_body(most);
        set_phase(Phase::reading, shared_.settings.limits.body_time);
        if (!input_.empty()) {
            const std::string rest = std::move(input_);
            input_.clear();
            feed(rest);
        }
        while (parser_->state() == State::body)
            if (co_await more_input(false) != Input::bytes) co_return false;
    }
    co_return parser_->state() == State::complete;
}

namespace {

// Runs `work` on the I/O thread, at once when this is it.
template <class Work>
void on_io_thread(const IoExecutor& executor, Work work) {
    if (executor.running_in_this_thread())
        work();
    else
        asio::post(executor, std::move(work));
}

}  // namespace

void Connection::reply(std::shared_ptr<Connection> self, HttpResponse response) {
    const auto executor = self->io_.context.get_executor();
    on_io_thread(executor, [self = std::move(self), response = std::move(response)]() mutable {
        self->answer_ = std::move(response);
        if (self->waiting_) self->wake_.cancel();
    });
}

void Connection::signed_in(std::shared_ptr<Connection> self, SignIn::Outcome outcome) {
    const auto executor = self->io_.context.get_executor();
    on_io_thread(executor, [self = std::move(self), outcome = std::move(outcome)]() mutable {
        self->outcome_ = std::move(outcome);
        if (self->waiting_) self->wake_.cancel();
    });
}

namespace {

// The one answer to one request: a handler that loses it without calling answers 500.
class Reply {
  public:
    explicit Reply(std::shared_ptr<Connection> to) : to_(std::move(to)) {}
    ~Reply() { (*this)(refusal(500, "The server could not answer; see its log.")); }
    Reply(const Reply&) = delete;
    Reply& operator=(const Reply&) = delete;
    void operator()(HttpResponse response) {
        if (!used_.exchange(true)) Connection::reply(std::move(to_), std::move(response));
    }

  private:
    std::shared_ptr<Connection> to_;
    std::atomic<bool> used_{false};
};

}  // namespace

Task<HttpResponse> Connection::ask_handler() {
    set_phase(Phase::handling, milliseconds::max());
    answer_.reset();
    shared_.counters.in_progress.fetch_add(1, std::memory_order_relaxed);
    const std::shared_ptr<const HttpRequest> request(
        std::make_shared<HttpRequest>(std::move(parser_->request())));
    try {
        route_->handler->handle(request, [reply = std::make_shared<Reply>(shared_from_this())](
                                             HttpResponse r) { (*reply)(std::move(r)); });
    } catch (const std::exception& e) {
        spdlog::error("wsvirt.http.handler request={} error=\"{}\"", request->request_id, e.what());
        if (!answer_) answer_ = refusal(500, "The server could not answer; see its log.");
    }
    while (!answer_ && !aborted_) co_await pause(milliseconds::max());
    shared_.counters.in_progress.fetch_sub(1, std::memory_order_relaxed);
    if (!answer_) co_return HttpResponse{};
    co_return std::move(*answer_);
}

Task<void> Connection::pause(milliseconds how_long) {
    boost::system::error_code ignored;
    wake_.expires_at(how_long == milliseconds::max() ? Clock::time_point::max() : Clock::now() + how_long);
    waiting_ = true;
    co_await wake_.async_wait(asio::redirect_error(use_io, ignored));
    waiting_ = false;
}

Task<bool> Connection::send(const HttpResponse& response, bool keep_alive) {
    // What HEAD is answered with ends with its head (RFC 9110 9.3.2).
    const bool head_only = parser_ && parser_->request().method == "HEAD";
    const std::string_view body = head_only ? std::string_view() : std::string_view(response.body);
    const auto kind = std::min<std::size_t>(response.status / 100, 5);
    shared_.counters.by_class[kind].fetch_add(1, std::memory_order_relaxed);
    auto& shared_head = io_.head;  // the thread's: used up before anything else runs, in the common case
    shared_head.clear();
    append_head(shared_head, response, io_.date, keep_alive);
    late_ = false;
    set_phase(Phase::writing, shared_.settings.limits.write_time);
    const auto step = stream_.write(shared_head, body);
    const auto whole = shared_head.size() + body.size();
    if (step.kind == IoStep::Kind::done && step.bytes == whole) {
        shared_.counters.bytes_out.fetch_add(whole, std::memory_order_relaxed);
        co_return true;
    }
    if (step.kind == IoStep::Kind::broken || step.kind == IoStep::Kind::end) co_return false;
    const std::string head = shared_head;
    const std::string_view first = std::string_view(head).substr(std::min(step.bytes, head.size()));
    const auto from_body = step.bytes > head.size() ? step.bytes - head.size() : 0;
    shared_.counters.bytes_out.fetch_add(step.bytes, std::memory_order_relaxed);
    co_return co_await send_bytes(first, body.substr(from_body));
}

Task<bool> Connection::send_bytes(std::string_view first, std::string_view second) {
    while (!first.empty() || !second.empty()) {
        const auto step = stream_.write(first, second);
        if (step.kind == IoStep::Kind::broken || step.kind == IoStep::Kind::end) co_return false;
        if (step.kind != IoStep::Kind::done) {
            if (!co_await stream_.wait(step.kind)) {
                if (late_) count_timeout(HttpLimit::write_time);
                co_return false;
            }
            continue;
        }
        shared_.counters.bytes_out.fetch_add(step.bytes, std::memory_order_relaxed);
        const auto from_first = std::min(step.bytes, first.size());
        first.remove_prefix(from_first);
        second.remove_prefix(step.bytes - from_first);
    }
    co_return true;
}

// Closing with unread input would make the system send a reset, which can destroy the answer on its way.
Task<void> Connection::linger() {
    constexpr std::size_t most = 16 * 1024 * 1024;
    late_ = false;
    const auto longest = shared_.settings.limits.linger_time;
    set_phase(Phase::lingering, finishing_ ? std::min(longest, milliseconds(100)) : longest);
    stream_.end_writing();
    for (std::size_t drained = 0; drained < most && !aborted_;) {
        const auto step = stream_.read_raw(io_.scratch.get(), IoThread::scratch_size);
        if (step.kind == IoStep::Kind::wait_read) {
            if (late_ || !co_await stream_.wait(step.kind)) co_return;
        } else if (step.kind != IoStep::Kind::done) {
            co_return;
        }
        drained += step.bytes;
    }
}

}  // namespace wsvirt::wsman

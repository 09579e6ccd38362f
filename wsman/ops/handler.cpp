#include "wsman/ops/handler.hpp"

#include <spdlog/spdlog.h>

#include <array>
#include <exception>
#include <map>
#include <mutex>

#include "base/text.hpp"
#include "wsman/ops/contexts.hpp"
#include "wsman/ops/errors.hpp"
#include "wsman/ops/flight.hpp"
#include "wsman/ops/header_checks.hpp"
#include "wsman/ops/operations.hpp"
#include "wsman/soap/message.hpp"
#include "wsman/soap/names.hpp"

namespace wsvirt::wsman {
namespace {

using soap::Fault;
using soap::Subcode;
namespace fd = soap::fd;

struct Operation {
    std::string_view action;
    Outcome (*run)(const Call&);
    bool changes;  // its effect stays when the answer cannot be sent
    bool starts;   // first message of a sequence: options are checked
    bool at_once;  // tried on the I/O thread first
};
constexpr std::array operations{
    Operation{soap::uri::get, get, false, true, true},
    Operation{soap::uri::put, put, true, true, false},
    Operation{soap::uri::create, create, true, true, false},
    Operation{soap::uri::remove, remove, true, true, false},
    Operation{soap::uri::enumerate, enumerate, false, true, false},
    Operation{soap::uri::pull, pull, false, false, false},
    Operation{soap::uri::release, release, true, false, false},
};
constexpr Operation custom_action{{}, invoke, true, true, true};

const Operation& operation_for(std::string_view action) {
    for (const auto& o : operations)
        if (o.action == action) return o;
    return custom_action;
}

// How many operations are under way, in all and for each user.
class Quota {
  public:
    explicit Quota(const OpsSettings& s) : settings_(s) {}
    // The name of the limit that is reached, or "" when the operation may start.
    std::string_view enter(const std::string& user) {
        const std::lock_guard lock(mutex_);
        if (total_ >= settings_.max_operations) return "wsman.limits.max_operations";
        auto& mine = per_user_[user];
        if (mine >= settings_.max_operations_per_user) return "wsman.limits.max_operations_per_user";
        ++mine;
        ++total_;
        return {};
    }
    void leave(const std::string& user) {
        const std::lock_guard lock(mutex_);
        --total_;
        const auto at = per_user_.find(user);
        if (--at->second == 0) per_user_.erase(at);
    }

    void add_to(Usage& usage) const {
        const std::lock_guard lock(mutex_);
        for (const auto& [user, count] : per_user_) usage.operations[user] = count;
    }

  private:
    const OpsSettings& settings_;
    mutable std::mutex mutex_;
    std::size_t total_ = 0;
    std::map<std::string, std::size_t> per_user_;
};

class Handler : public WsmanHandler {
  public:
    Handler(cim::ObjectManager& om, WorkPool& pool, OpsSettings settings)
        : settings_(std::move(settings)),
          om_(om),
          pool_(pool),
          receiver_(settings_.gate),
          contexts_(settings_),
          quota_(settings_) {}

    Usage usage() const override {
        Usage u;
        u.refusals = refusals_.counts();
        contexts_.add_to(u);
        quota_.add_to(u);
        return u;
    }

    bool allows_anonymous(const HttpRequest& request) const override {
        return iequals(trim(request.header("WSMANIDENTIFY")), "unauthenticated") ||
               iends_with(request.target, "/wsman-anon/identify");
    }

    void handle(std::shared_ptr<const HttpRequest> request, Done done) override {
        const auto received = cim::Clock::now();
        if (request->body.empty() && request->identity) return done(HttpResponse{});
        auto in = soap_receive(*request);
        if (in.message && !in.fault && is_identify(*in.message))
            return done(soap_response(200, identify(*in.message, settings_, request->identity.has_value()),
                                      in.encoding));
        if (!request->identity) return done(HttpResponse{401, {}, {}, {}, false});
        const auto user = request->identity->name();
        if (in.http_status && !in.http_limit.empty()) refusals_.count(in.http_limit, user);
        if (in.http_status)
            return done(HttpResponse{in.http_status, "text/plain", in.http_text + "\n", {}, false});
        if (in.fault) return done(fault_response(in.message.get(), *in.fault, in.encoding, user));
        // A one-way message has no answer of its own (RC.2-5).
        if (in.message->headers.action == soap::uri::ack) return done(HttpResponse{202, {}, {}, {}, false});
        take_off({std::move(request), std::move(in.message), {}, {}, received}, std::move(done));
    }

  private:
    // A request whose headers are in order.
    struct Job {
        std::shared_ptr<const HttpRequest> request;
        std::shared_ptr<const soap::Message> message;
        Control control;
        const Operation* operation = nullptr;
        cim::Clock::time_point received;

        cim::Clock::time_point deadline() const { return received + control.timeout; }
        // Octets of UTF-8 that a fault may have: fewer than its limit when it goes out as UTF-16.
        std::size_t fault_limit() const {
            constexpr std::size_t usual = std::size_t{64} * 1024;
            if (control.envelope_limit == 0) return usual;
            const bool utf8 = message->encoding == soap::Encoding::utf8;
            return std::min(utf8 ? control.envelope_limit : (control.envelope_limit - 2) / 2, usual);
        }
    };

    soap::Incoming soap_receive(const HttpRequest& request) {
        return receiver_.receive(request.body, request.header("Content-Type"));
    }

    HttpResponse soap_response(unsigned status, std::string text, soap::Encoding e) const {
        return {status, std::string(soap::content_type(e)), soap::encode(std::move(text), e), {}, false};
    }
    HttpResponse fault_response(const soap::Message* m, const Fault& f, soap::Encoding e,
                                const std::string& user, std::size_t limit = 64 * 1024) const {
        if (!f.limit.empty()) refusals_.count(f.limit, user);
        if (f.subcode == Subcode::quota_limit && settings_.quota_fault == "InternalError")
            return fault_response(m, as_windows_has_it(f), e, {}, limit);
        const unsigned status = soap::is_sender_fault(f.subcode) ? settings_.sender_fault_status : 500;
        return soap_response(status,
                             soap::write_fault(m ? &m->headers : nullptr, f, settings_.machine, limit), e);
    }
    // Counted already.
    static Fault as_windows_has_it(Fault quota) {
        if (quota.text.empty()) quota.text = soap::default_text(quota.subcode, quota.detail);
        quota.subcode = Subcode::internal_error;
        quota.limit = {};
        return quota;
    }
    HttpResponse over_quota(const Job& job, std::string_view limit) const {
        return fault_response(job, Fault(Subcode::quota_limit).by(limit));
    }

    // Checks, quotas, and off to the pool under the watchdog's eyes; what blocks nothing is answered here.
    void take_off(Job job, Done done) {
        if (auto f = check(job)) return done(fault_response(job, *f));
        const auto user = job.request->identity->name();
        if (const auto limit = quota_.enter(user); !limit.empty()) return done(over_quota(job, limit));
        if (job.operation->at_once) {
            if (auto response = serve_at_once(job)) {
                quota_.leave(user);
                return done(std::move(*response));
            }
        }
        const auto flight = std::make_shared<Flight>(
            *job.request, done, [this, job](bool begun) { return late_answer(job, begun); });
        const auto watched = watchdog_.watch(job.deadline(), flight);
        const auto post = [this, job, flight, watched, user] {
            if (flight->begin()) flight->finish(serve(job, *flight));
            watchdog_.forget(watched);
            quota_.leave(user);
        };
        if (pool_.post(post)) return;
        watchdog_.forget(watched);
        quota_.leave(user);
        if (flight->begin()) flight->finish(over_quota(job, "server.work_queue"));
    }

    std::optional<Fault> check(Job& job) const {
        const auto& h = job.message->headers;
        if (auto f = check_headers(h, settings_, job.request->target, job.control)) return f;
        const auto soap_action = trim_quotes(job.request->header("SOAPAction"));
        if (!soap_action.empty() && soap_action != *h.action)
            return Fault(Subcode::invalid_header, {}, "The HTTP header SOAPAction and wsa:Action differ.");
        job.operation = &operation_for(*h.action);
        if (job.operation->starts)
            if (auto f = check_options(h, settings_)) return f;
        if (cim::Clock::now() >= job.deadline()) return not_begun(job);
        return std::nullopt;
    }

    static Fault not_begun(const Job& job) {
        return Fault(Subcode::timed_out, {},
                     "The wsman:OperationTimeout passed before the operation could begin. Nothing was "
                     "changed.")
            .by(time_limit(job));
    }
    // The setting that an operation's time comes from; "" when it is the client's own.
    static std::string_view time_limit(const Job& job) {
        if (!job.message->headers.operation_timeout) return "wsman.limits.default_timeout";
        return job.control.timeout_cut ? "wsman.limits.max_timeout" : "";
    }
    HttpResponse late_answer(const Job& job, bool begun) const {
        if (!begun) return fault_response(job, not_begun(job));
        auto f = Fault(Subcode::timed_out).by(time_limit(job));
        if (job.operation->changes)
            f.text =
                "The operation did not end within its wsman:OperationTimeout and was asked to stop. Look at "
                "the object before you repeat it: the change may have been made.";
        return fault_response(job, f);
    }
    HttpResponse fault_response(const Job& job, const Fault& f) const {
        return fault_response(job.message.get(), f, job.message->encoding, job.request->identity->name(),
                              job.fault_limit());
    }

    // On the pool: one checked request to its response.
    HttpResponse serve(const Job& job, Flight& flight) {
        const std::function<bool()> claim = [&flight] { return flight.claim(); };
        auto response = serve(job, flight.stop(), claim, false);
        return response ? std::move(*response) : fault_response(job, Fault(Subcode::internal_error));
    }
    // On the I/O thread: nothing when it may block. It is over before it could be late.
    std::optional<HttpResponse> serve_at_once(const Job& job) {
        static const std::function<bool()> in_time = [] { return true; };
        return serve(job, job.request->stop, in_time, true);
    }

    std::optional<HttpResponse> serve(const Job& job, std::stop_token stop,
                                      const std::function<bool()>& claim, bool at_once) {
        try {
            auto outcome = run(job, std::move(stop), claim, at_once);
            if (std::holds_alternative<MayBlock>(outcome)) return std::nullopt;
            if (auto* fault = std::get_if<Fault>(&outcome)) return fault_response(job, *fault);
            return soap_response(200, std::move(std::get<std::string>(outcome)), job.message->encoding);
        } catch (const std::exception& e) {
            spdlog::error("request {}: exception in an operation: {}", job.request->request_id, e.what());
            return fault_response(job, Fault(Subcode::internal_error));
        }
    }

    std::variant<std::string, Fault, MayBlock> run(const Job& job, std::stop_token stop,
                                                   const std::function<bool()>& claim, bool at_once) {
        // An eighth of the time, at most a quarter of a second, is for writing and sending the answer.
        const auto reserve =
            std::min<std::chrono::microseconds>(job.control.timeout / 8, std::chrono::milliseconds(250));
        Call call{settings_,
                  om_,
                  contexts_,
                  *job.request,
                  *job.message,
                  *job.request->identity,
                  job.deadline(),
                  job.deadline() - reserve,
                  std::move(stop),
                  claim,
                  job.control.envelope_limit,
                  job.control.limit_is_clients,
                  at_once};
        call.envelope_limit = call.in_utf8(job.control.envelope_limit);
        auto outcome = job.operation->run(call);
        if (std::holds_alternative<MayBlock>(outcome)) return MayBlock{};
        if (auto* fault = std::get_if<Fault>(&outcome)) return std::move(*fault);
        return envelope(call, *job.operation, std::get<Answer>(outcome));
    }

    std::variant<std::string, Fault, MayBlock> envelope(const Call& call, const Operation& operation,
                                                        Answer& a) const {
        std::string out;
        out.reserve(a.headers.size() + 1536 + (a.room == 0 ? a.body.size() : 0));
        soap::begin_envelope(out, call.head(a.action, a.headers));
        if (a.room == 0) {
            out += a.body;
        } else {
            put_before(a, out);
            a.body.erase(0, a.room);
            out = std::move(a.body);
        }
        soap::end_envelope(out);
        if (out.size() <= call.envelope_limit) return out;
        return Fault(Subcode::encoding_limit, operation.changes       ? fd::unreportable_success
                                              : call.limit_is_clients ? fd::max_envelope_size
                                                                      : fd::service_envelope_limit)
            .by(call.limit_is_clients ? "" : "wsman.limits.max_envelope_size");
    }

    static std::string_view trim_quotes(std::string_view s) {
        s = trim(s);
        if (s.size() >= 2 && s.front() == '"' && s.back() == '"') s = s.substr(1, s.size() - 2);
        return s;
    }

    OpsSettings settings_;
    cim::ObjectManager& om_;
    WorkPool& pool_;
    soap::Receiver receiver_;
    ContextTable contexts_;
    Quota quota_;
    Watchdog watchdog_;
    mutable RefusalCounter refusals_;
};

}  // namespace

std::unique_ptr<WsmanHandler> make_wsman_handler(cim::ObjectManager& object_manager, WorkPool& pool,
                                                 OpsSettings settings) {
    return std::make_unique<Handler>(object_manager, pool, std::move(settings));
}

}  // namespace wsvirt::wsman

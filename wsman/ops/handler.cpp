#include "wsman/ops/handler.hpp"

#include <spdlog/spdlog.h>

#include <array>
#include <exception>
#include <map>
#include <mutex>

#include "base/text.hpp"
#include "wsman/ops/contexts.hpp"
#include "wsman/ops/errors.hpp"
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
};
constexpr std::array operations{
    Operation{soap::uri::get, get, false, true},
    Operation{soap::uri::put, put, true, true},
    Operation{soap::uri::create, create, true, true},
    Operation{soap::uri::remove, remove, true, true},
    Operation{soap::uri::enumerate, enumerate, false, true},
    Operation{soap::uri::pull, pull, false, false},
    Operation{soap::uri::release, release, true, false},
};
constexpr Operation custom_action{{}, invoke, true, true};

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
        if (total_ >= settings_.max_operations) return "max_operations";
        auto& mine = per_user_[user];
        if (mine >= settings_.max_operations_per_user) return "max_operations_per_user";
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

  private:
    const OpsSettings& settings_;
    std::mutex mutex_;
    std::size_t total_ = 0;
    std::map<std::string, std::size_t> per_user_;
};

class Handler : public HttpHandler {
  public:
    Handler(cim::ObjectManager& om, WorkPool& pool, OpsSettings settings)
        : settings_(std::move(settings)),
          om_(om),
          pool_(pool),
          receiver_(settings_.gate),
          contexts_(settings_),
          quota_(settings_) {}

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
        if (in.http_status)
            return done(HttpResponse{in.http_status, "text/plain", in.http_text + "\n", {}, false});
        if (in.fault) return done(fault_response(in.message.get(), *in.fault, in.encoding));
        // A one-way message has no answer of its own (RC.2-5).
        if (in.message->headers.action == soap::uri::ack) return done(HttpResponse{202, {}, {}, {}, false});
        std::shared_ptr<soap::Message> message = std::move(in.message);
        const auto user = request->identity->name();
        if (const auto limit = quota_.enter(user); !limit.empty()) return done(over_quota(*message, limit));
        const auto post = [this, request, message, done, received, user] {
            auto response = serve(*request, *message, received);
            quota_.leave(user);
            done(std::move(response));
        };
        if (pool_.post(post)) return;
        quota_.leave(user);
        done(over_quota(*message, "work_queue"));
    }

  private:
    soap::Incoming soap_receive(const HttpRequest& request) {
        return receiver_.receive(request.body, request.header("Content-Type"));
    }

    HttpResponse soap_response(unsigned status, std::string text, soap::Encoding e) const {
        return {status, std::string(soap::content_type(e)), soap::encode(std::move(text), e), {}, false};
    }
    HttpResponse fault_response(const soap::Message* m, const Fault& f, soap::Encoding e,
                                std::size_t limit = 64 * 1024) const {
        const unsigned status = soap::is_sender_fault(f.subcode) ? settings_.sender_fault_status : 500;
        return soap_response(status,
                             soap::write_fault(m ? &m->headers : nullptr, f, settings_.machine, limit), e);
    }
    HttpResponse over_quota(const soap::Message& m, std::string_view limit) const {
        if (settings_.on_limit) settings_.on_limit(limit);
        return fault_response(&m, Fault(Subcode::quota_limit), m.encoding);
    }

    // On the pool: one checked request to its response.
    HttpResponse serve(const HttpRequest& request, const soap::Message& message,
                       cim::Clock::time_point received) {
        std::size_t limit = 64 * 1024;
        try {
            auto outcome = run(request, message, received, limit);
            if (auto* fault = std::get_if<Fault>(&outcome))
                return fault_response(&message, *fault, message.encoding, limit);
            return soap_response(200, std::move(std::get<std::string>(outcome)), message.encoding);
        } catch (const std::exception& e) {
            spdlog::error("request {}: exception in an operation: {}", request.request_id, e.what());
            return fault_response(&message, Fault(Subcode::internal_error), message.encoding, limit);
        }
    }

    std::variant<std::string, Fault> run(const HttpRequest& request, const soap::Message& message,
                                         cim::Clock::time_point received, std::size_t& fault_limit) {
        const auto& h = message.headers;
        Control control;
        if (auto f = check_headers(h, settings_, request.target, control)) return *f;
        const auto soap_action = trim_quotes(request.header("SOAPAction"));
        if (!soap_action.empty() && soap_action != *h.action)
            return Fault(Subcode::invalid_header, {}, "The HTTP header SOAPAction and wsa:Action differ.");
        Call call{settings_,
                  om_,
                  contexts_,
                  request,
                  message,
                  *request.identity,
                  received + control.timeout,
                  control.envelope_limit,
                  control.limit_is_clients};
        call.envelope_limit = call.in_utf8(control.envelope_limit);
        fault_limit = std::min<std::size_t>(call.envelope_limit, 64 * 1024);
        const auto& operation = operation_for(*h.action);
        if (operation.starts)
            if (auto f = check_options(h, settings_)) return *f;
        if (cim::Clock::now() >= call.deadline)
            return Fault(Subcode::timed_out, {},
                         "The wsman:OperationTimeout passed before the operation could begin.");
        auto outcome = operation.run(call);
        if (auto* fault = std::get_if<Fault>(&outcome)) return std::move(*fault);
        if (!operation.changes && cim::Clock::now() > call.deadline) return Fault(Subcode::timed_out);
        return envelope(call, operation, std::get<Answer>(outcome));
    }

    std::variant<std::string, Fault> envelope(const Call& call, const Operation& operation,
                                              const Answer& a) const {
        std::string out;
        out.reserve(a.body.size() + a.headers.size() + 1536);
        soap::begin_envelope(out, call.head(a.action, a.headers));
        out += a.body;
        soap::end_envelope(out);
        if (out.size() <= call.envelope_limit) return out;
        return Fault(Subcode::encoding_limit, operation.changes       ? fd::unreportable_success
                                              : call.limit_is_clients ? fd::max_envelope_size
                                                                      : fd::service_envelope_limit);
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
};

}  // namespace

std::unique_ptr<HttpHandler> make_wsman_handler(cim::ObjectManager& object_manager, WorkPool& pool,
                                                OpsSettings settings) {
    return std::make_unique<Handler>(object_manager, pool, std::move(settings));
}

}  // namespace wsvirt::wsman

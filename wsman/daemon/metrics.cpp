#include "wsman/daemon/metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/text.hpp"

namespace wsvirt::wsman {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

struct Labelled {
    std::string value;
    double number = 0;
};

MetricFamily family(std::string name, std::string help, MetricType type, const std::string& label,
                    const std::vector<Labelled>& values) {
    MetricFamily f;
    f.name = std::move(name);
    f.help = std::move(help);
    f.type = type;
    for (const auto& v : values) {
        ClientMetric m;
        if (!label.empty()) m.label.push_back({label, v.value});
        (type == MetricType::Counter ? m.counter.value : m.gauge.value) = v.number;
        f.metric.push_back(std::move(m));
    }
    return f;
}

double number(const std::atomic<std::uint64_t>& n) {
    return static_cast<double>(n.load(std::memory_order_relaxed));
}

double resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    double all = 0;
    double resident = 0;
    statm >> all >> resident;
    return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double open_files() {
    double n = 0;
    std::error_code ec;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", ec)) ++n;
    return n;
}

std::vector<MetricFamily> http_families(const HttpCounters& c) {
    std::vector<Labelled> classes;
    for (std::size_t i = 1; i < c.by_class.size(); ++i)
        classes.push_back({std::to_string(i) + "xx", number(c.by_class[i])});
    const auto one = [](double n) { return std::vector<Labelled>{{"", n}}; };
    const auto open = static_cast<double>(c.open.load(std::memory_order_relaxed));
    const auto busy = static_cast<double>(c.in_progress.load(std::memory_order_relaxed));
    return {
        family("wsvirt_http_connections", "Connections open now.", MetricType::Gauge, {}, one(open)),
        family("wsvirt_http_requests_in_progress", "Requests being answered now.", MetricType::Gauge, {},
               one(busy)),
        family("wsvirt_http_connections_accepted_total", "Connections taken in.", MetricType::Counter, {},
               one(number(c.accepted))),
        family("wsvirt_http_connections_refused_total", "Connections refused for a quota.",
               MetricType::Counter, {}, one(number(c.refused))),
        family("wsvirt_http_requests_total", "Requests whose header came.", MetricType::Counter, {},
               one(number(c.requests))),
        family("wsvirt_http_timeouts_total", "Requests that did not come in time.", MetricType::Counter, {},
               one(number(c.timeouts))),
        family("wsvirt_http_answers_total", "Answers by class of status.", MetricType::Counter, "status",
               classes),
        family("wsvirt_http_bytes_total", "Bytes of requests and answers.", MetricType::Counter, "direction",
               {{"in", number(c.bytes_in)}, {"out", number(c.bytes_out)}}),
    };
}

// Every limit that refuses something, so that a figure is there before it has refused anything.
constexpr std::array operation_limits{"wsman.limits.max_envelope_size",
                                      "wsman.limits.default_timeout",
                                      "wsman.limits.max_timeout",
                                      "wsman.limits.max_selectors",
                                      "wsman.limits.max_options",
                                      "wsman.limits.max_uri_characters",
                                      "wsman.limits.max_filter_bytes",
                                      "wsman.limits.max_filter_nesting",
                                      "wsman.limits.max_filter_steps",
                                      "wsman.limits.max_operations",
                                      "wsman.limits.max_operations_per_user",
                                      "wsman.limits.max_contexts",
                                      "wsman.limits.max_contexts_per_user",
                                      "wsman.limits.context_idle",
                                      "wsman.gate.max_bytes",
                                      "wsman.gate.max_header_bytes",
                                      "wsman.gate.max_depth",
                                      "wsman.gate.max_elements",
                                      "wsman.gate.max_attributes",
                                      "wsman.gate.max_attribute_bytes",
                                      "wsman.gate.max_name_bytes",
                                      "wsman.gate.max_prefixes",
                                      "server.work_queue",
                                      "jobs.max_jobs"};

ClientMetric counted(double value, std::vector<ClientMetric::Label> labels) {
    ClientMetric m;
    m.label = std::move(labels);
    m.counter.value = value;
    return m;
}

// By limit in all, and by limit and user as far as it is known who it was.
void append_refusals(std::vector<MetricFamily>& all, const HttpCounters* http,
                     const SignIn::Counters& sign_in, const Usage& usage) {
    std::map<std::string, double> by_limit;
    for (const auto* name : operation_limits) by_limit[name] = 0;
    MetricFamily by_user = family("wsvirt_user_limit_refusals_total", "Refusals by limit and user.",
                                  MetricType::Counter, {}, {});
    for (const auto& [key, count] : usage.refusals) {
        const auto value = static_cast<double>(count);
        by_limit[key.first] += value;
        if (!key.second.empty())
            by_user.metric.push_back(counted(value, {{"limit", key.first}, {"user", key.second}}));
    }
    for (std::size_t i = 0; http && i < http_limit_names.size(); ++i)
        by_limit[std::string(http_limit_names[i])] = number(http->by_limit[i]);
    by_limit["auth.failures"] = number(sign_in.blocked);
    by_limit["auth.queue"] = number(sign_in.busy);
    MetricFamily in_all =
        family("wsvirt_limit_refusals_total", "What limits of the configuration have refused.",
               MetricType::Counter, {}, {});
    for (const auto& [name, value] : by_limit) in_all.metric.push_back(counted(value, {{"limit", name}}));
    all.push_back(std::move(in_all));
    all.push_back(std::move(by_user));
}

void append_users(std::vector<MetricFamily>& all, const std::string& what, const std::string& help,
                  const std::map<std::string, std::size_t, std::less<>>& by_user) {
    std::vector<Labelled> users;
    double sum = 0;
    for (const auto& [user, count] : by_user) {
        users.push_back({user, static_cast<double>(count)});
        sum += static_cast<double>(count);
    }
    all.push_back(family("wsvirt_" + what, help, MetricType::Gauge, {}, {{"", sum}}));
    all.push_back(family("wsvirt_user_" + what, help, MetricType::Gauge, "user", users));
}

class MetricsHandler : public HttpHandler {
  public:
    MetricsHandler(std::function<const HttpCounters*()> http, const SignIn::Counters& sign_in,
                   std::function<Machinery::Figures()> figures)
        : http_(std::move(http)), sign_in_(sign_in), figures_(std::move(figures)) {}

    void handle(std::shared_ptr<const HttpRequest>, Done done) override {
        std::vector<MetricFamily> all;
        if (const auto* counters = http_()) all = http_families(*counters);
        all.push_back(family("wsvirt_sign_ins_total", "Sign-ins that were checked.", MetricType::Counter,
                             "result",
                             {{"accepted", number(sign_in_.accepted)},
                              {"denied", number(sign_in_.denied)},
                              {"blocked", number(sign_in_.blocked)},
                              {"busy", number(sign_in_.busy)},
                              {"broken", number(sign_in_.broken)}}));
        const auto figures = figures_();
        append_users(all, "operations", "Operations under way.", figures.usage.operations);
        append_users(all, "enumerations", "Enumerations that are open.", figures.usage.enumerations);
        all.push_back(family("wsvirt_jobs_unfinished", "Jobs that have not ended.", MetricType::Gauge, {},
                             {{"", static_cast<double>(figures.unfinished_jobs)}}));
        append_refusals(all, http_(), sign_in_, figures.usage);
        all.push_back(family("process_resident_memory_bytes", "Resident memory.", MetricType::Gauge, {},
                             {{"", resident_bytes()}}));
        all.push_back(
            family("process_open_fds", "Open descriptors.", MetricType::Gauge, {}, {{"", open_files()}}));
        HttpResponse response;
        response.content_type = "text/plain; version=0.0.4; charset=utf-8";
        response.body = prometheus::TextSerializer().Serialize(all);
        done(std::move(response));
    }

    bool allows_anonymous(const HttpRequest& request) const override {
        return istarts_with(request.peer, "127.") || istarts_with(request.peer, "[::1]");
    }

  private:
    std::function<const HttpCounters*()> http_;
    const SignIn::Counters& sign_in_;
    std::function<Machinery::Figures()> figures_;
};

}  // namespace

std::shared_ptr<HttpHandler> make_metrics_handler(std::function<const HttpCounters*()> http,
                                                  const SignIn::Counters& sign_in,
                                                  std::function<Machinery::Figures()> figures) {
    return std::make_shared<MetricsHandler>(std::move(http), sign_in, std::move(figures));
}

}  // namespace wsvirt::wsman

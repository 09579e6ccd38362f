#include "wsman/daemon/metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
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

class MetricsHandler : public HttpHandler {
  public:
    MetricsHandler(std::function<const HttpCounters*()> http, const SignIn::Counters& sign_in)
        : http_(std::move(http)), sign_in_(sign_in) {}

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
};

}  // namespace

std::shared_ptr<HttpHandler> make_metrics_handler(std::function<const HttpCounters*()> http,
                                                  const SignIn::Counters& sign_in) {
    return std::make_shared<MetricsHandler>(std::move(http), sign_in);
}

}  // namespace wsvirt::wsman

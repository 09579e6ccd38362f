// Everything behind the HTTP server: schema, state, jobs, libvirt hosts, object manager, and the
// WS-Management handler on top of them, made and ended in the right order.
#pragma once

#include <memory>

#include "base/result.hpp"
#include "wsman/daemon/config.hpp"
#include "wsman/http/message.hpp"
#include "wsman/ops/usage.hpp"

namespace wsvirt::wsman {

class Machinery {
  public:
    // Errors: whatever does not start, with what to do about it.
    static Result<std::unique_ptr<Machinery>> start(const Config& config);
    ~Machinery();
    Machinery(const Machinery&) = delete;
    Machinery& operator=(const Machinery&) = delete;

    std::shared_ptr<HttpHandler> wsman_handler() const;
    // Operations, enumerations, and refusals of every limit behind HTTP, that of the jobs among them.
    struct Figures {
        Usage usage;
        std::size_t unfinished_jobs = 0;
    };
    Figures figures() const;
    // Jobs that can be cancelled are, while the HTTP server stops.
    void begin_stop();
    // After the HTTP server has stopped: finishes queued work and running jobs.
    void stop();

  private:
    struct Parts;
    explicit Machinery(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace wsvirt::wsman

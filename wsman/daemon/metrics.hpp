// The figures of the running daemon in Prometheus' text form, at /metrics: for loopback peers without
// sign-in, for others with.
#pragma once

#include <functional>
#include <memory>

#include "wsman/auth/sign_in.hpp"
#include "wsman/daemon/machinery.hpp"
#include "wsman/http/server.hpp"

namespace wsvirt::wsman {

// `http` is asked at each scrape, since the server exists only after its routes; `sign_in` must outlive it,
// and what `figures` needs.
std::shared_ptr<HttpHandler> make_metrics_handler(std::function<const HttpCounters*()> http,
                                                  const SignIn::Counters& sign_in,
                                                  std::function<Machinery::Figures()> figures);

}  // namespace wsvirt::wsman

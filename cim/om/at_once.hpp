// What a provider can answer from memory, at once and without blocking: no call to a host, no row of the
// store, no file, no search. Such a read costs less than the way to another thread, so it is answered where
// it arrived. A provider that has such answers also derives from AtOnce; nullopt always means "ask the usual
// way", and nothing has happened then. Errors are left to the usual way, too.
#pragma once

#include <optional>

#include "cim/om/operation.hpp"

namespace wsvirt::cim {

class AtOnce {
  public:
    virtual ~AtOnce() = default;
    AtOnce() = default;
    AtOnce(const AtOnce&) = delete;
    AtOnce& operator=(const AtOnce&) = delete;

    // path: of exactly this class, with all keys, typed.
    virtual std::optional<Instance> get_at_once(const Request&, const ClassPtr& cls,
                                                const ObjectPath& path) = 0;
    // Arguments were checked and the caller's role, too. Only for calls that change nothing.
    virtual std::optional<MethodResult> invoke_at_once(const Request&, const ClassPtr& cls,
                                                       const ObjectPath& target, const Method& method,
                                                       const Arguments& in) = 0;
};

}  // namespace wsvirt::cim

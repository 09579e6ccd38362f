// The operations of WS-Management over a Transport, as the commands need them. One request at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "wsman/client/envelope.hpp"
#include "wsman/client/object.hpp"
#include "wsman/client/resource.hpp"
#include "wsman/client/transport.hpp"

namespace wsvirt::client {

struct Page;  // reply.hpp

class Session {
  public:
    Session(Transport& transport, Circumstances circumstances, Naming naming);

    const Naming& naming() const { return naming_; }

    Result<Object> identify(bool unauthenticated = false);
    Result<Object> get(const Resource& r);

    // Items arrive page by page; return false from `each` to stop early (the context is then released).
    using EachObject = std::function<bool(const Object&)>;
    using EachReference = std::function<bool(const Resource&)>;
    Result<void> enumerate(const Resource& r, std::string_view wql, const EachObject& each);
    Result<void> enumerate_references(const Resource& r, std::string_view wql, const EachReference& each);
    Result<std::vector<Object>> query(std::string_view wql);  // the whole answer

    // The _OUTPUT element. Whether the method did what was asked is in its ReturnValue: see job.hpp.
    Result<Object> invoke(const Resource& target, std::string_view method,
                          const std::vector<Argument>& arguments);

    static constexpr unsigned page_size = 100;

  private:
    Result<void> pages(const Resource& r, std::string_view wql, EnumerationMode mode,
                       const std::function<bool(const Page&)>& each);

    Transport& transport_;
    Circumstances circumstances_;
    Naming naming_;
};

}  // namespace wsvirt::client

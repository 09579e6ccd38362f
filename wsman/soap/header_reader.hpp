// The typed reading of the header blocks through gSOAP. A context is costly to make (164 KB), so the reader
// keeps those it made and lends each to one message at a time. Thread safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "wsman/soap/gate.hpp"
#include "wsman/soap/headers.hpp"

namespace wsvirt::soap {

class HeaderReader {
  public:
    HeaderReader();
    ~HeaderReader();
    HeaderReader(const HeaderReader&) = delete;
    HeaderReader& operator=(const HeaderReader&) = delete;

    // Reads `blocks` (those that the service knows, each at most once) of a frame. False when their content
    // does not have the type it must have.
    bool read(const Frame& frame, const std::vector<const HeaderBlock*>& blocks, RequestHeaders& out);

  private:
    struct Pool;
    std::unique_ptr<Pool> pool_;
};

}  // namespace wsvirt::soap

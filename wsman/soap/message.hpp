// From the bytes of a request to a message: encoding, gate, typed header blocks, body. The rules that hold
// for every SOAP message are applied here (version, duplicate headers, mustUnderstand); what a header means
// is the operations' business. One Receiver serves all threads: it keeps a few gSOAP contexts and lends one
// per message.
#pragma once

#include <memory>
#include <optional>
#include <pugixml.hpp>
#include <string>
#include <string_view>

#include "wsman/soap/encoding.hpp"
#include "wsman/soap/fault.hpp"
#include "wsman/soap/gate.hpp"
#include "wsman/soap/headers.hpp"

namespace wsvirt::soap {

struct Message {
    std::string text;  // the request in UTF-8; `frame` points into it
    Encoding encoding = Encoding::utf8;
    Frame frame;
    RequestHeaders headers;
    pugi::xml_document document;  // the Envelope with its Body only
    pugi::xml_node body;          // s:Body
};

// One of: a status without SOAP; a fault (with the message as far as it could be read); a message.
struct Incoming {
    unsigned http_status = 0;
    std::string http_text;
    std::string_view http_limit;  // the limit that refuses, "" for none
    std::optional<Fault> fault;
    std::unique_ptr<Message> message;
    Encoding encoding = Encoding::utf8;
};

class Receiver {
  public:
    explicit Receiver(GateLimits limits = {});
    ~Receiver();
    Receiver(const Receiver&) = delete;
    Receiver& operator=(const Receiver&) = delete;

    Incoming receive(std::string body, std::string_view content_type);

  private:
    struct Contexts;
    GateLimits limits_;
    std::unique_ptr<Contexts> contexts_;
};

}  // namespace wsvirt::soap

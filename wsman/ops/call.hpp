// One request on its way through the operations, and what they answer. A Call lives on the stack of the
// worker that serves it; operations are plain functions from a Call to an Outcome.
#pragma once

#include <cstddef>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>

#include "cim/codec/wscim.hpp"
#include "cim/om/object_manager.hpp"
#include "wsman/http/message.hpp"
#include "wsman/ops/settings.hpp"
#include "wsman/soap/message.hpp"
#include "wsman/soap/writer.hpp"

namespace wsvirt::wsman {

class ContextTable;

struct Answer {
    std::string action;   // of the response
    std::string headers;  // further header blocks, raw
    std::string body;     // content of s:Body, raw; not what lies in the first `room` octets
    // Kept free for what goes before the body, so that a long one need not be copied.
    std::size_t room = 0;
};
// Puts text before a body, in its room as far as that reaches.
void put_before(Answer& answer, std::string_view text);

// Nothing was done: the operation may block, and this is no place for that.
struct MayBlock {};
using Outcome = std::variant<Answer, soap::Fault, MayBlock>;

struct Call {
    const OpsSettings& settings;
    cim::ObjectManager& om;
    ContextTable& contexts;
    const HttpRequest& http;
    const soap::Message& message;
    const Identity& who;
    cim::Clock::time_point deadline;
    cim::Clock::time_point answer_by;  // a little earlier: what is there by then is sent
    std::stop_token stop;              // nobody waits for the answer any more
    const std::function<bool()>&
        claim;                   // before an answer leaves its marks: false when it is too late for it
    std::size_t envelope_limit;  // octets of the answer in UTF-8, already halved for UTF-16
    bool limit_is_clients;       // from wsman:MaxEnvelopeSize
    bool at_once = false;        // on an I/O thread: the outcome is MayBlock where memory is not enough

    const soap::RequestHeaders& headers() const { return message.headers; }
    cim::Request request(const cim::Namespace& ns) const {
        return {who, ns, deadline, stop, http.request_id, headers().locale ? headers().locale->value : ""};
    }
    soap::AnswerHead head(std::string_view action, std::string_view extra) const {
        soap::AnswerHead h;
        h.addressing = headers().addressing;
        h.action = action;
        h.relates_to = headers().message_id ? std::string_view(*headers().message_id) : std::string_view{};
        h.echo = headers().reply_to ? std::string_view(headers().reply_to->echo) : std::string_view{};
        h.extra = extra;
        return h;
    }
    // How much UTF-8 text surely fits into so many octets of the answer's encoding: UTF-16 has two for a
    // letter.
    std::size_t in_utf8(std::size_t octets) const {
        return message.encoding == soap::Encoding::utf8 ? octets : (octets - 2) / 2;
    }
    // What an answer's envelope takes besides the content of its body.
    std::size_t overhead(std::string_view action, std::string_view extra) const {
        std::string text;
        soap::begin_envelope(text, head(action, extra));
        soap::end_envelope(text);
        return text.size();
    }
};

}  // namespace wsvirt::wsman

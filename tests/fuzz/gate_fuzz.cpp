// The way of a request's bytes through encoding, gate, gSOAP's headers and the body's parser, and the fault
// that answers it. The first byte chooses the Content-Type. What the gate lets through must be parsable.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <variant>

#include "wsman/soap/message.hpp"
#include "wsman/soap/writer.hpp"
#include "wsman/soap/xml.hpp"

using namespace wsvirt::soap;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Receiver receiver;
    if (size == 0) return 0;
    constexpr const char* types[] = {"application/soap+xml;charset=UTF-8",
                                     "application/soap+xml;charset=UTF-16", "application/soap+xml",
                                     "text/xml;charset=\"utf-8\""};
    auto in =
        receiver.receive(std::string(reinterpret_cast<const char*>(data) + 1, size - 1), types[data[0] % 4]);
    if (in.message && !in.fault && !in.message->body) std::abort();
    if (in.fault) {
        const auto text =
            write_fault(in.message ? &in.message->headers : nullptr, *in.fault, "fuzz", 64 * 1024);
        // An answer is always an envelope that the gate itself accepts. What it echoes has, besides what was
        // sent, the prefixes of its surroundings, and the quotes in attribute values are references.
        GateLimits limits;
        limits.max_header_bytes = limits.max_bytes;
        limits.max_attributes += limits.max_prefixes + 2;
        limits.max_prefixes += 16;
        limits.max_attribute_bytes *= std::string_view("&quot;").size();
        const auto seen = inspect(text, limits);
        if (const auto* why = std::get_if<Refusal>(&seen)) {
            std::cerr << "the answer is refused: " << why->text << "\n" << text << "\n";
            std::abort();
        }
        encode(text, in.encoding);
    }
    return 0;
}

// The requests of WS-Management (DSP0226), written as SOAP 1.2 envelopes. Each function gives the complete
// UTF-8 text. They follow the DMTF's own layout, so that any server understands them.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "wsman/client/object.hpp"
#include "wsman/client/resource.hpp"

namespace wsvirt::client {

// What every request carries in its header.
struct Circumstances {
    std::string to;  // the URL that is posted to
    std::chrono::seconds timeout{60};
    unsigned max_envelope_bytes = 512000;
    std::string locale = "en-US";
};

// A method's parameter. instance: sent inline in the WS-CIM form, with xsi:type (DSP0230).
struct Argument {
    enum class Kind { text, null, reference, instance } kind = Kind::text;
    std::string name;
    std::string text;
    Resource reference;  // for instance: its class as a resource
    std::vector<std::pair<std::string, std::string>>
        properties;  // of the instance; an array repeats its name

    static Argument of_text(std::string name, std::string text);
    static Argument of_reference(std::string name, Resource to);
    static Argument of_instance(std::string name, Resource of_class,
                                std::vector<std::pair<std::string, std::string>> properties);
};

std::string identify_request();
std::string get_request(const Circumstances& c, const Resource& r);
enum class EnumerationMode { object, epr };
// filter: WQL text, "" for none.
std::string enumerate_request(const Circumstances& c, const Resource& r, std::string_view filter,
                              EnumerationMode mode, unsigned max_elements);
std::string pull_request(const Circumstances& c, const Resource& r, std::string_view context,
                         unsigned max_elements);
std::string release_request(const Circumstances& c, const Resource& r, std::string_view context);
std::string invoke_request(const Circumstances& c, const Resource& r, std::string_view method,
                           const std::vector<Argument>& arguments);

}  // namespace wsvirt::client

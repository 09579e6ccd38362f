#include "wsman/client/resource.hpp"

#include "base/text.hpp"
#include "cim/model/object_path.hpp"

namespace wsvirt::client {
namespace {

constexpr std::string_view wmi_prefix = "http://schemas.microsoft.com/wbem/wsman/1/wmi/";
constexpr std::string_view dmtf_prefix = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/";
constexpr std::string_view namespace_selector = "__cimnamespace";

std::string key_text(const cim::Value& v) {
    if (const auto* path = v.as_path()) return path->to_text();
    if (const auto* text = v.as_string()) return *text;
    if (v.as_bool() != nullptr) return cim::value_to_text(cim::Type::boolean, v);
    std::uint64_t number = 0;
    return cim::value_to_text(v.to_uint64(number) ? cim::Type::uint64 : cim::Type::sint64, v);
}

}  // namespace

Resource Naming::of_class(std::string_view class_name) const {
    Resource r;
    if (family == UriFamily::dmtf) {
        r.uri = std::string(dmtf_prefix) + std::string(class_name);
        r.selectors.emplace_back(namespace_selector, name_space);
    } else {
        r.uri = std::string(wmi_prefix) + name_space + "/" + std::string(class_name);
    }
    return r;
}

Result<Resource> Naming::parse(std::string_view text) const {
    text = trim(text);
    if (text.empty())
        return Error(Status::invalid_parameter, "client.resource.empty",
                     "Name a class, an object path such as Class.Key=\"value\", or a resource URI.");
    if (text.find("://") != std::string_view::npos || istarts_with(text, "urn:"))
        return Resource{std::string(text), {}};
    auto path = cim::ObjectPath::parse(text);
    if (!path) return path.error();
    Naming naming = *this;
    if (!path->name_space().empty()) naming.name_space = path->name_space();
    Resource r = naming.of_class(path->class_name());
    for (const auto& [name, value] : path->keys()) r.selectors.emplace_back(name, key_text(value));
    return r;
}

Result<std::pair<std::string, std::string>> parse_pair(std::string_view text) {
    const auto equals = text.find('=');
    if (equals == 0 || equals == std::string_view::npos)
        return Error(Status::invalid_parameter, "client.pair",
                     "Write NAME=VALUE; \"" + std::string(text) + "\" has no name or no \"=\".");
    return std::pair(std::string(trim(text.substr(0, equals))), std::string(text.substr(equals + 1)));
}

std::string path_text(const Resource& resource) {
    cim::ObjectPath path;
    path.set_class_name(resource.class_name());
    if (istarts_with(resource.uri, wmi_prefix)) {
        const auto last = resource.uri.rfind('/');
        if (last > wmi_prefix.size())
            path.set_name_space(resource.uri.substr(wmi_prefix.size(), last - wmi_prefix.size()));
    }
    for (const auto& [name, value] : resource.selectors) {
        if (iequals(name, namespace_selector))
            path.set_name_space(cim::normal_namespace(value));
        else
            path.set_key(name, cim::Value(value));
    }
    return path.to_text();
}

}  // namespace wsvirt::client

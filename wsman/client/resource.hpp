// From what a person types to a resource: a full resource URI, a class name, or a WMI object path
// (Class.Key="value", with or without host and namespace). And back to path text, which Hyper-V wants in
// properties such as Parent and HostResource.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "wsman/client/object.hpp"

namespace wsvirt::client {

// How class names become resource URIs. wmi: ".../wmi/root/virtualization/v2/Class"; dmtf:
// ".../cim-schema/2/Class" with the namespace in the selector __cimnamespace.
enum class UriFamily { wmi, dmtf };

struct Naming {
    UriFamily family = UriFamily::wmi;
    std::string name_space = "root/virtualization/v2";

    Resource of_class(std::string_view class_name) const;
    // The resource that queries over a whole namespace are sent to (DSP0227: class name "*").
    Resource whole_namespace() const { return of_class("*"); }
    // Errors: invalid_parameter (empty), malformed (a path that is none).
    Result<Resource> parse(std::string_view text) const;
};

// NAME=VALUE. Errors: invalid_parameter.
Result<std::pair<std::string, std::string>> parse_pair(std::string_view text);

// root\virtualization\v2:Class.Key="value", values escaped. The namespace comes from the URI or from
// __cimnamespace.
std::string path_text(const Resource& resource);

}  // namespace wsvirt::client

// A CIM object path: namespace, class, keys (DSP0004 8, DSP0207), and its WMI text form
// \\HOST\root\virtualization\v2:Class.Key="value". Plain value.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cim/model/value.hpp"

namespace wsvirt::cim {

class ObjectPath {
  public:
    using Keys = std::vector<std::pair<std::string, Value>>;

    ObjectPath() = default;
    ObjectPath(std::string name_space, std::string class_name, Keys keys = {});

    // WMI path text, with or without host and namespace; "/" and "\" both separate; Class=@ is a singleton;
    // Class.K="v",K2=1,K3=TRUE,K4="nested path". Keyless text "Class" is a class path. Errors: malformed.
    static Result<ObjectPath> parse(std::string_view text);
    // What clients give for a reference: such text, or the name or address of a host (hvB.example.com, \\hvB,
    // 192.0.2.2, [2001:db8::2]), which makes CIM_ComputerSystem.Name="HOST". A single word is a class
    // path.
    static Result<ObjectPath> parse_reference(std::string_view text);
    // \\HOST\root\virtualization\v2:Class.K="v" with `\` and `"` escaped in values; keys in alphabetical
    // order. Without a host: root\virtualization\v2:Class.K="v". relative: Class.K="v".
    std::string to_text(std::string_view host = {}) const;
    std::string relative_text() const;

    const std::string& name_space() const { return ns_; }  // "root/virtualization/v2", '/' as separator
    const std::string& class_name() const { return class_; }
    const Keys& keys() const { return keys_; }
    const Value* key(std::string_view name) const;        // name without case
    std::string key_string(std::string_view name) const;  // "" when absent or no string
    void set_key(std::string name, Value v);
    void set_name_space(std::string ns) { ns_ = std::move(ns); }
    void set_class_name(std::string c) { class_ = std::move(c); }
    const std::string& host() const { return host_; }  // "" when the text named none
    void set_host(std::string h) { host_ = std::move(h); }

    // Class, namespace and key names without case; key values: strings without case (as WMI compares them),
    // the rest by value; the host does not count; an empty namespace matches any.
    friend bool operator==(const ObjectPath& a, const ObjectPath& b);

  private:
    std::string ns_;
    std::string class_;
    std::string host_;
    Keys keys_;
};

// "ROOT\Virtualization\V2" or "/root/virtualization/v2/" → "root/virtualization/v2": slashes, no ends, case
// kept.
std::string normal_namespace(std::string_view text);

// Whether the text can be the name of a class, property or key (DSP0004 5.1), and of a namespace ("" can).
bool is_name(std::string_view text);
bool is_namespace(std::string_view text);

}  // namespace wsvirt::cim

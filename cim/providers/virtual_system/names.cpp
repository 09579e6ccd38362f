#include "cim/providers/virtual_system/names.hpp"

#include "base/text.hpp"
#include "cim/providers/virtual_system/kinds.hpp"

namespace wsvirt::cim::vs {

namespace {

constexpr std::string_view prefix = "Microsoft:";

void append_key_value(std::string& out, std::string_view text) {
    for (char c : text) {
        if (c == '\\' || c == '"') out += '\\';
        out += c;
    }
}

std::string class_path(std::string_view host, std::string_view class_name, std::size_t room) {
    std::string out;
    out.reserve(host.size() + class_name.size() + room + 40);
    out += "\\\\";
    out += host;
    out += "\\root\\virtualization\\v2:";
    out += class_name;
    return out;
}

}  // namespace

std::string setting_id(std::string_view guid) {
    std::string out(prefix);
    out += guid;
    return out;
}

std::string setting_id(std::string_view guid, std::string_view device) {
    std::string out;
    out.reserve(prefix.size() + guid.size() + device.size() + 1);
    out += prefix;
    out += guid;
    out += '\\';
    out += device;
    return out;
}

std::optional<SettingId> parse_setting_id(std::string_view id) {
    if (!istarts_with(id, prefix)) return std::nullopt;
    id.remove_prefix(prefix.size());
    auto end = id.find('\\');
    auto guid = id.substr(0, end);
    if (!is_guid(guid)) return std::nullopt;
    SettingId out;
    out.guid = to_upper(guid);
    if (end != std::string_view::npos) out.device = std::string(id.substr(end + 1));
    return out;
}

std::string setting_path_text(std::string_view host, std::string_view class_name, std::string_view id) {
    auto out = class_path(host, class_name, id.size() + 24);
    out += ".InstanceID=\"";
    append_key_value(out, id);
    out += '"';
    return out;
}

std::string system_path_text(std::string_view host, std::string_view class_name, std::string_view name) {
    auto out = class_path(host, class_name, class_name.size() + name.size() + 32);
    out += ".CreationClassName=\"";
    out += class_name;
    out += "\",Name=\"";
    append_key_value(out, name);
    out += '"';
    return out;
}

ObjectPath setting_path(std::string_view class_name, std::string_view id) {
    return ObjectPath(std::string(virtualization_namespace), std::string(class_name),
                      {{"InstanceID", Value(id)}});
}

ObjectPath system_path(std::string_view class_name, std::string_view name) {
    return ObjectPath(std::string(virtualization_namespace), std::string(class_name),
                      {{"CreationClassName", Value(class_name)}, {"Name", Value(name)}});
}

ObjectPath service_path(std::string_view host, std::string_view class_name, std::string_view name) {
    return ObjectPath(std::string(virtualization_namespace), std::string(class_name),
                      {{"CreationClassName", Value(class_name)},
                       {"Name", Value(name)},
                       {"SystemCreationClassName", Value("Msvm_ComputerSystem")},
                       {"SystemName", Value(host)}});
}

ObjectPath device_path(std::string_view class_name, std::string_view system, std::string_view device_id) {
    return ObjectPath(std::string(virtualization_namespace), std::string(class_name),
                      {{"CreationClassName", Value(class_name)},
                       {"DeviceID", Value(device_id)},
                       {"SystemCreationClassName", Value("Msvm_ComputerSystem")},
                       {"SystemName", Value(system)}});
}

ObjectPath job_path(std::string_view class_name, std::string_view id) {
    return setting_path(class_name, id);
}

std::optional<std::string> clean_guid(std::string_view text) {
    text = trim(text);
    if (text.size() == 38 && text.front() == '{' && text.back() == '}') text = text.substr(1, 36);
    if (!is_guid(text)) return std::nullopt;
    return to_upper(text);
}

std::string system_guid_of(const ObjectPath& p) {
    for (const char* key : {"InstanceID", "Name", "SystemName"}) {
        const auto text = p.key_string(key);
        if (text.empty()) continue;
        if (auto id = parse_setting_id(text)) return id->guid;
        if (auto guid = clean_guid(text)) return *guid;
    }
    return {};
}

std::string instance_id_of(std::string_view text) {
    if (istarts_with(text, prefix)) return std::string(text);
    auto p = ObjectPath::parse(text);
    if (!p) return {};
    return p->key_string("InstanceID");
}

}  // namespace wsvirt::cim::vs

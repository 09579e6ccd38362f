#include "wsman/client/object.hpp"

#include "base/text.hpp"

namespace wsvirt::client {

std::string Resource::class_name() const {
    const auto slash = uri.rfind('/');
    return slash == std::string::npos ? uri : uri.substr(slash + 1);
}

std::string Resource::selector(std::string_view name) const {
    for (const auto& [key, value] : selectors)
        if (iequals(key, name)) return value;
    return {};
}

const Field* Object::field(std::string_view name) const {
    for (const auto& f : fields)
        if (iequals(f.name, name)) return &f;
    return nullptr;
}

std::string Object::text(std::string_view name) const {
    const Field* f = field(name);
    return f != nullptr && !f->values.empty() ? f->values.front().text : std::string();
}

std::vector<std::string> Object::texts(std::string_view name) const {
    std::vector<std::string> out;
    if (const Field* f = field(name))
        for (const auto& v : f->values)
            if (v.kind == Value::Kind::text) out.push_back(v.text);
    return out;
}

const Resource* Object::reference(std::string_view name) const {
    const Field* f = field(name);
    if (f == nullptr || f->values.empty() || f->values.front().kind != Value::Kind::reference) return nullptr;
    return &f->values.front().reference;
}

std::vector<Resource> Object::references(std::string_view name) const {
    std::vector<Resource> out;
    if (const Field* f = field(name))
        for (const auto& v : f->values)
            if (v.kind == Value::Kind::reference) out.push_back(v.reference);
    return out;
}

}  // namespace wsvirt::client

#include "cim/om/keys.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace wsvirt::cim {

bool same_key_value(const Value& a, const Value& b) {
    const auto *s = a.as_string(), *t = b.as_string();
    if (s != nullptr && t != nullptr) return iequals(*s, *t);
    return a == b;
}

bool has_keys(const Instance& i, const ObjectPath::Keys& keys) {
    return std::all_of(keys.begin(), keys.end(),
                       [&](const auto& k) { return same_key_value(i.get(k.first), k.second); });
}

namespace {

// Selectors carry text: a reference may be written as a path.
Result<Value> typed_key(const Property& p, const Value& given) {
    const auto wrong = [&](const std::string& detail) {
        return Error(Status::type_mismatch, "wsvirt.key.type",
                     "The value given for the key " + p.name + " is not of the type " +
                         std::string(type_name(p.type)) + ".",
                     p.name, detail);
    };
    if (given.is_null())
        return Error(Status::invalid_key_value, "wsvirt.key.null", "The key " + p.name + " has no value.",
                     p.name);
    if (p.type == Type::reference) {
        if (given.as_path() != nullptr) return given;
        if (given.as_string() == nullptr) return wrong({});
        auto path = ObjectPath::parse(*given.as_string());
        if (!path) return wrong(path.error().text);
        return Value(std::move(*path));
    }
    auto v = convert(p.type, false, given);
    if (!v) return wrong(v.error().text);
    return v;
}

}  // namespace

Result<ObjectPath::Keys> typed_keys(const Class& cls, const ObjectPath::Keys& keys) {
    ObjectPath::Keys typed;
    for (const auto& [name, value] : keys) {
        const auto* p = cls.property(name);
        if (p == nullptr || !p->key)
            return Error(Status::unexpected_key, "wsvirt.key.unknown",
                         "The class " + cls.name() + " has no key named " + name + ".", name);
        for (const auto& [known, other] : typed)
            if (iequals(known, name))
                return Error(Status::unexpected_key, "wsvirt.key.twice",
                             "The key " + p->name + " is given twice.", p->name);
        auto v = typed_key(*p, value);
        if (!v) return v.error();
        typed.emplace_back(p->name, std::move(*v));
    }
    return typed;
}

bool complete_keys(const Class& cls, const ObjectPath::Keys& keys) {
    const auto& slots = cls.key_slots();
    return std::all_of(slots.begin(), slots.end(), [&](std::uint16_t slot) {
        return std::any_of(keys.begin(), keys.end(),
                           [&](const auto& k) { return iequals(k.first, cls.properties()[slot]->name); });
    });
}

Error no_such_instance(const Class& cls, const ObjectPath& path) {
    std::string text = "There is no " + cls.name();
    if (!path.keys().empty()) text += " with these keys: " + path.relative_text();
    return {Status::not_found, "wsvirt.instance.missing", text + ".", cls.name()};
}

}  // namespace wsvirt::cim

#include "cim/schema/reference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace wsvirt::cim {

namespace {

unsigned levels(const ObjectPath& p) {
    unsigned most = 0;
    for (const auto& [name, value] : p.keys())
        if (const auto* inner = value.as_path()) most = std::max(most, levels(*inner));
    return most + 1;
}

Result<void> check_levels(const ObjectPath& p) {
    if (levels(p) <= most_nested_references) return {};
    return Error(Status::malformed, "wsvirt.path.depth", "References are nested too deeply.", p.class_name());
}

Result<Value> typed_key(const Class& cls, const std::string& name, Value v) {
    const auto* property = cls.property(name);
    if (!property || !property->key || property->array || v.is_null()) return v;
    if (v.as_path() && (property->type == Type::reference || property->type == Type::string)) return v;
    if (property->type == Type::string && !v.as_string()) v = Value(value_to_text(Type::string, v));
    auto typed = convert(property->type, false, std::move(v));
    if (typed) return typed;
    return Error(Status::type_mismatch, "wsvirt.path.key",
                 fmt::format("The key {} of {}: {}", name, cls.name(), typed.error().text), name);
}

// Path text has no words for infinities, and none for minus zero.
Result<Value> plain_number(const std::string& name, Value v) {
    const auto* d = std::get_if<double>(&v.storage());
    if (!d) return v;
    if (!std::isfinite(*d))
        return Error(Status::type_mismatch, "wsvirt.path.key",
                     fmt::format("The key {} needs a finite number.", name), name);
    return *d == 0 ? Value(0) : v;
}

class Completion {
  public:
    explicit Completion(const Namespace& ns) : ns_(ns) {}

    // inside: what names no namespace is in `ns`.
    Result<ObjectPath> path(const ObjectPath& p, bool inside) const {
        const bool here = p.name_space().empty() ? inside : iequals(p.name_space(), ns_.name());
        const auto cls = here ? ns_.find(p.class_name()) : nullptr;
        ObjectPath::Keys keys;
        for (const auto& [given, value] : p.keys()) {
            auto name = key_name(p, cls.get(), given);
            if (!name) return name.error();
            auto typed = key(cls.get(), *name, value, here);
            if (!typed) return typed.error();
            keys.emplace_back(std::move(*name), std::move(*typed));
        }
        ObjectPath done(p.name_space(), p.class_name(), std::move(keys));
        done.set_host(p.host());
        return done;
    }

  private:
    // Class="value" is short for the only key.
    static Result<std::string> key_name(const ObjectPath& p, const Class* cls, const std::string& given) {
        if (given.empty() && cls && cls->key_slots().size() == 1 && p.keys().size() == 1)
            return cls->properties()[cls->key_slots()[0]]->name;
        if (given.empty())
            return Error(Status::malformed, "wsvirt.path.key",
                         fmt::format("The keys of {} need their names.", p.class_name()), p.class_name());
        if (iequals(given, "__cimnamespace"))  // would be taken for the namespace
            return Error(Status::malformed, "wsvirt.path.key",
                         fmt::format("{} has no key {}.", p.class_name(), given), given);
        return given;
    }

    Result<Value> key(const Class* cls, const std::string& name, const Value& given, bool here) const {
        auto v = cls ? typed_key(*cls, name, given) : Result<Value>(given);
        if (!v) return v;
        if (const auto* inner = v->as_path()) {
            auto completed = path(*inner, here);
            return completed ? Result<Value>(Value(std::move(*completed))) : completed.error();
        }
        return plain_number(name, std::move(*v));
    }

    const Namespace& ns_;
};

}  // namespace

Result<ObjectPath> complete_reference(const Namespace& ns, ObjectPath p) {
    if (p.name_space().empty()) p.set_name_space(ns.name());
    if (auto r = check_levels(p); !r) return r.error();
    auto done = Completion(ns).path(p, true);
    if (!done) return done;
    if (auto r = check_levels(*done); !r) return r.error();  // texts of keys may be references
    return done;
}

bool may_stand_for(const Namespace& ns, std::string_view wanted, const Class& given) {
    const auto cls = wanted.empty() ? nullptr : ns.find(wanted);
    if (!cls) return true;
    // The topmost class of a model is no kinship.
    for (const Class* c = cls.get(); c; c = c->superclass().get())
        if ((c == cls.get() || c->superclass()) && given.is_a(c->name())) return true;
    return false;
}

}  // namespace wsvirt::cim

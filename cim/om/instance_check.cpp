#include "base/text.hpp"
#include "cim/om/instance_repository.hpp"

namespace wsvirt::cim {

namespace {

Error wrong(const Property& p, const std::string& why) {
    return {Status::type_mismatch, "wsvirt.instance.type",
            "The value of the property " + p.name + " is not right: " + why + ".", p.name};
}

Result<Value> checked_scalar(const Namespace& ns, const Property& p, const Value& v) {
    if (v.is_null()) return v;
    if (p.type == Type::reference) {
        const auto* path = v.as_path();
        if (path == nullptr) return wrong(p, "it must be a reference");
        const auto cls = ns.find(path->class_name());
        if (path->name_space().empty() || iequals(path->name_space(), ns.name()))
            if (cls == nullptr || !cls->is_a(p.ref_class))
                return wrong(p, "it must refer to an instance of " + p.ref_class);
        return v;
    }
    const auto* instance = v.as_instance();
    if (p.type == Type::instance || (instance != nullptr && p.type == Type::string)) {
        if (instance == nullptr || !instance->valid()) return wrong(p, "it must be an embedded instance");
        if (!p.embedded_class.empty() && !instance->cls().is_a(p.embedded_class))
            return wrong(p, "it must be an instance of " + p.embedded_class);
        return v;
    }
    auto converted = convert(p.type, false, v);
    if (!converted) return wrong(p, "it must be of the type " + std::string(type_name(p.type)));
    const auto* limit = find_qualifier(p.qualifiers, "MaxLen");
    std::uint64_t most = 0;
    if (limit != nullptr && limit->to_uint64(most) && most > 0 && converted->as_string() != nullptr &&
        converted->as_string()->size() > most)
        return Error(Status::invalid_parameter, "wsvirt.instance.length",
                     "The value of the property " + p.name + " is longer than " + std::to_string(most) +
                         " characters.",
                     p.name);
    return converted;
}

Result<Value> checked_value(const Namespace& ns, const Property& p, const Value& v) {
    if (v.is_null()) return v;
    const auto* array = v.as_array();
    if (!p.array) {
        if (array != nullptr) return wrong(p, "it is no array, but several values were given");
        return checked_scalar(ns, p, v);
    }
    Value::Array all;
    if (array == nullptr) {
        auto one = checked_scalar(ns, p, v);
        if (!one) return one;
        all.push_back(std::move(*one));
        return Value(std::move(all));
    }
    for (const auto& element : *array) {
        auto one = checked_scalar(ns, p, element);
        if (!one) return one;
        all.push_back(std::move(*one));
    }
    return Value(std::move(all));
}

}  // namespace

Result<Instance> checked_instance(const Namespace& ns, const Instance& i) {
    Instance checked(i.class_ptr());
    const auto& all = i.cls().properties();
    for (std::size_t slot = 0; slot < all.size(); ++slot) {
        const auto& p = *all[slot];
        auto v = i.given(slot) ? checked_value(ns, p, i.at(slot)) : Result<Value>(p.default_value);
        if (!v) return v.error();
        if (v->is_null() && (p.key || p.required))
            return Error(Status::missing_value, "wsvirt.instance.missing_value",
                         "The property " + p.name + " of " + i.cls().name() + " needs a value.", p.name);
        if (i.given(slot) || !v->is_null()) checked.set_at(slot, std::move(*v));
    }
    return checked;
}

}  // namespace wsvirt::cim

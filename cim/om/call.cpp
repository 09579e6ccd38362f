// Method calls: the target, the right to call, the arguments, the provider.
#include <algorithm>

#include "cim/om/authorisation.hpp"
#include "cim/om/object_manager_impl.hpp"

namespace wsvirt::cim {

namespace {

Error wrong_type(const Parameter& p, const std::string& detail) {
    std::string type(type_name(p.type));
    if (!p.embedded_class.empty()) type = p.embedded_class;
    if (p.array) type += "[]";
    return {Status::type_mismatch, "wsvirt.parameter.type",
            "The value of the parameter " + p.name + " is not of the type " + type + ".", p.name, detail};
}

// References may come as text. What class they point to is for the provider to judge: real clients pass
// settings where the declaration says systems.
Result<Value> reference(const Parameter& p, const Value& v) {
    if (v.as_path() != nullptr) return v;
    const auto* text = v.as_string();
    if (text == nullptr) return wrong_type(p, {});
    if (trim(*text).empty()) return Value();
    auto path = ObjectPath::parse_reference(*text);
    if (!path) return wrong_type(p, path.error().text);
    return Value(std::move(*path));
}

Result<Value> scalar(const Parameter& p, const Value& v) {
    if (v.is_null()) return v;
    if (p.type == Type::reference) return reference(p, v);
    const bool embedded = p.type == Type::instance || p.embedded_object || !p.embedded_class.empty();
    // Text that is still text here was no instance: the provider answers for it with its own return code.
    if (embedded && (v.as_instance() != nullptr || (p.type == Type::string && v.as_string() != nullptr)))
        return v;
    if (p.type == Type::instance) return wrong_type(p, {});
    auto converted = convert(p.type, false, v);
    if (!converted) return wrong_type(p, converted.error().text);
    return converted;
}

Result<Value> argument(const Parameter& p, const Value& v) {
    if (v.is_null()) return v;
    const auto* array = v.as_array();
    if (!p.array) {
        if (array == nullptr) return scalar(p, v);
        if (array->size() != 1) return wrong_type(p, "it is given more than once");
        return scalar(p, array->front());
    }
    Value::Array all;
    if (array == nullptr) {
        auto one = scalar(p, v);
        if (!one) return one;
        all.push_back(std::move(*one));
        return Value(std::move(all));
    }
    for (const auto& element : *array) {
        auto one = scalar(p, element);
        if (!one) return one;
        all.push_back(std::move(*one));
    }
    return Value(std::move(all));
}

Error no_such_method(const Class& cls, std::string_view name) {
    return {Status::method_not_found, "wsvirt.method.unknown",
            "The class " + cls.name() + " has no method " + std::string(name) + ".", std::string(name)};
}

}  // namespace

Result<Arguments> checked_arguments(const Method& method, const Arguments& given) {
    Arguments checked;
    for (const auto& [name, value] : given.all()) {
        const auto* p = method.parameter(name);
        const bool output = p != nullptr && !p->in;
        if (output && value.is_null()) continue;
        if (p == nullptr || output)
            return Error(Status::invalid_parameter, "wsvirt.parameter.unknown",
                         "The method " + method.name + " has no " + (output ? "input " : "") +
                             "parameter named " + name + ".",
                         name);
        auto v = argument(*p, value);
        if (!v) return v.error();
        checked.set(p->name, std::move(*v));
    }
    return checked;
}

Result<MethodResult> ObjectManager::Impl::invoke(const Request& r, const ObjectPath& target,
                                                 std::string_view name, Arguments in) const {
    auto here = in_namespace_of(r, target);
    if (!here) return here.error();
    auto cls = class_of(here->ns, target.class_name());
    if (!cls) return cls.error();

    ClassPtr real = *cls;
    ObjectPath path = target;
    Provider* provider = nullptr;
    const Method* method = real->method(name);
    if (method != nullptr && method->is_static && target.keys().empty()) {
        provider = provider_of(here->ns, *real);
    } else {
        auto found = locate_here(*here, target);
        // A method that nobody has is the plainer news than an instance that is not there.
        if (!found) return method == nullptr ? no_such_method(**cls, name) : found.error();
        real = found->cls;
        provider = found->provider;
        path = std::move(found->path);
        method = real->method(name);
    }
    if (method == nullptr) return no_such_method(*real, name);
    if (provider == nullptr)
        return Error(Status::not_supported, "wsvirt.method.unsupported",
                     "The method " + method->name + " of " + real->name() + " is not available on this host.",
                     method->name);
    if (auto may = authorise(r.who, provider->needed_role(*method), "the method " + method->name); !may)
        return may.error();
    auto arguments = checked_arguments(*method, in);
    if (!arguments) return arguments.error();
    if (auto wanted = still_wanted(*here); !wanted) return wanted.error();
    return provider->invoke(*here, real, path, *method, *arguments);
}

}  // namespace wsvirt::cim

#include "cim/schema/mof_instance.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cim/schema/mof_parser.hpp"
#include "cim/schema/reference.hpp"

namespace wsvirt::cim {

namespace mof {

namespace {

Result<void> may_hold_instance(const Feature& f, const Literal& l, const InstanceDeclaration& outer) {
    const bool embeds = f.type == Type::instance ||
                        (f.type == Type::string && (f.embedded_object || !f.embedded_class.empty()));
    if (embeds || f.type == Type::reference) return {};
    return error_at(*outer.file, l.at, Status::type_mismatch,
                    fmt::format("{} cannot hold an instance", f.name), f.name);
}

}  // namespace

void InstanceBuilder::declare_alias(const std::shared_ptr<const InstanceDeclaration>& i) {
    if (!i->alias.empty()) aliases_[i->alias] = i;
}

Result<Instance> InstanceBuilder::build(const InstanceDeclaration& d) {
    if (depth_ > limits_.nesting) return too_deep(d);
    const auto cls = ns_.find(d.class_name);
    if (!cls)
        return error_at(*d.file, d.at, Status::invalid_class,
                        fmt::format("there is no class {} in {}", d.class_name, ns_.name()), d.class_name);
    if (++built_ > limits_.instances) return too_many(d);
    Instance made(cls);
    for (const auto& i : d.properties) {
        const int slot = cls->slot(i.property);
        if (slot < 0)
            return error_at(*d.file, i.at, Status::no_such_property,
                            fmt::format("{} has no property {}", cls->name(), i.property), i.property);
        if (made.given(static_cast<std::size_t>(slot)))
            return error_at(*d.file, i.at, Status::malformed, fmt::format("{} is given twice", i.property),
                            i.property);
        auto v = value(*cls->properties()[static_cast<std::size_t>(slot)], i.value, d);
        if (!v) return v.error();
        made.set_at(static_cast<std::size_t>(slot), std::move(*v));
    }
    if (!defaults_) return made;
    for (std::size_t slot = 0; slot < made.size(); ++slot)
        if (const auto& v = cls->properties()[slot]->default_value; !made.given(slot) && !v.is_null())
            made.set_at(slot, v);
    return made;
}

Error InstanceBuilder::too_deep(const InstanceDeclaration& d) const {
    return error_at(*d.file, d.at, Status::malformed, "instances refer to each other too deeply",
                    d.class_name);
}
Error InstanceBuilder::too_many(const InstanceDeclaration& d) const {
    return error_at(
        *d.file, d.at, Status::server_limits_exceeded,
        fmt::format("there are more than {} instances, with those that aliases stand for", limits_.instances),
        d.class_name);
}

Result<Value> InstanceBuilder::value(const Feature& f, const Literal& l, const InstanceDeclaration& d) {
    if (!f.array || l.kind == Literal::Kind::null) return scalar(f, l, d);
    Value::Array items;
    const auto add = [&](const Literal& item) -> Result<void> {
        auto v = scalar(f, item, d);
        if (!v) return v.error();
        items.push_back(std::move(*v));
        return {};
    };
    if (l.kind != Literal::Kind::array) {
        if (auto r = add(l); !r) return r.error();
    }
    for (const auto& item : l.items)
        if (auto r = add(item); !r) return r.error();
    return Value(std::move(items));
}

Result<Value> InstanceBuilder::scalar(const Feature& f, const Literal& l, const InstanceDeclaration& d) {
    if (l.kind == Literal::Kind::alias) return aliased(f, l, d);
    if (l.kind == Literal::Kind::instance) {
        if (auto ok = may_hold_instance(f, l, d); !ok) return ok.error();
        auto n = build_nested(*l.instance);
        return n ? value_of_nested(f, l, *n, d) : Result<Value>(n.error());
    }
    auto v = value_of(f.type, false, l);
    if (const auto* path = v ? v->as_path() : nullptr) {
        auto completed = complete_reference(ns_, *path);
        v = completed ? Result<Value>(Value(std::move(*completed))) : completed.error();
    }
    if (!v)
        return error_at(
            *d.file, l.at, v.error().status,
            fmt::format("{}: {}", f.name, v.error().text.substr(0, v.error().text.find_last_not_of('.') + 1)),
            f.name);
    return v;
}

Result<InstanceBuilder::Nested> InstanceBuilder::build_nested(const InstanceDeclaration& d) {
    const auto before = built_;
    const auto deepest = std::exchange(deepest_, ++depth_);
    auto made = build(d);
    const auto height = deepest_ - depth_;
    deepest_ = std::max(deepest, deepest_);
    --depth_;
    if (!made) return made.error();
    return Nested{std::make_shared<const Instance>(std::move(*made)), nullptr, built_ - before, height};
}

Result<void> InstanceBuilder::use_again(const Nested& n, const InstanceDeclaration& d) {
    const auto reached = depth_ + 1 + n.height;
    if (reached > limits_.nesting) return too_deep(d);
    deepest_ = std::max(deepest_, reached);
    built_ += n.instances;
    return built_ > limits_.instances ? Result<void>(too_many(d)) : Result<void>();
}

Result<Value> InstanceBuilder::aliased(const Feature& f, const Literal& l, const InstanceDeclaration& outer) {
    const auto at = aliases_.find(l.text);
    if (at == aliases_.end())
        return error_at(*outer.file, l.at, Status::malformed,
                        fmt::format("the alias ${} is not declared", l.text), f.name);
    if (auto ok = may_hold_instance(f, l, outer); !ok) return ok.error();
    const auto declared = at->second;
    auto found = used_.find(declared);
    if (found == used_.end()) {
        auto n = build_nested(*declared);
        if (!n) return n.error();
        found = used_.emplace(declared, std::move(*n)).first;
    } else if (auto ok = use_again(found->second, *declared); !ok) {
        return ok.error();
    }
    return value_of_nested(f, l, found->second, outer);
}

Result<Value> InstanceBuilder::value_of_nested(const Feature& f, const Literal& l, Nested& n,
                                               const InstanceDeclaration& outer) {
    const auto& made = *n.instance;
    const bool reference = f.type == Type::reference;
    const auto& wanted = reference ? f.ref_class : f.embedded_class;
    const bool fits = reference ? wanted.empty() || !ns_.find(wanted) || made.cls().is_a(wanted)
                                : may_stand_for(ns_, wanted, made.cls());
    if (!fits)
        return error_at(
            *outer.file, l.at, Status::type_mismatch,
            fmt::format("{} needs an instance of {}, not of {}", f.name, wanted, made.cls().name()), f.name);
    if (!reference) return Value(n.instance);
    if (n.path) return Value(n.path);
    for (const auto slot : made.cls().key_slots())
        if (made.at(slot).is_null())
            return error_at(*outer.file, l.at, Status::malformed,
                            fmt::format("{} needs an instance with all its keys", f.name), f.name);
    auto path = complete_reference(ns_, made.path(ns_.name()));
    if (!path) return error_at(*outer.file, l.at, path.error().status, path.error().text, f.name);
    n.path = std::make_shared<const ObjectPath>(std::move(*path));
    return Value(n.path);
}

}  // namespace mof

namespace {

// Wire text may hold instances and nothing else.
class InstancesOnly : public mof::Sink {
  public:
    InstancesOnly(const Namespace& ns, const MofLimits& limits, mof::FileName name)
        : builder_(ns, limits), name_(std::move(name)) {}

    Result<void> name_space(std::string, mof::Position at) override { return refuse(at, "a pragma"); }
    Result<void> include(std::string, mof::Position at) override { return refuse(at, "a pragma"); }
    Result<void> qualifier_type(QualifierType, mof::Position at) override {
        return refuse(at, "a qualifier declaration");
    }
    Result<void> class_declaration(mof::ClassDeclaration c) override { return refuse(c.at, "a class"); }
    Result<void> instance_declaration(mof::InstanceDeclaration i) override {
        auto shared = std::make_shared<const mof::InstanceDeclaration>(std::move(i));
        builder_.declare_alias(shared);
        auto v = builder_.build(*shared);
        if (!v) return v.error();
        made.push_back(std::move(*v));
        return {};
    }

    std::vector<Instance> made;

  private:
    Result<void> refuse(mof::Position at, std::string_view what) {
        return mof::error_at(*name_, at, Status::malformed,
                             fmt::format("{} cannot stand in instance text", what));
    }

    mof::InstanceBuilder builder_;
    mof::FileName name_;
};

}  // namespace

Result<std::vector<Instance>> instances_from_mof(const Namespace& ns, std::string_view text,
                                                 const MofLimits& limits) {
    const auto name = std::make_shared<const std::string>("MOF text");
    if (text.size() > limits.bytes)
        return Error{Status::server_limits_exceeded, "wsvirt.mof.size",
                     fmt::format("The MOF text is larger than {} bytes.", limits.bytes)};
    if (!valid_utf8(text))
        return Error{Status::malformed, "wsvirt.mof.encoding", "The MOF text is not UTF-8."};
    InstancesOnly sink(ns, limits, name);
    const mof::QualifierTypes none;
    if (auto r = mof::Parser(text, name, none, sink, limits).run(); !r) return r.error();
    return std::move(sink.made);
}

}  // namespace wsvirt::cim

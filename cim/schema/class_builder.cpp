#include "cim/schema/class_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <unordered_set>

namespace wsvirt::cim {

namespace {

bool flag(const Qualifiers& q, std::string_view name, bool other) {
    const auto* v = find_qualifier(q, name);
    return v ? v->bool_or(true) : other;
}

void apply_embedding(Feature& f) {
    f.embedded_object = f.embedded_object || flag(f.qualifiers, "EmbeddedObject", false);
    if (const auto* v = find_qualifier(f.qualifiers, "EmbeddedInstance"); v && f.type == Type::string)
        f.embedded_class = v->string_or({});
}

// Adds the superclass's qualifiers that are handed down and not given anew.
void inherit(Qualifiers& own, const Qualifiers& from) {
    std::unordered_set<std::string_view, IHash, IEqual> given;
    for (const auto& q : own) given.insert(q.name);
    std::vector<const Qualifier*> added;
    for (const auto& q : from)
        if ((q.flavor & Qualifier::to_subclass) && !given.contains(q.name)) added.push_back(&q);
    own.reserve(own.size() + added.size());
    for (const auto* q : added) {
        own.push_back(*q);
        own.back().propagated = true;
    }
}

bool same_parameters(const Method& a, const Method& b) {
    return a.parameters.size() == b.parameters.size();
}

}  // namespace

void SharedArrays::keep(Qualifiers& qualifiers) {
    for (auto& q : qualifiers) {
        const auto* array = q.value.as_array();
        if (array == nullptr) continue;
        const bool texts = std::all_of(array->begin(), array->end(),
                                       [](const Value& v) { return v.as_string() != nullptr; });
        Value own{Value::Array(*array)};
        if (texts) {
            std::string key;
            for (const auto& v : *array)
                key.append(std::to_string(v.as_string()->size())) += ':' + *v.as_string();
            own = known_.emplace(std::move(key), std::move(own)).first->second;
        }
        q.value = std::move(own);
    }
}

void apply_qualifiers(Property& p) {
    p.key = flag(p.qualifiers, "Key", false);
    p.read = flag(p.qualifiers, "Read", true);
    p.write = flag(p.qualifiers, "Write", false);
    p.required = flag(p.qualifiers, "Required", false);
    apply_embedding(p);
}

void apply_qualifiers(Parameter& p) {
    p.out = flag(p.qualifiers, "Out", false);
    // WMI's MOF writes [out] alone for what DSP0004 writes as [In(false), Out].
    p.in = flag(p.qualifiers, "In", !p.out);
    p.required = flag(p.qualifiers, "Required", false);
    apply_embedding(p);
}

ClassBuilder::ClassBuilder(const mof::ClassDeclaration& d, ClassPtr super, SharedArrays& arrays)
    : declaration_(d), arrays_(arrays), made_(std::make_shared<Class>()) {
    made_->name_ = d.name;
    made_->super_ = std::move(super);
    made_->qualifiers_ = d.qualifiers;
    arrays_.keep(made_->qualifiers_);
    if (const auto* v = find_qualifier(d.qualifiers, "Provider")) made_->provider_ = v->string_or({});
    if (!made_->super_) return;
    inherit(made_->qualifiers_, made_->super_->qualifiers());
    made_->properties_ = made_->super_->properties();
    made_->methods_ = made_->super_->methods();
    for (std::size_t i = 0; i < made_->properties_.size(); ++i) slots_[made_->properties_[i]->name] = i;
    for (std::size_t i = 0; i < made_->methods_.size(); ++i) methods_[made_->methods_[i]->name] = i;
}

Result<ClassPtr> ClassBuilder::build(const mof::ClassDeclaration& declaration, ClassPtr super,
                                     SharedArrays& arrays) {
    ClassBuilder b(declaration, std::move(super), arrays);
    for (const auto& p : declaration.properties)
        if (auto r = b.add_property(p); !r) return r.error();
    for (const auto& m : declaration.methods)
        if (auto r = b.add_method(m); !r) return r.error();
    if (auto r = b.finish(); !r) return r.error();
    return ClassPtr(std::move(b.made_));
}

Result<void> ClassBuilder::add_property(const mof::PropertyDeclaration& d) {
    auto made = std::make_unique<Property>(d.property);
    arrays_.keep(made->qualifiers);
    made->declared_in = made_->name_;
    made->origin = made_->name_;
    const auto at = slots_.find(made->name);
    if (at == slots_.end()) {
        if (made_->properties_.size() >= std::numeric_limits<std::uint16_t>::max())
            return mof::error_at(*declaration_.file, d.at, Status::malformed,
                                 "the class has too many properties");
        slots_.emplace(made->name, made_->properties_.size());
        apply_qualifiers(*made);
        made_->properties_.push_back(made.get());
    } else {
        const Property& before = *made_->properties_[at->second];
        if (iequals(before.declared_in, made_->name_))
            return mof::error_at(*declaration_.file, d.at, Status::malformed,
                                 fmt::format("the property {} is declared twice", made->name), made->name);
        if (before.type != made->type || before.array != made->array)
            return mof::error_at(*declaration_.file, d.at, Status::type_mismatch,
                                 fmt::format("{} overrides {}.{} with another type", made->name,
                                             before.declared_in, before.name),
                                 made->name);
        made->origin = before.origin;
        inherit(made->qualifiers, before.qualifiers);
        if (!d.has_default) made->default_value = before.default_value;
        apply_qualifiers(*made);
        made_->properties_[at->second] = made.get();
    }
    made_->own_properties_.push_back(std::move(made));
    return {};
}

Result<void> ClassBuilder::add_method(const mof::MethodDeclaration& d) {
    auto made = std::make_unique<Method>(d.method);
    arrays_.keep(made->qualifiers);
    for (auto& p : made->parameters) arrays_.keep(p.qualifiers);
    made->origin = made_->name_;
    auto& methods = made_->methods_;
    const auto at = methods_.find(made->name);
    if (at == methods_.end()) {
        methods_.emplace(made->name, methods.size());
        methods.push_back(made.get());
    } else {
        const Method& before = *methods[at->second];
        if (own_methods_.contains(&before))
            return mof::error_at(*declaration_.file, d.at, Status::malformed,
                                 fmt::format("the method {} is declared twice", made->name), made->name);
        made->origin = before.origin;
        inherit(made->qualifiers, before.qualifiers);
        if (same_parameters(*made, before))
            for (auto& p : made->parameters)
                if (const auto* other = before.parameter(p.name)) inherit(p.qualifiers, other->qualifiers);
        methods[at->second] = made.get();
    }
    for (auto& p : made->parameters) apply_qualifiers(p);
    made->is_static = flag(made->qualifiers, "Static", false);
    own_methods_.insert(made.get());
    made_->own_methods_.push_back(std::move(made));
    return {};
}

Result<void> ClassBuilder::finish() {
    Class& c = *made_;
    c.abstract_ = flag(c.qualifiers_, "Abstract", false);
    c.association_ = flag(c.qualifiers_, "Association", false);
    c.indication_ = flag(c.qualifiers_, "Indication", false);
    c.alphabetical_.reserve(c.properties_.size());
    c.slot_index_.reserve(c.properties_.size());
    for (std::size_t i = 0; i < c.properties_.size(); ++i) {
        const auto slot = static_cast<std::uint16_t>(i);
        const Property& p = *c.properties_[i];
        c.alphabetical_.push_back(slot);
        if (p.key) c.keys_.push_back(slot);
        if (p.type == Type::reference && c.association_) c.references_.push_back(slot);
        c.slot_index_.emplace_back(IHash{}(p.name), slot);
    }
    std::sort(c.alphabetical_.begin(), c.alphabetical_.end(),
              [&](auto a, auto b) { return less_(c.properties_[a]->name, c.properties_[b]->name); });
    std::sort(c.slot_index_.begin(), c.slot_index_.end());
    return {};
}

}  // namespace wsvirt::cim

// Associators and references, the one mechanism behind WQL, the association filter and CIM-XML: which
// association classes can hold the object, their provider's references to it, and the instances at the other
// ends. Everything is found as it is pulled; ends that have vanished meanwhile are left out.
#include <algorithm>
#include <unordered_set>

#include "cim/om/association.hpp"
#include "cim/om/keys.hpp"
#include "cim/om/object_manager_impl.hpp"

namespace wsvirt::cim {

namespace {

using Impl = ObjectManager::Impl;

struct Wanted {
    AssociationQuery query;
    ObjectPath object;  // complete
    ClassPtr object_class;
    ClassPtr assoc_class;  // null: any
    ClassPtr result_class;
    bool associators = false;
};

bool named(const std::string& wanted, const std::string& name) {
    return wanted.empty() || iequals(wanted, name);
}

bool has_qualifier(const Class& cls, const std::string& name) {
    if (name.empty()) return true;
    const auto* v = find_qualifier(cls.qualifiers(), name);
    return v != nullptr && v->bool_or(true);
}

// Whether instances of `a` and of `b` can be the same: one is the other's ancestor.
bool related(const Namespace& ns, const std::string& a, const Class& b) {
    const auto cls = ns.find(a);
    return cls == nullptr || cls->is_a(b.name()) || b.is_a(cls->name());
}

// Whether that holds of the class of a reference, or of one that stands there besides.
template <class Fits>
bool any_end_class(const Property& end, Fits fits) {
    if (fits(end.ref_class)) return true;
    const auto* more = find_qualifier(end.qualifiers, "AlsoRefersTo");
    const auto* names = more ? more->as_array() : nullptr;
    return names && std::any_of(names->begin(), names->end(),
                                [&](const Value& name) { return fits(name.string_or({})); });
}

// Whether instances of this association class can be an answer.
bool can_answer(const Namespace& ns, const Class& assoc, const Wanted& w) {
    const auto& q = w.query;
    if (w.assoc_class && !assoc.is_a(w.assoc_class->name())) return false;
    if (!w.associators && w.result_class && !assoc.is_a(w.result_class->name())) return false;
    if (!has_qualifier(assoc, w.associators ? q.required_assoc_qualifier : q.required_qualifier))
        return false;
    for (const auto from : assoc.reference_slots()) {
        const auto& here = *assoc.properties()[from];
        if (!named(q.role, here.name) ||
            !any_end_class(here, [&](const std::string& c) { return w.object_class->is_a(c); }))
            continue;
        if (!w.associators) return true;
        for (const auto to : assoc.reference_slots()) {
            const auto& there = *assoc.properties()[to];
            if (to != from && named(q.result_role, there.name) &&
                (!w.result_class ||
                 any_end_class(there, [&](const auto& c) { return related(ns, c, *w.result_class); })))
                return true;
        }
    }
    return false;
}

// What an element's settings are comes first, then its parts: clients that ask for "the settings" of a
// machine without naming the association take the first answer, which must be the active ones and no
// snapshot's.
int rank(const Class& assoc) {
    return assoc.is_a("CIM_SettingsDefineState") ? 0 : assoc.is_a("CIM_Component") ? 1 : 2;
}

// The association instances that refer to the object, class by class.
class ReferenceStream : public InstanceStream {
  public:
    ReferenceStream(const Request& r, std::vector<Impl::Served> classes, const Wanted& w)
        : request_(r), classes_(std::move(classes)), object_(w.object), role_(w.query.role) {}
    Result<std::optional<Instance>> next() override {
        for (;;) {
            if (auto left = allowance_.left(); !left) return left.error();
            if (!now_) {
                if (at_ == classes_.size()) return std::optional<Instance>();
                const auto& s = classes_[at_++];
                auto opened = s.provider->references(request_.view(allowance_), s.cls, object_, role_);
                if (!opened) return opened.error();
                now_ = std::move(*opened);
                if (!now_) continue;
                now_->allow(allowance_);
            }
            auto i = now_->next();
            if (!i) return i;
            if (!*i)
                now_.reset();
            else if (plays_role(**i, object_, role_))
                return i;
        }
    }
    void allow(const Allowance& a) override {
        allowance_ = a;
        if (now_) now_->allow(a);
    }

  private:
    LaterRequest request_;
    std::vector<Impl::Served> classes_;
    ObjectPath object_;
    std::string role_;
    Allowance allowance_;
    StreamPtr now_;
    std::size_t at_ = 0;
};

class AssociatorStream : public InstanceStream {
  public:
    AssociatorStream(const Impl& impl, const Request& r, StreamPtr references, Wanted w)
        : impl_(impl), request_(r), references_(std::move(references)), wanted_(std::move(w)) {}

    Result<std::optional<Instance>> next() override {
        for (;;) {
            while (at_ < ends_.size()) {
                if (auto left = allowance_.left(); !left) return left.error();
                auto i = fetch(ends_[at_++]);
                if (!i || *i) return i;
            }
            auto association = references_->next();
            if (!association || !*association) return association;
            collect_ends(**association);
        }
    }
    void allow(const Allowance& a) override {
        allowance_ = a;
        references_->allow(a);
    }
    std::string_view name_space() const override { return name_space_; }

  private:
    void collect_ends(const Instance& association) {
        ends_.clear();
        at_ = 0;
        const auto& slots = association.cls().reference_slots();
        const auto& all = association.cls().properties();
        for (const auto from : slots) {
            const auto* here = association.at(from).as_path();
            if (here == nullptr || !named(wanted_.query.role, all[from]->name) || !(*here == wanted_.object))
                continue;
            for (const auto to : slots) {
                const auto* there = association.at(to).as_path();
                if (to != from && there != nullptr && named(wanted_.query.result_role, all[to]->name))
                    ends_.push_back(*there);
            }
        }
    }

    // The instance at an end; nullopt when it is of another class, was shown before, or has vanished.
    Result<std::optional<Instance>> fetch(const ObjectPath& end) {
        const auto none = std::optional<Instance>();
        auto r = impl_.in_namespace_of(request_.view(allowance_), end);
        if (!r) return none;
        if (wanted_.result_class && !related(r->ns, end.class_name(), *wanted_.result_class)) return none;
        auto found = impl_.locate_here(*r, end);
        if (!found) {
            const auto s = found.error().status;
            if (s == Status::not_found || s == Status::invalid_class || s == Status::unexpected_key)
                return none;
            return found.error();
        }
        if (wanted_.result_class && !found->cls->is_a(wanted_.result_class->name())) return none;
        if (!has_qualifier(*found->cls, wanted_.query.required_qualifier)) return none;
        if (!seen_.insert(to_lower(found->path.to_text())).second) return none;
        name_space_ = r->ns.name();
        return std::optional<Instance>(std::move(found->instance));
    }

    const Impl& impl_;
    LaterRequest request_;
    StreamPtr references_;
    Wanted wanted_;
    std::vector<ObjectPath> ends_;
    std::size_t at_ = 0;
    std::unordered_set<std::string> seen_;
    std::string_view name_space_;  // the schema's text
    Allowance allowance_;
};

// Leaves only the keys.
class KeysStream : public InstanceStream {
  public:
    explicit KeysStream(StreamPtr inner) : inner_(std::move(inner)) {}
    Result<std::optional<Instance>> next() override {
        auto i = inner_->next();
        if (!i || !*i) return i;
        Instance keys((*i)->class_ptr());
        for (const auto slot : keys.cls().key_slots()) keys.set_at(slot, (*i)->at(slot));
        return std::optional<Instance>(std::move(keys));
    }
    void allow(const Allowance& a) override { inner_->allow(a); }
    std::string_view name_space() const override { return inner_->name_space(); }

  private:
    StreamPtr inner_;
};

// A class that a clause of the query names; null when the clause is absent.
Result<ClassPtr> named_class(const Namespace& ns, const std::string& name) {
    if (name.empty()) return ClassPtr();
    if (auto cls = ns.find(name)) return cls;
    return Error(
        Status::invalid_query, "wsvirt.query.class",
        "The query names the class " + name + ", which the namespace " + ns.name() + " does not have.", name);
}

}  // namespace

Result<StreamPtr> ObjectManager::Impl::associated(const Request& r, const AssociationQuery& q,
                                                  bool associators) const {
    if (q.class_defs_only)
        return Error(
            Status::not_supported, "wsvirt.query.classes",
            "Queries for classes in place of instances (ClassDefsOnly) are not answered: use the class "
            "operations.");
    auto here = in_namespace_of(r, q.object);
    if (!here) return here.error();
    const Namespace& ns = here->ns;
    // What is found is written as instances of the namespace that was asked.
    if (&ns != &r.ns)
        return Error(Status::invalid_query, "wsvirt.query.namespace",
                     "The object is in the namespace " + ns.name() + ": send the query to that namespace.",
                     ns.name());
    const auto assoc_class = named_class(ns, q.assoc_class);
    if (!assoc_class) return assoc_class.error();
    const auto result_class = named_class(ns, q.result_class);
    if (!result_class) return result_class.error();
    auto object = locate_here(*here, q.object);
    if (!object) return object.error();

    const Wanted w{q, object->path, object->cls, *assoc_class, *result_class, associators};
    std::vector<Served> classes;
    for (const auto& cls : ns.associations())
        if (can_answer(ns, *cls, w))
            if (auto* provider = provider_of(ns, *cls)) classes.push_back({cls, provider});
    std::sort(classes.begin(), classes.end(), [](const Served& a, const Served& b) {
        const int x = rank(*a.cls), y = rank(*b.cls);
        return x != y ? x < y : a.cls->name() < b.cls->name();
    });
    StreamPtr all = std::make_unique<ReferenceStream>(*here, std::move(classes), w);
    if (associators) all = std::make_unique<AssociatorStream>(*this, *here, std::move(all), w);
    if (q.keys_only) all = std::make_unique<KeysStream>(std::move(all));
    return all;
}

}  // namespace wsvirt::cim

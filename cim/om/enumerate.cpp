// Enumerations over a class and its subclasses, and SELECT: from the cheapest source that the conditions
// allow (one instance by its keys, a provider's index, all of a class), then filtered.
#include <algorithm>

#include "cim/om/keys.hpp"
#include "cim/om/object_manager_impl.hpp"

namespace wsvirt::cim {

namespace {

// Shows each instance as the addressed class, with only its properties.
class ReducedStream : public InstanceStream {
  public:
    ReducedStream(StreamPtr inner, ClassPtr as) : inner_(std::move(inner)), as_(std::move(as)) {}
    Result<std::optional<Instance>> next() override {
        auto i = inner_->next();
        if (!i || !*i || (*i)->class_ptr() == as_) return i;
        Instance reduced(as_);
        const auto& all = as_->properties();
        for (std::size_t slot = 0; slot < all.size(); ++slot)
            if ((*i)->has(all[slot]->name)) reduced.set_at(slot, (*i)->get(all[slot]->name));
        return std::optional<Instance>(std::move(reduced));
    }
    void allow(const Allowance& a) override { inner_->allow(a); }
    std::optional<std::uint64_t> estimate() const override { return inner_->estimate(); }

  private:
    StreamPtr inner_;
    ClassPtr as_;
};

class FilteredStream : public InstanceStream {
  public:
    FilteredStream(StreamPtr inner, std::shared_ptr<const Query> query, QueryEnvironment env)
        : inner_(std::move(inner)), query_(std::move(query)), env_(std::move(env)) {}
    Result<std::optional<Instance>> next() override {
        for (;;) {
            if (auto left = allowance_.left(); !left) return left.error();
            auto i = inner_->next();
            if (!i || !*i || query_->matches(**i, env_)) return i;
        }
    }

    void allow(const Allowance& a) override {
        allowance_ = a;
        inner_->allow(a);
    }

  private:
    StreamPtr inner_;
    std::shared_ptr<const Query> query_;
    QueryEnvironment env_;
    Allowance allowance_;
};

StreamPtr stream_of_one(Instance i) {
    std::vector<Instance> one;
    one.push_back(std::move(i));
    return stream_of(std::move(one));
}

// The keys that the conditions fix, as far as they are of the right type.
ObjectPath::Keys fixed_keys(const Class& cls, const Query& q) {
    ObjectPath::Keys keys;
    for (const auto& [name, value] : q.equalities()) {
        const auto* p = cls.property(name);
        if (p == nullptr || !p->key) continue;
        const bool twice =
            std::any_of(keys.begin(), keys.end(), [&](const auto& k) { return iequals(k.first, p->name); });
        if (!twice) keys.emplace_back(p->name, value);
    }
    auto typed = typed_keys(cls, keys);
    return typed ? std::move(*typed) : ObjectPath::Keys();
}

}  // namespace

Result<StreamPtr> ObjectManager::Impl::enumerate(const Request& r, std::string_view class_name,
                                                 Polymorphism polymorphism) const {
    auto cls = class_of(r.ns, class_name);
    if (!cls) return cls.error();
    std::vector<StreamPtr> parts;
    for (const auto& s : served(r.ns, **cls, polymorphism != Polymorphism::none)) {
        auto part = s.provider->enumerate(r, s.cls);
        if (!part) return part;
        parts.push_back(std::move(*part));
    }
    auto all = concat(std::move(parts));
    if (polymorphism != Polymorphism::exclude_subclass_properties) return all;
    return StreamPtr(std::make_unique<ReducedStream>(std::move(all), *cls));
}

Result<StreamPtr> ObjectManager::Impl::candidates(const Request& r, const Served& s, const Query& q) const {
    for (const auto& [name, value] : q.equalities()) {
        if (!iequals(name, "__PATH") && !iequals(name, "__RELPATH")) continue;
        const auto* text = value.as_string();
        const auto path = ObjectPath::parse(text == nullptr ? std::string_view() : *text);
        if (!path || path->keys().empty() || !iequals(path->class_name(), s.cls->name()))
            return empty_stream();
        const auto keys = typed_keys(*s.cls, path->keys());
        if (!keys || !complete_keys(*s.cls, *keys)) return empty_stream();
        auto i = s.provider->get(r, s.cls, ObjectPath(r.ns.name(), s.cls->name(), *keys));
        if (i) return stream_of_one(std::move(*i));
        if (i.error().status == Status::not_found) return empty_stream();
        return i.error();
    }
    const auto keys = fixed_keys(*s.cls, q);
    if (!keys.empty() && complete_keys(*s.cls, keys)) {
        auto i = s.provider->get(r, s.cls, ObjectPath(r.ns.name(), s.cls->name(), keys));
        if (i) return stream_of_one(std::move(*i));
        if (i.error().status == Status::not_found) return empty_stream();
        return i.error();
    }
    for (const auto& [name, value] : q.equalities()) {
        const auto* p = s.cls->property(name);
        if (p == nullptr || p->array || p->type == Type::reference || p->type == Type::instance) continue;
        const auto typed = convert(p->type, false, value);
        if (!typed) continue;
        auto found = s.provider->find(r, s.cls, p->name, *typed);
        if (!found || *found) return found;
    }
    return s.provider->enumerate(r, s.cls);
}

Result<QueryAnswer> ObjectManager::Impl::select(const Request& r, Query parsed) const {
    const auto query = std::make_shared<const Query>(std::move(parsed));
    const auto cls = r.ns.find(query->from());
    if (cls == nullptr)
        return Error(Status::invalid_query, "wsvirt.query.class",
                     "The query is about the class " + query->from() + ", which the namespace " +
                         r.ns.name() + " does not have.",
                     query->from());
    if (auto ok = query->check(*cls); !ok) return ok.error();
    QueryAnswer answer;
    answer.from_class = cls->name();
    for (const auto& name : query->projection()) {
        const auto* p = cls->property(name);
        answer.projected.push_back(p == nullptr ? name : p->name);
    }
    std::vector<StreamPtr> parts;
    for (const auto& s : served(r.ns, *cls)) {
        auto part = candidates(r, s, *query);
        if (!part) return part.error();
        parts.push_back(std::move(*part));
    }
    answer.stream = guarded_stream(std::make_unique<FilteredStream>(concat(std::move(parts)), query,
                                                                    QueryEnvironment{server, r.ns.name()}));
    return answer;
}

Result<QueryAnswer> ObjectManager::Impl::answer(const Request& r, Result<Query> query) const {
    if (!query) return query.error();
    if (query->kind() == Query::Kind::select) return select(r, std::move(*query));
    auto all = associated(r, query->association(), query->kind() == Query::Kind::associators);
    if (!all) return all.error();
    QueryAnswer answer;
    answer.stream = guarded_stream(std::move(*all));
    return answer;
}

}  // namespace wsvirt::cim

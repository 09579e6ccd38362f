#include "cim/om/object_manager.hpp"

#include "cim/om/authorisation.hpp"
#include "cim/om/instance_repository.hpp"
#include "cim/om/keys.hpp"
#include "cim/om/namespace_view.hpp"
#include "cim/om/object_manager_impl.hpp"
#include "cim/om/services.hpp"

namespace wsvirt::cim {

namespace {

class GuardedStream : public InstanceStream {
  public:
    explicit GuardedStream(StreamPtr inner) : inner_(std::move(inner)) {}
    Result<std::optional<Instance>> next() override {
        try {
            return inner_->next();
        } catch (const std::exception& e) {
            return internal_error(e.what());
        }
    }
    void allow(const Allowance& a) override { inner_->allow(a); }
    std::string_view name_space() const override { return inner_->name_space(); }
    std::optional<std::uint64_t> estimate() const override { return inner_->estimate(); }

  private:
    StreamPtr inner_;
};

Error cannot_make(const Class& cls) {
    return {Status::not_supported, "wsvirt.class.create",
            "Instances of " + cls.name() + " cannot be made by a client.", cls.name()};
}

}  // namespace

Error internal_error(const char* what) {
    return {Status::failed,
            "wsvirt.internal",
            "The service could not finish this operation because of an error of its own: see its log.",
            {},
            what};
}

Result<void> still_wanted(const Request& r) {
    if (r.stop.stop_requested())
        return Error(Status::cancelled, "wsvirt.request.cancelled", "The operation was cancelled.");
    if (Clock::now() >= r.deadline)
        return Error(Status::timed_out, "wsvirt.request.timeout",
                     "The time allowed for the operation had passed before it began: allow more.");
    return {};
}

StreamPtr guarded_stream(StreamPtr inner) {
    return std::make_unique<GuardedStream>(std::move(inner));
}

ObjectManager::Impl::Impl(const Schema& s, Providers p, std::string server_name, Store* store,
                          const std::vector<std::string>& names)
    : schema(s), providers(std::move(p)), server(std::move(server_name)) {
    if (store == nullptr) return;
    for (const auto& name : names) repository_namespaces.insert(normal_namespace(name));
    repository = std::make_unique<InstanceRepository>(*store);
}

Provider* ObjectManager::Impl::provider_of(const Namespace& ns, const Class& cls) const {
    if (cls.is_abstract() || cls.is_indication()) return nullptr;
    if (!cls.provider().empty()) {
        const auto own = apart.find(ns.name());
        const auto& from = own == apart.end() ? providers : own->second;
        const auto found = from.find(cls.provider());
        return found == from.end() ? nullptr : found->second.get();
    }
    if (repository && repository_namespaces.count(ns.name()) != 0) return repository.get();
    return const_cast<StaticInstances*>(&static_instances);
}

Result<ClassPtr> ObjectManager::Impl::class_of(const Namespace& ns, std::string_view name) const {
    if (auto cls = ns.find(name)) return cls;
    return Error(Status::invalid_class, "wsvirt.class.unknown",
                 "There is no class " + std::string(name) + " in the namespace " + ns.name() + ".",
                 std::string(name));
}

Result<Request> ObjectManager::Impl::in_namespace_of(const Request& r, const ObjectPath& path) const {
    const Namespace* ns = &r.ns;
    if (!path.name_space().empty() && !iequals(path.name_space(), r.ns.name())) {
        ns = schema.find(path.name_space());
        if (ns == nullptr)
            return Error(Status::invalid_namespace, "wsvirt.namespace.unknown",
                         "There is no namespace " + path.name_space() + " on this host.", path.name_space());
    }
    return Request{r.who, *ns, r.deadline, r.stop, r.request_id, r.locale};
}

ObjectManager::ObjectManager(const Schema& schema, Services& services,
                             const std::vector<ProviderEntry>& entries)
    : schema_(schema) {
    Impl::Providers providers;
    for (const auto& e : entries) providers.emplace(e.name, e.make(services));
    impl_ = std::make_unique<Impl>(schema, std::move(providers), services.host.name, &services.store,
                                   services.repository_namespaces);
}

ObjectManager::ObjectManager(const Schema& schema,
                             std::map<std::string, std::unique_ptr<Provider>, ILess> providers,
                             std::string server, Store* store,
                             const std::vector<std::string>& repository_namespaces)
    : schema_(schema),
      impl_(std::make_unique<Impl>(schema, std::move(providers), std::move(server), store,
                                   repository_namespaces)) {}

ObjectManager::~ObjectManager() = default;

void ObjectManager::serve_apart(std::string_view name_space, Services& services,
                                const std::vector<ProviderEntry>& entries) {
    auto& own = impl_->apart[normal_namespace(name_space)];
    for (const auto& e : entries) own.emplace(e.name, in_namespace(e.make(services)));
}

Result<const Namespace*> ObjectManager::name_space(std::string_view name) const {
    if (const auto* ns = schema_.find(name)) return ns;
    return Error(Status::invalid_namespace, "wsvirt.namespace.unknown",
                 "There is no namespace " + std::string(name) + " on this host.", std::string(name));
}

Result<Instance> ObjectManager::get(const Request& r, const ObjectPath& path) {
    return guarded(r, [&]() -> Result<Instance> {
        auto found = impl_->locate(r, path);
        if (!found) return found.error();
        return std::move(found->instance);
    });
}

Result<ObjectPath> ObjectManager::resolve(const Request& r, const ObjectPath& path) {
    return guarded(r, [&]() -> Result<ObjectPath> {
        auto found = impl_->locate(r, path);
        if (!found) return found.error();
        return std::move(found->path);
    });
}

Result<void> ObjectManager::modify(const Request& r, const ObjectPath& path, const Instance& changed) {
    return guarded(r, [&]() -> Result<void> {
        if (auto may = authorise(r.who, Role::administrator, "changing instances"); !may) return may;
        auto here = impl_->in_namespace_of(r, path);
        if (!here) return here.error();
        auto found = impl_->locate_here(*here, path);
        if (!found) return found.error();
        if (!found->cls->is_a(changed.cls().name()))
            return Error(Status::invalid_parameter, "wsvirt.modify.class",
                         "The new properties are those of a " + changed.cls().name() +
                             ", but the instance is a " + found->cls->name() + ".",
                         changed.cls().name());
        for (const auto slot : changed.cls().key_slots()) {
            const auto& name = changed.cls().properties()[slot]->name;
            if (changed.given(slot) && !same_key_value(changed.at(slot), found->instance.get(name)))
                return Error(Status::invalid_parameter, "wsvirt.modify.key",
                             "The key property " + name + " cannot be changed.", name);
        }
        return found->provider->modify(*here, found->path, changed);
    });
}

Result<ObjectPath> ObjectManager::create(const Request& r, const Instance& initial) {
    return guarded(r, [&]() -> Result<ObjectPath> {
        if (auto may = authorise(r.who, Role::administrator, "making instances"); !may) return may.error();
        auto* provider = impl_->provider_of(r.ns, initial.cls());
        if (provider == nullptr) return cannot_make(initial.cls());
        return provider->create(r, initial);
    });
}

Result<void> ObjectManager::remove(const Request& r, const ObjectPath& path) {
    return guarded(r, [&]() -> Result<void> {
        if (auto may = authorise(r.who, Role::administrator, "deleting instances"); !may) return may;
        auto here = impl_->in_namespace_of(r, path);
        if (!here) return here.error();
        auto found = impl_->locate_here(*here, path);
        if (!found) return found.error();
        return found->provider->remove(*here, found->cls, found->path);
    });
}

Result<StreamPtr> ObjectManager::enumerate(const Request& r, std::string_view class_name,
                                           const EnumerateOptions& options) {
    return guarded(r, [&]() -> Result<StreamPtr> {
        auto s = impl_->enumerate(r, class_name, options.polymorphism);
        if (!s) return s;
        return guarded_stream(std::move(*s));
    });
}

Result<QueryAnswer> ObjectManager::wql(const Request& r, std::string_view text) {
    return guarded(r, [&] { return impl_->answer(r, Query::parse_wql(text)); });
}

Result<QueryAnswer> ObjectManager::cql(const Request& r, std::string_view text) {
    return guarded(r, [&] { return impl_->answer(r, Query::parse_cql(text)); });
}

Result<StreamPtr> ObjectManager::associators(const Request& r, const AssociationQuery& q) {
    return guarded(r, [&]() -> Result<StreamPtr> {
        auto s = impl_->associated(r, q, true);
        if (!s) return s;
        return guarded_stream(std::move(*s));
    });
}

Result<StreamPtr> ObjectManager::references(const Request& r, const AssociationQuery& q) {
    return guarded(r, [&]() -> Result<StreamPtr> {
        auto s = impl_->associated(r, q, false);
        if (!s) return s;
        return guarded_stream(std::move(*s));
    });
}

Result<MethodResult> ObjectManager::invoke(const Request& r, const ObjectPath& target,
                                           std::string_view method, Arguments in) {
    return guarded(r, [&] { return impl_->invoke(r, target, method, std::move(in)); });
}

}  // namespace wsvirt::cim

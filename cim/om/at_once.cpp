// Reads and calls that a provider answers from memory. Only what is plain succeeds here: the class addressed
// is the instance's own, and all keys are there. Whatever is not plain goes the usual way and gets its error
// there.
#include "cim/om/at_once.hpp"

#include "cim/om/authorisation.hpp"
#include "cim/om/keys.hpp"
#include "cim/om/object_manager_impl.hpp"

namespace wsvirt::cim {

namespace {

AtOnce* quick(Provider* provider) {
    return dynamic_cast<AtOnce*>(provider);
}

}  // namespace

std::optional<ObjectManager::Impl::Located> ObjectManager::Impl::locate_at_once(
    const Request& r, const ObjectPath& path) const {
    auto cls = r.ns.find(path.class_name());
    if (!cls) return std::nullopt;
    auto* provider = provider_of(r.ns, *cls);
    auto* from_memory = quick(provider);
    if (from_memory == nullptr) return std::nullopt;
    auto keys = typed_keys(*cls, path.keys());
    if (!keys || keys->empty() || !complete_keys(*cls, *keys)) return std::nullopt;
    ObjectPath full(r.ns.name(), cls->name(), std::move(*keys));
    auto instance = from_memory->get_at_once(r, cls, full);
    if (!instance) return std::nullopt;
    full = instance->path(r.ns.name());
    return Located{std::move(cls), provider, std::move(*instance), std::move(full)};
}

bool ObjectManager::answers_at_once(const Namespace& ns, const Class& cls) const {
    return quick(impl_->provider_of(ns, cls)) != nullptr;
}

std::optional<Instance> ObjectManager::get_at_once(const Request& r, const ObjectPath& path) {
    if (!still_wanted(r)) return std::nullopt;
    auto here = impl_->in_namespace_of(r, path);
    if (!here) return std::nullopt;
    auto found = impl_->locate_at_once(*here, path);
    if (!found) return std::nullopt;
    return std::move(found->instance);
}

std::optional<MethodResult> ObjectManager::invoke_at_once(const Request& r, const ObjectPath& target,
                                                          std::string_view name, const Arguments& in) {
    if (!still_wanted(r)) return std::nullopt;
    auto here = impl_->in_namespace_of(r, target);
    if (!here) return std::nullopt;
    const auto found = impl_->locate_at_once(*here, target);
    if (!found) return std::nullopt;
    const auto* method = found->cls->method(name);
    if (method == nullptr) return std::nullopt;
    if (!authorise(r.who, found->provider->needed_role(*method), {})) return std::nullopt;
    const auto arguments = checked_arguments(*method, in);
    if (!arguments) return std::nullopt;
    return quick(found->provider)->invoke_at_once(*here, found->cls, found->path, *method, *arguments);
}

}  // namespace wsvirt::cim

// Which instance a path names. Clients leave keys out, spell them in any case, put text where numbers belong
// and name a superclass; all of that is right as long as one instance fits. A service that is there once for
// each host is the first host's for those who do not say whose.
#include <algorithm>

#include "cim/om/keys.hpp"
#include "cim/om/object_manager_impl.hpp"

namespace wsvirt::cim {

namespace {

bool in_quotes(const std::string& s) {
    return s.size() >= 2 && s.front() == '"' && s.back() == '"';
}

// libvirt sends some selector values with the quotes of the object path still round them.
bool strip_quotes(ObjectPath& path) {
    bool any = false;
    const auto keys = path.keys();
    for (const auto& [name, value] : keys) {
        const auto* text = value.as_string();
        if (text == nullptr || !in_quotes(*text)) continue;
        path.set_key(name, Value(text->substr(1, text->size() - 2)));
        any = true;
    }
    return any;
}

// The instances of one class that may have these keys: by the provider's index where it has one.
Result<StreamPtr> with_keys(const Request& r, const ObjectManager::Impl::Served& s,
                            const ObjectPath::Keys& keys) {
    for (const auto& [name, value] : keys) {
        auto found = s.provider->find(r, s.cls, name, value);
        if (!found || *found) return found;
    }
    return s.provider->enumerate(r, s.cls);
}

Error several(const Class& cls, const ObjectPath& path) {
    if (path.keys().empty())
        return {Status::insufficient_keys, "wsvirt.key.insufficient",
                "There are several instances of " + cls.name() + ": give the keys of one.", cls.name()};
    return {Status::ambiguous_keys, "wsvirt.key.ambiguous",
            "These keys fit several instances of " + cls.name() + ": give the other keys, too.", cls.name()};
}

// Keys typed by the class that was addressed; nothing to check there when it has none of its own.
Result<void> check_names(const Class& cls, const ObjectPath& path) {
    if (cls.key_slots().empty()) return {};
    const auto typed = typed_keys(cls, path.keys());
    if (!typed) return typed.error();
    return {};
}

}  // namespace

std::vector<ObjectManager::Impl::Served> ObjectManager::Impl::served(const Namespace& ns, const Class& cls,
                                                                     bool subclasses) const {
    std::vector<Served> all;
    for (auto& c : ns.with_subclasses(cls)) {
        if (!subclasses && c.get() != &cls) continue;
        if (auto* p = provider_of(ns, *c)) all.push_back({std::move(c), p});
    }
    return all;
}

Result<ObjectManager::Impl::Located> ObjectManager::Impl::locate(const Request& r,
                                                                 const ObjectPath& path) const {
    auto here = in_namespace_of(r, path);
    if (!here) return here.error();
    return locate_here(*here, path);
}

Result<ObjectManager::Impl::Located> ObjectManager::Impl::locate_here(const Request& r,
                                                                      const ObjectPath& path) const {
    auto found = search(r, path);
    if (found || found.error().status != Status::not_found) return found;
    ObjectPath plain = path;
    return strip_quotes(plain) ? search(r, plain) : std::move(found);
}

Result<ObjectManager::Impl::Located> ObjectManager::Impl::search(const Request& r,
                                                                 const ObjectPath& path) const {
    auto cls = class_of(r.ns, path.class_name());
    if (!cls) return cls.error();
    if (auto names = check_names(**cls, path); !names) return names.error();

    auto places = served(r.ns, **cls);
    // CreationClassName says which class it is, so that the others need not be asked.
    if (places.size() > 1) {
        const auto named = path.key_string("CreationClassName");
        const auto it = std::find_if(places.begin(), places.end(),
                                     [&](const Served& s) { return iequals(s.cls->name(), named); });
        if (it != places.end()) std::iter_swap(places.begin(), it);
    }
    std::optional<Located> only;
    const auto found = [&](const Served& s, Instance i) {
        ObjectPath full = i.path(r.ns.name());
        ClassPtr real = i.class_ptr() ? i.class_ptr() : s.cls;
        only = Located{std::move(real), s.provider, std::move(i), std::move(full)};
    };
    for (const auto& place : places) {
        auto keys = typed_keys(*place.cls, path.keys());
        if (!keys) continue;  // an addressed class without keys of its own: not this subclass's keys
        if (complete_keys(*place.cls, *keys) && !keys->empty()) {
            auto i = place.provider->get(r, place.cls, ObjectPath(r.ns.name(), place.cls->name(), *keys));
            if (!i && i.error().status == Status::not_found) continue;
            if (!i) return i.error();
            found(place, std::move(*i));
            return std::move(*only);
        }
        auto all = with_keys(r, place, *keys);
        if (!all) return all.error();
        const Allowance allowance(r);
        (*all)->allow(allowance);
        for (;;) {
            if (auto left = allowance.left(); !left) return left.error();
            auto i = (*all)->next();
            if (!i) return i.error();
            if (!*i) break;
            if (!has_keys(**i, *keys)) continue;
            if (only && only->cls == place.cls && place.cls->is_a("CIM_Service")) break;
            if (only) return several(**cls, path);
            found(place, std::move(**i));
        }
    }
    if (!only) return no_such_instance(**cls, path);
    return std::move(*only);
}

}  // namespace wsvirt::cim

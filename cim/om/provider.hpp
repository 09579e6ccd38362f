// What a class needs to be served. Every function is optional; the defaults say not_supported, or derive the
// answer from enumerate(). Providers are called from several threads at once and keep no state of their own
// beyond what their constructor got; state is in the Hypervisor, the JobManager or the Store.
#pragma once

#include <functional>
#include <memory>

#include "cim/om/operation.hpp"

namespace wsvirt::cim {

struct Services;

class Provider {
  public:
    virtual ~Provider() = default;
    Provider() = default;
    Provider(const Provider&) = delete;
    Provider& operator=(const Provider&) = delete;

    // Instances whose creation class is exactly `cls`. (The object manager asks each subclass's own
    // provider.)
    virtual Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls);
    // One instance by full or partial keys of class `cls`. Default: scans enumerate().
    virtual Result<Instance> get(const Request&, const ClassPtr& cls, const ObjectPath& path);
    // Look-up by the value of one property that is cheap to search (InstanceID, Name, SystemName ...), used
    // by the query planner. nullptr stream: no index for that property, scan instead.
    virtual Result<StreamPtr> find(const Request&, const ClassPtr& cls, std::string_view property,
                                   const Value& value);
    virtual Result<void> modify(const Request&, const ObjectPath& path, const Instance& changed);
    virtual Result<ObjectPath> create(const Request&, const Instance& initial);
    virtual Result<void> remove(const Request&, const ClassPtr& cls, const ObjectPath& path);
    // target: the instance's path, or one without keys for a static method.
    virtual Result<MethodResult> invoke(const Request&, const ClassPtr& cls, const ObjectPath& target,
                                        const Method& method, const Arguments& in);
    // Association classes: the association instances in which `object` plays `role` ("" = any role). Default:
    // scans enumerate(). Override it where a direct answer is possible; it is the hot path of device reads.
    virtual Result<StreamPtr> references(const Request&, const ClassPtr& cls, const ObjectPath& object,
                                         std::string_view role);
    // The least role that may call a method / modify / create / delete. Default: administrator for everything
    // that changes, see object_manager.cpp for the methods that operators may call.
    virtual Role needed_role(const Method& method) const;
};

// Written by CMake from the Provider qualifiers of the MOF files: class name → make_<Class>(Services&).
using ProviderFactory = std::unique_ptr<Provider> (*)(Services&);
struct ProviderEntry {
    const char* name;
    ProviderFactory make;
};
std::vector<ProviderEntry> provider_registry();  // generated: build/generated/provider_registry.cpp

}  // namespace wsvirt::cim

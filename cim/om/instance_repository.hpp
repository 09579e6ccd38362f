// Keeps the instances of classes that have no provider of their own in the Store. What the MOF files hold is
// put there once and may be changed and deleted afterwards like anything else. Enumerations read page by
// page, so that any number of instances needs bounded memory. One row per instance (its MOF text, by its
// keys), and one per reference in it, so that associations are found without a scan. Thread safe; each change
// is one transaction. Errors name the property in `subject`.
#pragma once

#include <mutex>
#include <set>

#include "cim/om/provider.hpp"
#include "cim/om/store.hpp"

namespace wsvirt::cim {

class InstanceRepository : public Provider {
  public:
    explicit InstanceRepository(Store& store) : store_(store) {}

    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override;
    Result<Instance> get(const Request&, const ClassPtr& cls, const ObjectPath& path) override;
    // Errors: missing_value, type_mismatch, invalid_parameter.
    Result<void> modify(const Request&, const ObjectPath& path, const Instance& changed) override;
    // Errors: as modify(), and already_exists.
    Result<ObjectPath> create(const Request&, const Instance& initial) override;
    Result<void> remove(const Request&, const ClassPtr& cls, const ObjectPath& path) override;
    Result<StreamPtr> references(const Request&, const ClassPtr& cls, const ObjectPath& object,
                                 std::string_view role) override;

  private:
    Result<Instance> fetch(const Namespace& ns, const Class& cls, const ObjectPath& path);
    // Puts the MOF files' instances of a namespace into the store, those that never were there.
    Result<void> seed(const Namespace& ns);
    Result<void> add(const Namespace& ns, const Instance& i);
    Result<void> index(const Namespace& ns, const Instance& i, const std::string& key, bool there);

    Store& store_;
    std::mutex mutex_;
    std::set<std::string> seeded_;
};

// An instance as it may be stored: defaults filled in, every value of its type, keys and required properties
// present. Errors: missing_value, type_mismatch, invalid_parameter.
Result<Instance> checked_instance(const Namespace& ns, const Instance& i);

}  // namespace wsvirt::cim

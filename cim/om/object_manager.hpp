// The middle of wsvirt: namespace and class check → authorisation → argument check → provider → filter.
// Every operation of both protocols goes through here. Thread safe; calls may block on the machine layer.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cim/om/operation.hpp"
#include "cim/om/provider.hpp"

namespace wsvirt::cim {

class Store;

struct EnumerateOptions {
    Polymorphism polymorphism = Polymorphism::include_subclass_properties;
};

// A compiled query's answer. projected: property names to show, in query order; empty = whole instances.
struct QueryAnswer {
    StreamPtr stream;
    std::vector<std::string> projected;
    std::string from_class;  // as the query says it; "" for association queries
};

class ObjectManager {
  public:
    // Providers are made from `entries` (provider_registry()); `services` must outlive this.
    ObjectManager(const Schema& schema, Services& services, const std::vector<ProviderEntry>& entries);
    // For tests: providers given one by one, by the name in their classes' Provider qualifier; `server` is
    // __SERVER of queries; instances of the named namespaces' other classes are kept in `store`.
    ObjectManager(const Schema& schema, std::map<std::string, std::unique_ptr<Provider>, ILess> providers,
                  std::string server = {}, Store* store = nullptr,
                  const std::vector<std::string>& repository_namespaces = {});
    ~ObjectManager();

    // The classes of one namespace get providers of their own, made from other services, which must outlive
    // this too; what they point to is in that namespace. Before any request.
    void serve_apart(std::string_view name_space, Services& services,
                     const std::vector<ProviderEntry>& entries);

    const Schema& schema() const { return schema_; }
    // Errors: invalid_namespace.
    Result<const Namespace*> name_space(std::string_view name) const;

    // Partial keys are enough when they name one instance (real clients rely on it).
    // Errors: invalid_class, insufficient_keys, ambiguous_keys, unexpected_key, type_mismatch, not_found.
    Result<Instance> get(const Request&, const ObjectPath& path);
    Result<void> modify(const Request&, const ObjectPath& path, const Instance& changed);
    Result<ObjectPath> create(const Request&, const Instance& initial);
    Result<void> remove(const Request&, const ObjectPath& path);
    Result<StreamPtr> enumerate(const Request&, std::string_view class_name,
                                const EnumerateOptions& options = {});
    // WQL SELECT, ASSOCIATORS OF, REFERENCES OF; CQL SELECT.
    Result<QueryAnswer> wql(const Request&, std::string_view text);
    Result<QueryAnswer> cql(const Request&, std::string_view text);
    Result<StreamPtr> associators(const Request&, const AssociationQuery& q);
    Result<StreamPtr> references(const Request&, const AssociationQuery& q);
    // `in`: raw arguments as the codec made them; checked and converted here. Errors: method_not_found,
    // invalid_parameter and type_mismatch (subject = parameter), access_denied, not_supported.
    Result<MethodResult> invoke(const Request&, const ObjectPath& target, std::string_view method,
                                Arguments in);

    // The same reads and calls where they block nothing (see cim/om/at_once.hpp); nullopt: use those above.
    bool answers_at_once(const Namespace& ns, const Class& cls) const;
    std::optional<Instance> get_at_once(const Request&, const ObjectPath& path);
    std::optional<MethodResult> invoke_at_once(const Request&, const ObjectPath& target,
                                               std::string_view method, const Arguments& in);

    // Completes partial keys and checks names and types; the path has namespace, real class and typed keys.
    Result<ObjectPath> resolve(const Request&, const ObjectPath& path);

    class Impl;  // object_manager_impl.hpp

  private:
    const Schema& schema_;
    std::unique_ptr<Impl> impl_;
};

}  // namespace wsvirt::cim

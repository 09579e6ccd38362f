// The inside of ObjectManager, shared by its files: resolve (which instance a path names), transfer,
// enumerate, select (the query planner), associate and call. Not for anybody else.
#pragma once

#include <exception>
#include <set>

#include "base/text.hpp"
#include "cim/om/object_manager.hpp"
#include "cim/om/static_instances.hpp"
#include "cim/query/wql.hpp"

namespace wsvirt::cim {

// A request's circumstances for work that goes on after the call: streams that are pulled later, each time
// with an allowance of its own.
class LaterRequest {
  public:
    explicit LaterRequest(const Request& r)
        : who_(r.who), ns_(r.ns), request_id_(r.request_id), locale_(r.locale) {}
    Request view(const Allowance& a) const { return {who_, ns_, a.deadline, a.stop, request_id_, locale_}; }

  private:
    Identity who_;
    const Namespace& ns_;
    std::string request_id_, locale_;
};

class ObjectManager::Impl {
  public:
    using Providers = std::map<std::string, std::unique_ptr<Provider>, ILess>;
    Impl(const Schema& s, Providers p, std::string server, Store* store,
         const std::vector<std::string>& repository_namespaces);

    // What serves a class: its own provider, the repository, or the instances of the MOF files. Null when
    // the class is abstract or its provider does not exist.
    Provider* provider_of(const Namespace& ns, const Class& cls) const;
    Result<ClassPtr> class_of(const Namespace& ns, std::string_view name) const;
    // The request in the namespace that the path names, when it names one.
    Result<Request> in_namespace_of(const Request& r, const ObjectPath& path) const;

    struct Served {
        ClassPtr cls;
        Provider* provider;
    };
    // The class and its subclasses, those that have instances.
    std::vector<Served> served(const Namespace& ns, const Class& cls, bool subclasses = true) const;

    struct Located {
        ClassPtr cls;
        Provider* provider = nullptr;
        Instance instance;
        ObjectPath path;  // complete, with namespace
    };
    Result<Located> locate(const Request& r, const ObjectPath& path) const;
    Result<Located> search(const Request& r, const ObjectPath& path) const;
    // As locate(), for a path whose namespace the request already is in.
    Result<Located> locate_here(const Request& r, const ObjectPath& path) const;
    // From memory, for a path of all keys; nullopt: use locate_here().
    std::optional<Located> locate_at_once(const Request& r, const ObjectPath& path) const;

    Result<StreamPtr> enumerate(const Request& r, std::string_view class_name,
                                Polymorphism polymorphism) const;
    Result<QueryAnswer> answer(const Request& r, Result<Query> query) const;
    Result<QueryAnswer> select(const Request& r, Query query) const;
    Result<StreamPtr> candidates(const Request& r, const Served& s, const Query& q) const;
    Result<StreamPtr> associated(const Request& r, const AssociationQuery& q, bool associators) const;
    Result<MethodResult> invoke(const Request& r, const ObjectPath& target, std::string_view method,
                                Arguments in) const;

    const Schema& schema;
    Providers providers;
    std::map<std::string, Providers, ILess> apart;  // by namespace: providers that only it has
    std::string server;
    std::unique_ptr<Provider> repository;  // null without a store
    StaticInstances static_instances;
    std::set<std::string, ILess> repository_namespaces;
};

// Whether the request still wants an answer. Errors: timed_out, cancelled.
Result<void> still_wanted(const Request& r);
// Names and types of a method's arguments as its declaration has them. Errors: see ObjectManager::invoke.
Result<Arguments> checked_arguments(const Method& method, const Arguments& given);
Error internal_error(const char* what);

// Exceptions stop here: the operation boundary.
template <class Work>
auto guarded(const Request& r, Work&& work) -> decltype(work()) {
    try {
        if (auto wanted = still_wanted(r); !wanted) return wanted.error();
        return work();
    } catch (const std::exception& e) {
        return internal_error(e.what());
    }
}

// A provider's stream at the boundary: an exception in next() becomes an error.
StreamPtr guarded_stream(StreamPtr inner);

}  // namespace wsvirt::cim

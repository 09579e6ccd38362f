#include "cim/om/provider.hpp"

#include "cim/om/association.hpp"
#include "cim/om/authorisation.hpp"
#include "cim/om/keys.hpp"
#include "cim/schema/class.hpp"

namespace wsvirt::cim {

namespace {

Error cannot(const Class& cls, std::string_view what) {
    return {Status::not_supported, "wsvirt.provider.operation",
            "Instances of " + cls.name() + " cannot be " + std::string(what) + ".", cls.name()};
}

// The instances of an enumeration in which `object` stands in the reference property `role` ("" = any).
class ReferencingStream : public InstanceStream {
  public:
    ReferencingStream(StreamPtr all, ObjectPath object, std::string_view role)
        : all_(std::move(all)), object_(std::move(object)), role_(role) {}
    Result<std::optional<Instance>> next() override {
        for (;;) {
            if (auto left = allowance_.left(); !left) return left.error();
            auto i = all_->next();
            if (!i || !*i || plays_role(**i, object_, role_)) return i;
        }
    }
    void allow(const Allowance& a) override {
        allowance_ = a;
        all_->allow(a);
    }

  private:
    StreamPtr all_;
    ObjectPath object_;
    std::string role_;
    Allowance allowance_;
};

}  // namespace

Result<StreamPtr> Provider::enumerate(const Request&, const ClassPtr& cls) {
    return cannot(*cls, "enumerated");
}

Result<Instance> Provider::get(const Request& request, const ClassPtr& cls, const ObjectPath& path) {
    auto all = enumerate(request, cls);
    if (!all) return all.error();
    const Allowance allowance(request);
    (*all)->allow(allowance);
    for (;;) {
        if (auto left = allowance.left(); !left) return left.error();
        auto i = (*all)->next();
        if (!i) return i.error();
        if (!*i) return no_such_instance(*cls, path);
        if (has_keys(**i, path.keys())) return std::move(**i);
    }
}

Result<StreamPtr> Provider::find(const Request&, const ClassPtr&, std::string_view, const Value&) {
    return StreamPtr();
}

Result<void> Provider::modify(const Request&, const ObjectPath&, const Instance& changed) {
    return cannot(changed.cls(), "changed by Put; use the methods of the class's service instead");
}

Result<ObjectPath> Provider::create(const Request&, const Instance& initial) {
    return cannot(initial.cls(), "made by Create; use the methods of the class's service instead");
}

Result<void> Provider::remove(const Request&, const ClassPtr& cls, const ObjectPath&) {
    return cannot(*cls, "deleted; use the methods of the class's service instead");
}

Result<MethodResult> Provider::invoke(const Request&, const ClassPtr& cls, const ObjectPath&,
                                      const Method& method, const Arguments&) {
    return Error(Status::not_supported, "wsvirt.method.unsupported",
                 "The method " + method.name + " of " + cls->name() + " is not available on this host.",
                 method.name);
}

Result<StreamPtr> Provider::references(const Request& request, const ClassPtr& cls, const ObjectPath& object,
                                       std::string_view role) {
    auto all = enumerate(request, cls);
    if (!all) return all.error();
    return StreamPtr(std::make_unique<ReferencingStream>(std::move(*all), object, role));
}

Role Provider::needed_role(const Method& method) const {
    return usual_role(method.name);
}

}  // namespace wsvirt::cim

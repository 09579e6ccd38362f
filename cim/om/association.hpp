// Help for providers of association classes. DerivedAssociation answers everything from three questions:
// which paths stand at the left end, which right ends belong to a left one, and which left ends to a right
// one. A provider is then its constructor. Thread rules and errors as for Provider.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cim/om/provider.hpp"

namespace wsvirt::cim {

// Whether `object` stands in the reference property `role` ("" = any) of an association instance.
bool plays_role(const Instance& association, const ObjectPath& object, std::string_view role);

class DerivedAssociation : public Provider {
  public:
    using Paths = std::vector<ObjectPath>;
    struct Ends {
        std::string left, right;                     // names of the reference properties
        std::string left_class, right_class;         // "" = as the class declares them
        std::function<Paths(const Request&)> lefts;  // all left ends, in a stable order
        std::function<Paths(const Request&, const ObjectPath&)>
            rights_of;  // none for a path it does not know
        std::function<Paths(const Request&, const ObjectPath&)> lefts_of;
        // Fills the other properties of an association instance; may be empty.
        std::function<void(const Request&, Instance&)> fill;
    };
    explicit DerivedAssociation(Ends ends) : ends_(std::move(ends)) {}

    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override;
    Result<Instance> get(const Request&, const ClassPtr& cls, const ObjectPath& path) override;
    Result<StreamPtr> references(const Request&, const ClassPtr& cls, const ObjectPath& object,
                                 std::string_view role) override;

  private:
    Instance make(const Request&, const ClassPtr& cls, const ObjectPath& left, const ObjectPath& right) const;
    void add_rights(const Request&, const ClassPtr& cls, const ObjectPath& left,
                    std::vector<Instance>& out) const;
    // Whether an object of this class can stand at an end of the given class.
    static bool fits(const Request&, const ObjectPath& object, const std::string& end_class);
    std::string end_class(const ClassPtr& cls, bool left) const;

    Ends ends_;
};

}  // namespace wsvirt::cim

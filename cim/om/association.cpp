#include "cim/om/association.hpp"

#include "base/text.hpp"
#include "cim/om/keys.hpp"
#include "cim/schema/class.hpp"

namespace wsvirt::cim {

bool plays_role(const Instance& association, const ObjectPath& object, std::string_view role) {
    const Class& cls = association.cls();
    for (const auto slot : cls.reference_slots()) {
        if (!role.empty() && !iequals(cls.properties()[slot]->name, role)) continue;
        const auto* end = association.at(slot).as_path();
        if (end != nullptr && *end == object) return true;
    }
    return false;
}

Instance DerivedAssociation::make(const Request& request, const ClassPtr& cls, const ObjectPath& left,
                                  const ObjectPath& right) const {
    Instance i(cls);
    i.set(ends_.left, Value(left));
    i.set(ends_.right, Value(right));
    if (ends_.fill) ends_.fill(request, i);
    return i;
}

void DerivedAssociation::add_rights(const Request& request, const ClassPtr& cls, const ObjectPath& left,
                                    std::vector<Instance>& out) const {
    for (const auto& right : ends_.rights_of(request, left)) out.push_back(make(request, cls, left, right));
}

Result<StreamPtr> DerivedAssociation::enumerate(const Request& request, const ClassPtr& cls) {
    std::vector<Instance> all;
    for (const auto& left : ends_.lefts(request)) add_rights(request, cls, left, all);
    return stream_of(std::move(all));
}

Result<Instance> DerivedAssociation::get(const Request& request, const ClassPtr& cls,
                                         const ObjectPath& path) {
    const Value* left = path.key(ends_.left);
    if (left == nullptr || left->as_path() == nullptr) return Provider::get(request, cls, path);
    std::vector<Instance> all;
    add_rights(request, cls, *left->as_path(), all);
    for (auto& i : all)
        if (has_keys(i, path.keys())) return std::move(i);
    return no_such_instance(*cls, path);
}

bool DerivedAssociation::fits(const Request& request, const ObjectPath& object,
                              const std::string& end_class) {
    if (end_class.empty() || iequals(object.class_name(), end_class)) return true;
    const auto cls = request.ns.find(object.class_name());
    return cls != nullptr && cls->is_a(end_class);
}

std::string DerivedAssociation::end_class(const ClassPtr& cls, bool left) const {
    const auto& wanted = left ? ends_.left_class : ends_.right_class;
    if (!wanted.empty()) return wanted;
    const auto* p = cls->property(left ? ends_.left : ends_.right);
    return p == nullptr ? std::string() : p->ref_class;
}

Result<StreamPtr> DerivedAssociation::references(const Request& request, const ClassPtr& cls,
                                                 const ObjectPath& object, std::string_view role) {
    std::vector<Instance> all;
    if ((role.empty() || iequals(role, ends_.left)) && fits(request, object, end_class(cls, true)))
        add_rights(request, cls, object, all);
    if ((role.empty() || iequals(role, ends_.right)) && fits(request, object, end_class(cls, false)))
        for (const auto& left : ends_.lefts_of(request, object))
            if (!role.empty() || left != object) all.push_back(make(request, cls, left, object));
    return stream_of(std::move(all));
}

}  // namespace wsvirt::cim

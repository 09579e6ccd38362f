#include "cim/schema/class.hpp"

#include <algorithm>

namespace wsvirt::cim {

const Value* find_qualifier(const Qualifiers& q, std::string_view name) {
    const auto at = std::find_if(q.begin(), q.end(), [&](const auto& x) { return iequals(x.name, name); });
    return at == q.end() ? nullptr : &at->value;
}

const Parameter* Method::parameter(std::string_view wanted) const {
    const auto at = std::find_if(parameters.begin(), parameters.end(),
                                 [&](const auto& p) { return iequals(p.name, wanted); });
    return at == parameters.end() ? nullptr : &*at;
}

int Class::slot(std::string_view property) const {
    const std::uint64_t hash = IHash{}(property);
    auto at = std::lower_bound(slot_index_.begin(), slot_index_.end(), hash,
                               [](const auto& entry, std::uint64_t h) { return entry.first < h; });
    for (; at != slot_index_.end() && at->first == hash; ++at)
        if (iequals(properties_[at->second]->name, property)) return at->second;
    return -1;
}

const Property* Class::property(std::string_view name) const {
    const int at = slot(name);
    return at < 0 ? nullptr : properties_[static_cast<std::size_t>(at)];
}

const Method* Class::method(std::string_view name) const {
    const auto at =
        std::find_if(methods_.begin(), methods_.end(), [&](const auto* m) { return iequals(m->name, name); });
    return at == methods_.end() ? nullptr : *at;
}

bool Class::is_a(std::string_view class_name) const {
    for (const Class* c = this; c; c = c->super_.get())
        if (iequals(c->name_, class_name)) return true;
    return false;
}

}  // namespace wsvirt::cim

#include "cim/model/instance.hpp"

#include <cassert>

#include "cim/schema/class.hpp"

namespace wsvirt::cim {

namespace {
const Value null_value;
}

Instance::Instance(std::shared_ptr<const Class> of_class)
    : class_(std::move(of_class)), values_(class_->properties().size()), given_(values_.size()) {}

const Value& Instance::get(std::string_view property) const {
    const int slot = class_ ? class_->slot(property) : -1;
    return slot < 0 ? null_value : values_[static_cast<std::size_t>(slot)];
}

bool Instance::set(std::string_view property, Value v) {
    const int slot = class_ ? class_->slot(property) : -1;
    assert(slot >= 0 && "the class has no such property");
    if (slot < 0) return false;
    set_at(static_cast<std::size_t>(slot), std::move(v));
    return true;
}

bool Instance::has(std::string_view property) const {
    const int slot = class_ ? class_->slot(property) : -1;
    return slot >= 0 && given_[static_cast<std::size_t>(slot)];
}

void Instance::set_at(std::size_t slot, Value v) {
    values_[slot] = std::move(v);
    given_[slot] = true;
}

void Instance::clear(std::string_view property) {
    const int slot = class_ ? class_->slot(property) : -1;
    if (slot < 0) return;
    values_[static_cast<std::size_t>(slot)] = Value();
    given_[static_cast<std::size_t>(slot)] = false;
}

ObjectPath Instance::path(std::string_view name_space) const {
    ObjectPath::Keys keys;
    keys.reserve(class_->key_slots().size());
    for (const auto slot : class_->key_slots())
        keys.emplace_back(class_->properties()[slot]->name, values_[slot]);
    return {std::string(name_space), class_->name(), std::move(keys)};
}

bool operator==(const Instance& a, const Instance& b) {
    if (a.class_ != b.class_ &&
        (!a.class_ || !b.class_ || !iequals(a.class_->name(), b.class_->name()) || a.size() != b.size()))
        return false;
    return a.values_ == b.values_ && a.given_ == b.given_;
}

}  // namespace wsvirt::cim

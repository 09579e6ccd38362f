// An instance: its class and one slot per property of that class (inherited ones included), in the class's
// order. Each slot also knows whether it was given at all, because a property that a client left out of an
// embedded instance is not the same as one it set to NULL. Plain value, cheap to move; holds its class alive.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "cim/model/object_path.hpp"
#include "cim/model/value.hpp"

namespace wsvirt::cim {

class Class;

class Instance {
  public:
    Instance() = default;
    explicit Instance(std::shared_ptr<const Class> of_class);

    const Class& cls() const { return *class_; }
    const std::shared_ptr<const Class>& class_ptr() const { return class_; }
    bool valid() const { return class_ != nullptr; }

    // By name, without case. get() of an unknown or absent property is a reference to a NULL value.
    const Value& get(std::string_view property) const;
    // Sets and marks as given; asserts in debug builds that the class has the property, returns false
    // otherwise.
    bool set(std::string_view property, Value v);
    bool has(std::string_view property) const;  // given (also when given as NULL)

    // By slot, for codecs and other loops over Class::properties().
    const Value& at(std::size_t slot) const { return values_[slot]; }
    bool given(std::size_t slot) const { return given_[slot]; }
    void set_at(std::size_t slot, Value v);
    void clear(std::string_view property);  // not given any more
    std::size_t size() const { return values_.size(); }

    // The path formed from the key properties (reference keys included). name_space as given.
    ObjectPath path(std::string_view name_space) const;

    std::string string(std::string_view property) const { return get(property).string_or({}); }
    std::uint64_t uint(std::string_view property, std::uint64_t other = 0) const {
        return get(property).uint_or(other);
    }

    friend bool operator==(const Instance& a, const Instance& b);

  private:
    std::shared_ptr<const Class> class_;
    std::vector<Value> values_;
    std::vector<bool> given_;
};

}  // namespace wsvirt::cim

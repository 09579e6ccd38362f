// Small helpers for filling instances.
#pragma once

#include <string_view>
#include <vector>

#include "cim/model/instance.hpp"
#include "cim/schema/class.hpp"

namespace wsvirt::cim {

// Sets a property that not every version of a class has.
inline void set_if(Instance& i, std::string_view name, Value v) {
    const int slot = i.cls().slot(name);
    if (slot >= 0) i.set_at(static_cast<std::size_t>(slot), std::move(v));
}

template <class T>
Value array_with(T one) {
    Value::Array a;
    a.emplace_back(std::move(one));
    return Value(std::move(a));
}

}  // namespace wsvirt::cim

// Keys of instances, complete or in part: what a path says against what an instance has. Pure functions.
// Key values compare as WMI does: strings without case, references as object paths, the rest by value.
#pragma once

#include "base/result.hpp"
#include "cim/model/instance.hpp"
#include "cim/schema/class.hpp"

namespace wsvirt::cim {

bool same_key_value(const Value& a, const Value& b);
// Whether every key that the path gives has that value in the instance; no keys match anything.
bool has_keys(const Instance& i, const ObjectPath::Keys& keys);
// The keys with the class's spelling and types. Errors: unexpected_key, type_mismatch (subject = key).
Result<ObjectPath::Keys> typed_keys(const Class& cls, const ObjectPath::Keys& keys);
// Whether all keys of the class are there.
bool complete_keys(const Class& cls, const ObjectPath::Keys& keys);
Error no_such_instance(const Class& cls, const ObjectPath& path);

}  // namespace wsvirt::cim

// References and embedded instances against the classes of a namespace, from whichever form they were read.
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "cim/model/object_path.hpp"
#include "cim/schema/repository.hpp"

namespace wsvirt::cim {

// References in keys of references: each takes four of the 64 levels of elements that CIM-XML text may have.
inline constexpr unsigned most_nested_references = 8;

// In this namespace unless it names one. Keys of classes that are known have the declared types, also in
// references that are keys themselves, and a value without a name is the only key's. Errors: malformed,
// type_mismatch.
Result<ObjectPath> complete_reference(const Namespace& ns, ObjectPath p);

// Whether an instance of `given` may stand where one of `wanted` is declared: it is of that class or below,
// or both descend from one class below the common root (clients send base classes of settings for each
// other). An unknown or empty `wanted` takes all.
bool may_stand_for(const Namespace& ns, std::string_view wanted, const Class& given);

}  // namespace wsvirt::cim

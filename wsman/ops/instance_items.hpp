// The items of an enumeration: instances in one of the three modes, or class declarations.
#pragma once

#include <memory>

#include "wsman/ops/filters.hpp"
#include "wsman/ops/items.hpp"

namespace wsvirt::wsman {

enum class ItemMode { object, epr, object_and_epr };

// `as`: write every instance as this (super) class; null: as what it is.
std::unique_ptr<ItemSource> instance_items(cim::wscim::Style style, ItemMode mode, Selection selection,
                                           cim::ClassPtr as);
// Class declarations below the target (metadata.cpp); in EPR mode their names only.
std::unique_ptr<ItemSource> class_items(const Call& call, const Target& target, ItemMode mode);

}  // namespace wsvirt::wsman

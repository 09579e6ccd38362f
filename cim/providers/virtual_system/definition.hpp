// The three parameters that DefineSystem and DefinePlannedSystem share (SystemSettings, ResourceSettings,
// ReferenceConfiguration) made into a complete MachineSpec with a new identity.
#pragma once

#include "cim/providers/methods.hpp"
#include "cim/providers/virtual_system/draft.hpp"

namespace wsvirt::cim::vs {

// state: fresh, or planned (media and switches may be missing). host: of several the one that is named for
// the machine, where its files are meant; "" = none. Nothing is changed anywhere.
Result<backend::MachineSpec> definition_of(const MethodCall& call, Draft::State state,
                                           const std::string& host = {});

}  // namespace wsvirt::cim::vs

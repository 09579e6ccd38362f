// What is noted in the folder of the state of a machine, while it moves above all: one file for each machine
// and kind of note (the name of a folder). Notes outlive the program, so that what its end cut off can be
// settled.
// Without a folder for its state wsvirt notes nothing. Any thread, with the machine's gate held.
#pragma once

#include <string>
#include <string_view>

#include "backend/libvirt/settings.hpp"
#include "base/result.hpp"

namespace wsvirt::backend::libvirt {

// Takes the place of an earlier one. Errors: failed, no_space.
Result<void> note_moving(const Settings& settings, const char* kind, std::string_view machine,
                         const std::string& text);
std::string noted_moving(const Settings& settings, const char* kind,
                         std::string_view machine);  // "" = nothing is noted
void drop_moving(const Settings& settings, const char* kind, std::string_view machine);

}  // namespace wsvirt::backend::libvirt

// Random but valid machine settings from a seed, for round-trip tests.
#pragma once

#include <random>

#include "backend/machine.hpp"

namespace wsvirt::testing {

// Text with quotes, brackets, line ends, control characters and 4-byte UTF-8.
std::string random_text(std::mt19937& random, unsigned max_length);
backend::MachineSpec random_spec(std::mt19937& random);
// Every field, for comparison and for a readable difference.
std::string dump(const backend::MachineSpec& spec);

}  // namespace wsvirt::testing

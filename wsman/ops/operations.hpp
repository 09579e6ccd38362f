// The operations, one file each. Each is a function from a Call whose headers have been checked to an
// Outcome; what it throws nothing of: errors are faults.
#pragma once

#include "wsman/ops/call.hpp"
#include "wsman/ops/epr.hpp"

namespace wsvirt::wsman {

// transfer.cpp (DSP0226 clause 7)
Outcome get(const Call& call);
Outcome put(const Call& call);
Outcome create(const Call& call);
Outcome remove(const Call& call);
// fragment.cpp (7.7 to 7.11)
Outcome get_fragment(const Call& call, const Target& target);
Outcome put_fragment(const Call& call, const Target& target);
Outcome create_fragment(const Call& call, const Target& target);
Outcome remove_fragment(const Call& call, const Target& target);
// enumerate.cpp (clause 8)
Outcome enumerate(const Call& call);
Outcome pull(const Call& call);
Outcome release(const Call& call);
// invoke.cpp (clause 9, DSP0227 clause 11)
Outcome invoke(const Call& call);
// metadata.cpp (DSP0227 clause 15)
Outcome get_class(const Call& call, const Target& target);

// identify.cpp (clause 11): the whole answer. `full`: for somebody who signed in.
bool is_identify(const soap::Message& message);
std::string identify(const soap::Message& message, const OpsSettings& settings, bool full);

}  // namespace wsvirt::wsman

// What both codecs do with embedded instances and references: texts in their three forms, checks of class and
// key types. Used only inside cim/codec.
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "cim/model/instance.hpp"
#include "cim/schema/repository.hpp"

namespace wsvirt::cim::codec {

// How deep instances may be embedded in each other in a message.
inline constexpr unsigned most_nested = 32;

inline bool embeds(const Feature& f) {
    return f.type == Type::instance || f.embedded_object || !f.embedded_class.empty();
}

// CIM-XML or MOF text of one instance; text of white space only is NULL. Errors with subject = f.name unless
// the error is about a property inside.
Result<Value> instance_from_any_text(const Namespace& ns, const Feature& f, std::string_view text,
                                     unsigned depth);

// may_stand_for() as an error with subject = f.name.
Result<void> check_class(const Namespace& ns, const Feature& f, const Instance& i);

// complete_reference() with errors about f.
Result<Value> reference_value(const Namespace& ns, const Feature& f, Result<ObjectPath> path);

Error about(std::string_view subject, Status status, std::string_view id, std::string_view text);

}  // namespace wsvirt::cim::codec

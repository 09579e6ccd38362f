// MOF reader (DSP0004 Annex A): compiler directives (namespace, include; others are skipped), qualifier
// types, classes, associations, indications, instances, aliases. Each error names file, line and column.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "cim/model/instance.hpp"
#include "cim/schema/repository.hpp"

namespace wsvirt::cim {

// Bounds for text, in particular for what comes over the wire.
struct MofLimits {
    unsigned nesting = 32;                 // embedded instances
    std::size_t instances = 10'000;        // of one text that came over the wire, wherever aliases put them
    std::size_t bytes = 16 * 1024 * 1024;  // of one text
    unsigned include_depth = 16;
    unsigned class_depth = 64;  // superclasses of one class, each of which hands down all that it has
};

// Compiles MOF text into the schema. `file_name` is for error texts and for relative includes; includes are
// only followed when `allow_include` is set (never for text that came over the wire).
Result<void> compile_mof(Schema& schema, std::string_view text, std::string_view file_name,
                         std::string_view default_namespace, bool allow_include);

// Reads `instance of X {...};` text, as GetText(MOF) of WMI clients makes it, into instances of the classes
// of one namespace. No includes, no classes, no pragmas; nesting at most 32. Properties not mentioned are not
// given. Errors: malformed (with line and column), invalid_class, no_such_property, type_mismatch (subject =
// property), server_limits_exceeded.
Result<std::vector<Instance>> instances_from_mof(const Namespace& ns, std::string_view text,
                                                 const MofLimits& limits = {});
// "instance of X {\n\tP = \"v\";\n ...};" with the given properties only.
std::string instance_to_mof(const Instance& i);

}  // namespace wsvirt::cim

// A small model with every type, for fuzz targets.
#pragma once

#include <cstdlib>

#include "cim/schema/mof.hpp"

namespace wsvirt::fuzz {

inline const cim::Namespace& model() {
    static cim::Schema schema;
    static const bool loaded = [] {
        constexpr std::string_view text = R"mof(
            class T_Root { string Description; };
            class T_Base : T_Root { [Key] string Id; };
            class T_All : T_Base {
                boolean B; uint8 U8; sint8 S8; uint16 U16; sint16 S16; uint32 U32; sint32 S32; uint64 U64; sint64 S64;
                real32 R32; real64 R64; char16 C; string S; datetime D; uint16 Us[]; string Ss[]; datetime Ds[];
                [OctetString] uint8 Octets[]; [EmbeddedInstance("T_All")] string Leaf;
                [EmbeddedInstance("T_All")] string Leaves[]; T_All Direct; T_All Directs[]; object Any;
                T_Base ref R; T_Base ref Rs[]; T_Keys ref K;
            };
            class T_Keys { [Key] uint16 N; [Key] datetime D; [Key] real64 X; [Key] boolean B; };
            [Association] class T_Link { [Key] T_Base ref Left; [Key] T_All ref Right; };
        )mof";
        return cim::compile_mof(schema, text, "model.mof", "root/test", false).ok();
    }();
    if (!loaded) std::abort();
    return *schema.find("root/test");
}

}  // namespace wsvirt::fuzz

#include "cim/schema/mof.hpp"

#include <fmt/format.h>

#include "cim/schema/mof_compiler.hpp"

namespace wsvirt::cim {

namespace {

void append_text(std::string& out, std::string_view text) {
    out += '"';
    for (const char c : text) {
        switch (c) {
            case '"':
            case '\\':
                out += '\\';
                out += c;
                break;
            case '\n':
                out += "\\n";
                break;
            case '\r':
                out += "\\r";
                break;
            case '\t':
                out += "\\t";
                break;
            default:
                if (static_cast<unsigned char>(c) < 0x20)
                    out += fmt::format("\\x{:04X}", static_cast<unsigned>(c));
                else
                    out += c;
        }
    }
    out += '"';
}

void append_instance(std::string& out, const Instance& i, const std::string& indent);

void append_value(std::string& out, const Feature& f, const Value& v, const std::string& indent) {
    if (v.is_null()) {
        out += "NULL";
    } else if (const auto* items = v.as_array()) {
        out += '{';
        const char* between = "";
        for (const auto& item : *items) {
            out += between;
            append_value(out, f, item, indent);
            between = ", ";
        }
        out += '}';
    } else if (const auto* inner = v.as_instance()) {
        append_instance(out, *inner, indent + '\t');
    } else if (const auto* b = v.as_bool()) {
        out += *b ? "TRUE" : "FALSE";
    } else if (v.as_string() || v.as_datetime() || v.as_path()) {
        append_text(out, value_to_text(f.type, v));
    } else if (f.type == Type::char16) {
        out += value_to_text(Type::uint16, v);
    } else {
        out += value_to_text(f.type, v);
    }
}

void append_instance(std::string& out, const Instance& i, const std::string& indent) {
    out += "instance of " + i.cls().name() + " {\n";
    for (std::size_t slot = 0; slot < i.size(); ++slot) {
        if (!i.given(slot)) continue;
        const Property& p = *i.cls().properties()[slot];
        out += indent + '\t' + p.name + " = ";
        append_value(out, p, i.at(slot), indent);
        out += ";\n";
    }
    out += indent + '}';
}

}  // namespace

Result<void> compile_mof(Schema& schema, std::string_view text, std::string_view file_name,
                         std::string_view default_namespace, bool allow_include) {
    MofCompiler compiler(schema, MofCompiler::Options{.allow_include = allow_include});
    if (auto r = compiler.add_text(text, file_name, default_namespace); !r) return r;
    return compiler.finish();
}

std::string instance_to_mof(const Instance& i) {
    std::string out;
    append_instance(out, i, {});
    out += ";\n";
    return out;
}

}  // namespace wsvirt::cim

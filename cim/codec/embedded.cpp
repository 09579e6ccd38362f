#include "cim/codec/embedded.hpp"

#include <fmt/format.h>

#include "cim/codec/cimxml.hpp"
#include "cim/codec/cimxml_read.hpp"
#include "cim/schema/mof.hpp"
#include "cim/schema/reference.hpp"

namespace wsvirt::cim::codec {

namespace {

Error too_deep(std::string_view subject) {
    return about(subject, Status::malformed, "wsvirt.embedded.depth", "instances are nested too deeply.");
}

// What MOF text leaves to its reader: references mean this namespace and typed keys, and the text of an
// embedded instance is one. `depth` is the level of the instance.
class Completion {
  public:
    explicit Completion(const Namespace& ns) : ns_(ns) {}

    Result<void> instance(Instance& i, std::string_view subject, unsigned depth) const {
        if (depth > most_nested) return too_deep(subject);
        for (std::size_t slot = 0; slot < i.size(); ++slot) {
            const auto& f = *i.cls().properties()[slot];
            if (!i.given(slot) || !embeds(f)) continue;
            Value v = i.at(slot);
            if (auto r = value(v, f, depth); !r) return r;
            i.set_at(slot, std::move(v));
        }
        return {};
    }

  private:
    Result<void> value(Value& v, const Feature& f, unsigned depth) const {
        if (const auto* items = v.as_array()) {
            Value::Array copies = *items;
            for (auto& item : copies)
                if (auto r = value(item, f, depth); !r) return r;
            v = Value(std::move(copies));
            return {};
        }
        if (const auto* inner = v.as_instance()) {
            Instance copy = *inner;
            if (auto r = instance(copy, f.name, depth + 1); !r) return r;
            v = Value(std::move(copy));
            return {};
        }
        if (v.is_null()) return {};
        auto made = instance_from_any_text(ns_, f, v.string_or({}), depth);
        if (!made) return made.error();
        v = std::move(*made);
        return {};
    }

    const Namespace& ns_;
};

}  // namespace

Error about(std::string_view subject, Status status, std::string_view id, std::string_view text) {
    return {status, std::string(id), fmt::format("{}: {}", subject, text), std::string(subject)};
}

Result<void> check_class(const Namespace& ns, const Feature& f, const Instance& i) {
    if (may_stand_for(ns, f.embedded_class, i.cls())) return {};
    return about(
        f.name, Status::type_mismatch, "wsvirt.embedded.class",
        fmt::format("an instance of {} is needed here, not one of {}.", f.embedded_class, i.cls().name()));
}

Result<Value> instance_from_any_text(const Namespace& ns, const Feature& f, std::string_view text,
                                     unsigned depth) {
    const auto t = trim(text);
    if (t.empty()) return Value();
    if (depth > most_nested) return too_deep(f.name);
    if (t[0] == '<' || t.starts_with("\xef\xbb\xbf")) {
        auto made = cimxml::instance_from_text(ns, t, depth + 1);
        if (!made) {
            if (made.error().subject.empty()) made.error().subject = f.name;
            return made.error();
        }
        if (auto r = check_class(ns, f, *made); !r) return r.error();
        return Value(std::move(*made));
    }
    if (!istarts_with(t, "instance") && !t.starts_with("//") && !t.starts_with("/*") && !t.starts_with("["))
        return about(
            f.name, Status::malformed, "wsvirt.embedded.form",
            "an embedded instance is needed here: elements, CIM-XML text (<INSTANCE ...>) or MOF text "
            "(instance of ...).");
    auto made = instances_from_mof(ns, t);
    if (!made) {
        if (made.error().subject.empty()) made.error().subject = f.name;
        return made.error();
    }
    if (made->size() != 1)
        return about(f.name, Status::malformed, "wsvirt.embedded.count",
                     "exactly one instance is needed here.");
    if (auto r = check_class(ns, f, made->front()); !r) return r.error();
    if (auto r = Completion(ns).instance(made->front(), f.name, depth + 1); !r) return r.error();
    return Value(std::move(made->front()));
}

Result<Value> reference_value(const Namespace& ns, const Feature& f, Result<ObjectPath> path) {
    auto done = path ? complete_reference(ns, std::move(*path)) : std::move(path);
    if (!done) return about(f.name, done.error().status, done.error().message_id, done.error().text);
    return Value(std::move(*done));
}

}  // namespace wsvirt::cim::codec

// Class declarations as the MOF files give them, with inheritance resolved: properties(), methods(), keys()
// include what superclasses declare. Immutable after loading; shared between threads.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "cim/model/value.hpp"

namespace wsvirt::cim {

struct Qualifier {
    enum Flavor : std::uint8_t { overridable = 1, to_subclass = 2, translatable = 4 };
    std::string name;
    Type type = Type::boolean;
    std::uint8_t flavor = overridable | to_subclass;
    bool propagated = false;  // taken over from the superclass, not written in this declaration
    Value value;              // true for a bare [Key]; arrays as array values
};
using Qualifiers = std::vector<Qualifier>;
const Value* find_qualifier(const Qualifiers& q, std::string_view name);  // nullptr when absent

// A qualifier's declaration ("Qualifier Key : boolean = false, Scope(property, reference), ...").
struct QualifierType {
    std::string name;
    Type type = Type::boolean;
    bool array = false;
    std::uint8_t flavor = Qualifier::overridable | Qualifier::to_subclass;
    Value default_value;
    std::vector<std::string> scopes;  // lower case: "class", "association", "property", ..., "any"
};

// Common part of properties and parameters.
struct Feature {
    std::string name;
    Type type = Type::string;
    bool array = false;
    std::string ref_class;       // reference: the class it points to
    std::string embedded_class;  // EmbeddedInstance("X"); "" otherwise. EmbeddedObject sets embedded_object.
    bool embedded_object = false;
    Qualifiers qualifiers;
};

struct Property : Feature {
    bool key = false;
    bool read = true;
    bool write = false;  // by Put
    bool required = false;
    std::string origin;       // class that first declares it
    std::string declared_in;  // class whose declaration (maybe an Override) is in force
    Value default_value;
};

struct Parameter : Feature {
    bool in = true;
    bool out = false;
    bool required = false;
};

struct Method {
    std::string name;
    std::optional<Type> return_type;  // nullopt: void
    bool is_static = false;
    std::string origin;
    std::vector<Parameter> parameters;
    Qualifiers qualifiers;
    const Parameter* parameter(std::string_view name) const;
};

class Class {
  public:
    const std::string& name() const { return name_; }
    const std::shared_ptr<const Class>& superclass() const { return super_; }  // may be null
    const Qualifiers& qualifiers() const { return qualifiers_; }
    bool is_abstract() const { return abstract_; }
    bool is_association() const { return association_; }
    bool is_indication() const { return indication_; }
    const std::string& provider() const {
        return provider_;
    }  // Provider qualifier, inherited not; "" if none

    // Superclass properties first, in declaration order; an overriding declaration keeps the slot.
    const std::vector<const Property*>& properties() const { return properties_; }
    const std::vector<std::uint16_t>& alphabetical() const { return alphabetical_; }  // slots by name
    const std::vector<std::uint16_t>& key_slots() const { return keys_; }
    const std::vector<const Method*>& methods() const { return methods_; }
    // Slot by name without case, or -1.
    int slot(std::string_view property) const;
    const Property* property(std::string_view name) const;
    const Method* method(std::string_view name) const;
    bool is_a(std::string_view class_name) const;  // itself or an ancestor, without case
    // For associations: slots of the reference properties.
    const std::vector<std::uint16_t>& reference_slots() const { return references_; }

  private:
    friend class ClassBuilder;  // cim/schema/class_builder.hpp
    std::string name_;
    std::shared_ptr<const Class> super_;
    Qualifiers qualifiers_;
    std::string provider_;
    bool abstract_ = false, association_ = false, indication_ = false;
    std::vector<std::unique_ptr<const Property>> own_properties_;
    std::vector<std::unique_ptr<const Method>> own_methods_;
    std::vector<const Property*> properties_;
    std::vector<const Method*> methods_;
    std::vector<std::uint16_t> alphabetical_, keys_, references_;
    std::vector<std::pair<std::uint64_t, std::uint16_t>>
        slot_index_;  // sorted by hash of the lower-case name
};
using ClassPtr = std::shared_ptr<const Class>;

}  // namespace wsvirt::cim

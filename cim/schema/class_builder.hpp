// Makes a Class of a declaration and its superclass: takes over what the superclass declares (sharing its
// Property and Method objects), merges qualifiers by their flavors (DSP0004 5.6) and lays out the slots.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>

#include "base/result.hpp"
#include "cim/schema/class.hpp"
#include "cim/schema/mof_syntax.hpp"

namespace wsvirt::cim {

// What qualifiers say about a feature: Key, Read, Write, Required, In, Out, EmbeddedInstance, EmbeddedObject.
void apply_qualifiers(Property& p);
void apply_qualifiers(Parameter& p);

// The arrays of text in qualifiers, such as those of ValueMap and Values: many classes have the same, and one
// copy serves them all. None is shared with a declaration: those go when all is built and take most of the
// memory that loading needed with them, if nothing that stays lies in the midst of it.
class SharedArrays {
  public:
    void keep(Qualifiers& qualifiers);

  private:
    std::unordered_map<std::string, Value> known_;  // by the texts, each after its length
};

class ClassBuilder {
  public:
    // `super` may be null. Errors: malformed, type_mismatch (an override of another type), with position.
    static Result<ClassPtr> build(const mof::ClassDeclaration& declaration, ClassPtr super,
                                  SharedArrays& arrays);

  private:
    ClassBuilder(const mof::ClassDeclaration& d, ClassPtr super, SharedArrays& arrays);
    Result<void> add_property(const mof::PropertyDeclaration& d);
    Result<void> add_method(const mof::MethodDeclaration& d);
    Result<void> finish();

    const mof::ClassDeclaration& declaration_;
    SharedArrays& arrays_;
    std::shared_ptr<Class> made_;
    ILess less_;
    std::map<std::string_view, std::size_t, ILess> slots_, methods_;
    std::set<const Method*> own_methods_;
};

}  // namespace wsvirt::cim

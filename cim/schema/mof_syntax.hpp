// What the MOF parser makes of text: declarations as written, before inheritance and before the classes of
// instances are known. Used only inside cim/schema.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "cim/schema/class.hpp"

namespace wsvirt::cim::mof {

struct Position {
    std::uint32_t line = 1, column = 1;
};

// "file:line:column: text." as an Error.
Error error_at(std::string_view file, Position at, Status status, std::string_view text,
               std::string_view subject = {});

struct InstanceDeclaration;

// An initializer. Numbers keep their text because the type decides how to read them.
struct Literal {
    enum class Kind : std::uint8_t { null, boolean, number, text, character, alias, instance, array };
    Kind kind = Kind::null;
    Position at;
    std::string text;  // number, text, alias (without $), boolean ("true"), character (decimal code)
    std::vector<Literal> items;
    std::shared_ptr<const InstanceDeclaration> instance;
};

// A literal of a scalar or array type that needs no class: not reference aliases, not nested instances.
// Errors: type_mismatch without position.
Result<Value> value_of(Type type, bool array, const Literal& literal);

struct PropertyDeclaration {
    Property property;  // as written: without what is inherited
    bool has_default = false;
    Position at;
};

struct MethodDeclaration {
    Method method;
    Position at;
};

using FileName = std::shared_ptr<const std::string>;

struct ClassDeclaration {
    std::string name, superclass;
    Qualifiers qualifiers;
    std::vector<PropertyDeclaration> properties;
    std::vector<MethodDeclaration> methods;
    FileName file;
    Position at;
};

struct InstanceDeclaration {
    struct Initializer {
        std::string property;
        Literal value;
        Position at;
    };
    std::string class_name, alias;
    std::vector<Initializer> properties;
    FileName file;
    Position at;
};

// Qualifier declarations in force. Undeclared qualifiers take their type from their value and are handed down
// to subclasses, except the few that DSP0004 (and this server, for Provider) keeps to their own class.
class QualifierTypes {
  public:
    void add(QualifierType q);
    const QualifierType* find(std::string_view name) const;
    static bool restricted_by_default(std::string_view name);

  private:
    std::map<std::string, QualifierType, ILess> by_name_;
};

}  // namespace wsvirt::cim::mof

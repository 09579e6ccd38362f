// The MOF grammar (DSP0004 Annex A), by recursive descent. What it reads goes to a Sink, one declaration at a
// time, so that a pragma or a qualifier declaration is in force for what follows it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "cim/schema/mof.hpp"
#include "cim/schema/mof_lexer.hpp"
#include "cim/schema/mof_syntax.hpp"

namespace wsvirt::cim::mof {

class Sink {
  public:
    virtual ~Sink() = default;
    virtual Result<void> name_space(std::string name, Position at) = 0;
    virtual Result<void> include(std::string file, Position at) = 0;
    virtual Result<void> qualifier_type(QualifierType q, Position at) = 0;
    virtual Result<void> class_declaration(ClassDeclaration c) = 0;
    virtual Result<void> instance_declaration(InstanceDeclaration i) = 0;
};

class Parser {
  public:
    // `types` may grow while the parser runs (by the sink).
    Parser(std::string_view text, FileName file, const QualifierTypes& types, Sink& sink, MofLimits limits);
    Result<void> run();

  private:
    // Each returns false when error_ is set.
    bool declaration();
    bool pragma();
    bool qualifier_declaration();
    bool scope_or_flavor(QualifierType& q);
    bool qualifier_list(Qualifiers& out);
    bool qualifier(Qualifier& out);
    bool qualifier_value(Qualifier& q, const QualifierType* type);
    bool class_declaration(Qualifiers qualifiers);
    bool feature(ClassDeclaration& c);
    bool property(ClassDeclaration& c, PropertyDeclaration p);
    bool method(ClassDeclaration& c, MethodDeclaration m);
    bool parameter(Method& m);
    bool type_and_name(Feature& f, bool& is_void);
    bool array_mark(bool& array);
    bool instance_declaration(InstanceDeclaration& out, unsigned depth);
    bool literal(Literal& out, unsigned depth);
    bool text_literal(Literal& out);

    void advance() { token_ = lexer_.next(); }
    bool take(char punctuation, std::string_view after);
    bool take_name(std::string& out, std::string_view what);
    bool expected(std::string_view what);  // fails at the token in hand
    bool fail(Position at, Status status, std::string_view text, std::string_view subject = {});
    bool keep(Result<void> r);  // the sink's verdict

    Lexer lexer_;
    Token token_;
    FileName file_;
    const QualifierTypes& types_;
    Sink& sink_;
    MofLimits limits_;
    Error error_;
};

// Flavor name to bits; false when it is none.
bool apply_flavor(std::string_view name, std::uint8_t& flavor);

}  // namespace wsvirt::cim::mof

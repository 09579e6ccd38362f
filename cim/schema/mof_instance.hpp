// Turns instance declarations into Instances once the classes are known. Used only inside cim/schema.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "cim/schema/mof.hpp"
#include "cim/schema/mof_syntax.hpp"

namespace wsvirt::cim::mof {

class InstanceBuilder {
  public:
    InstanceBuilder(const Namespace& ns, MofLimits limits) : ns_(ns), limits_(limits) {}

    // Properties that are not mentioned get the class's default values.
    void with_defaults() { defaults_ = true; }
    // An alias may be used before the instance that it stands for.
    void declare_alias(const std::shared_ptr<const InstanceDeclaration>& i);
    // Errors: invalid_class, no_such_property, type_mismatch, malformed; subject = property or class.
    Result<Instance> build(const InstanceDeclaration& d);

  private:
    Result<Value> value(const Feature& f, const Literal& l, const InstanceDeclaration& d);
    Result<Value> scalar(const Feature& f, const Literal& l, const InstanceDeclaration& d);
    // One that is embedded or referred to, with what it stands for wherever it is used: a text of a few
    // aliases may stand for thousands of instances, which are in memory once.
    struct Nested {
        std::shared_ptr<const Instance> instance;
        std::shared_ptr<const ObjectPath> path;  // once it was referred to
        std::size_t instances = 0;               // that it counts for
        unsigned height = 0;
    };
    Result<Nested> build_nested(const InstanceDeclaration& d);
    Result<void> use_again(const Nested& n, const InstanceDeclaration& d);
    Result<Value> aliased(const Feature& f, const Literal& l, const InstanceDeclaration& outer);
    Result<Value> value_of_nested(const Feature& f, const Literal& l, Nested& n,
                                  const InstanceDeclaration& outer);
    Error too_deep(const InstanceDeclaration& d) const;
    Error too_many(const InstanceDeclaration& d) const;

    const Namespace& ns_;
    MofLimits limits_;
    bool defaults_ = false;
    unsigned depth_ = 0, deepest_ = 0;
    std::size_t built_ = 0;
    std::map<std::shared_ptr<const InstanceDeclaration>, Nested> used_;
    std::map<std::string, std::shared_ptr<const InstanceDeclaration>, ILess> aliases_;
};

}  // namespace wsvirt::cim::mof

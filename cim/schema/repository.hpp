// The classes of every namespace, read from MOF files at start. A namespace is one MOF file that includes
// others: schemas/root_virtualization_v2.mof begins with `#pragma namespace("root/virtualization/v2")`.
// Read-only after load(); shared between threads without locks.
//
// Within one load, classes may be declared in any order, and an include may name many files:
// `#pragma include("hyperv/*.mof")` (a * in the last part of the name; in the order of names).
// Namespaces share what is the same: an included file is read once, and where two namespaces include the same
// declaration with the same superclass, both hold the same Class object. A class declared in the namespace
// file itself takes the place of an included one of that name, for that namespace and its subclasses there;
// so root/virtualization is v2's files and one class of its own. Two included declarations of one name are an
// error.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/text.hpp"
#include "cim/model/instance.hpp"
#include "cim/schema/class.hpp"

namespace wsvirt::cim {

class Namespace {
  public:
    explicit Namespace(std::string name) : name_(std::move(name)) {}
    const std::string& name() const { return name_; }                   // "root/virtualization/v2"
    ClassPtr find(std::string_view class_name) const;                   // without case; null when absent
    const std::vector<ClassPtr>& classes() const { return in_order_; }  // superclasses before subclasses
    // The class itself (when concrete or not) and every subclass, deep.
    std::vector<ClassPtr> with_subclasses(const Class& c) const;
    std::vector<ClassPtr> direct_subclasses(std::string_view class_name) const;  // "" = top-level classes
    const std::vector<ClassPtr>& associations() const { return associations_; }  // concrete ones
    // Static instances that the MOF files hold ("instance of X {...}").
    const std::vector<Instance>& instances() const { return instances_; }

    const std::vector<QualifierType>& qualifier_types() const { return qualifier_types_; }

    Result<void> add(ClassPtr c);  // errors: already_exists
    void add_instance(Instance i) { instances_.push_back(std::move(i)); }
    void add_qualifier_type(QualifierType q);  // replaces one of the same name

  private:
    std::string name_;
    std::map<std::string, ClassPtr, ILess> by_name_;
    std::vector<ClassPtr> in_order_;
    std::vector<ClassPtr> associations_;
    std::multimap<std::string, ClassPtr, ILess> children_;
    std::vector<Instance> instances_;
    std::vector<QualifierType> qualifier_types_;
};

class Schema {
  public:
    // Loads every namespace file (*.mof directly in `directory`; folders below hold what they include).
    // Errors are `malformed` with "file:line:column: ..." in the text.
    static Result<Schema> load(const std::filesystem::path& directory);
    // Adds what one more MOF file declares to a namespace (made if absent).
    Result<void> load_file(const std::filesystem::path& file, std::string_view default_namespace);

    const Namespace* find(std::string_view name) const;  // any separators, any case; null when absent
    Namespace& get_or_add(std::string_view name);
    std::vector<const Namespace*> all() const;

  private:
    std::map<std::string, std::shared_ptr<Namespace>, ILess> spaces_;
};

}  // namespace wsvirt::cim

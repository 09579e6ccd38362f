// Collects declarations from any number of MOF texts and files, then builds classes (superclasses first, in
// whatever order they were written) and instances into a Schema. Included files are read once per compiler,
// and equal declarations on equal superclasses become one Class, whatever the number of namespaces.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "cim/schema/class_builder.hpp"
#include "cim/schema/mof.hpp"
#include "cim/schema/mof_parser.hpp"
#include "cim/schema/repository.hpp"

namespace wsvirt::cim {

class MofCompiler {
  public:
    struct Options {
        bool allow_include = false;
        MofLimits limits = {};
    };
    MofCompiler(Schema& schema, Options options);
    ~MofCompiler();

    Result<void> add_file(const std::filesystem::path& file, std::string_view default_namespace);
    // `name` is shown in errors and its folder is where relative includes start.
    Result<void> add_text(std::string_view text, std::string_view name, std::string_view default_namespace);
    // Builds everything added so far. Errors name file, line and column.
    Result<void> finish();

  private:
    struct IncludeDirective {
        std::string file;
        mof::FileName from;
        mof::Position at;
    };
    struct NamespaceDirective {
        std::string name;
    };
    using Item = std::variant<NamespaceDirective, IncludeDirective, QualifierType,
                              std::shared_ptr<const mof::ClassDeclaration>,
                              std::shared_ptr<const mof::InstanceDeclaration>>;
    struct Entry {
        std::shared_ptr<const mof::ClassDeclaration> declaration;
        bool included = false;
    };
    struct Pending {
        std::map<std::string, Entry, ILess> classes;
        std::vector<std::string> order;
        std::vector<std::shared_ptr<const mof::InstanceDeclaration>> instances;
        std::set<std::string> building;  // to find a class that is its own ancestor
    };
    class Recorder;

    Result<void> parse(std::string_view text, const mof::FileName& name, std::vector<Item>& record);
    Result<void> execute(const Item& item);
    Result<void> add_class(const std::shared_ptr<const mof::ClassDeclaration>& c);
    Result<void> include(const IncludeDirective& d);
    Result<void> include_file(const std::filesystem::path& file, const IncludeDirective& d);
    Result<ClassPtr> build(Namespace& ns, Pending& pending, const std::string& name);
    Result<void> build_instances(Namespace& ns, const Pending& pending);
    Result<void> check_embedded(const Namespace& ns, const Pending& pending) const;

    Schema& schema_;
    Options options_;
    mof::QualifierTypes types_;
    std::string current_;  // namespace
    unsigned depth_ = 0;
    std::map<std::string, Pending, ILess> pending_;
    std::map<std::string, std::shared_ptr<const std::vector<Item>>> files_;
    std::map<std::pair<const mof::ClassDeclaration*, const Class*>, ClassPtr> built_;
    SharedArrays arrays_;
};

}  // namespace wsvirt::cim

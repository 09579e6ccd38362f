#include "cim/schema/repository.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cim/schema/mof_compiler.hpp"

namespace wsvirt::cim {

ClassPtr Namespace::find(std::string_view class_name) const {
    const auto at = by_name_.find(class_name);
    return at == by_name_.end() ? nullptr : at->second;
}

std::vector<ClassPtr> Namespace::direct_subclasses(std::string_view class_name) const {
    std::vector<ClassPtr> r;
    const auto [from, to] = children_.equal_range(class_name);
    for (auto at = from; at != to; ++at) r.push_back(at->second);
    return r;
}

std::vector<ClassPtr> Namespace::with_subclasses(const Class& c) const {
    std::vector<ClassPtr> r;
    if (auto self = find(c.name())) r.push_back(std::move(self));
    for (std::size_t i = 0; i < r.size(); ++i) {
        const auto [from, to] = children_.equal_range(r[i]->name());
        for (auto at = from; at != to; ++at) r.push_back(at->second);
    }
    return r;
}

Result<void> Namespace::add(ClassPtr c) {
    const auto [at, added] = by_name_.emplace(c->name(), c);
    if (!added)
        return Error{Status::already_exists, "wsvirt.schema.duplicate",
                     fmt::format("The class {} is already declared in {}.", c->name(), name_), c->name()};
    in_order_.push_back(c);
    if (c->is_association() && !c->is_abstract()) associations_.push_back(c);
    const std::string parent = c->superclass() ? c->superclass()->name() : std::string();
    children_.emplace(parent, std::move(c));
    return {};
}

void Namespace::add_qualifier_type(QualifierType q) {
    const auto at = std::find_if(qualifier_types_.begin(), qualifier_types_.end(),
                                 [&](const auto& x) { return iequals(x.name, q.name); });
    if (at == qualifier_types_.end())
        qualifier_types_.push_back(std::move(q));
    else
        *at = std::move(q);
}

Result<Schema> Schema::load(const std::filesystem::path& directory) {
    std::error_code ec;
    std::vector<std::filesystem::path> files;
    for (std::filesystem::directory_iterator it(directory, ec), end; !ec && it != end; it.increment(ec))
        if (it->path().extension() == ".mof") files.push_back(it->path());
    if (ec || files.empty())
        return Error{
            Status::not_found, "wsvirt.schema.directory",
            fmt::format("There are no MOF files in {}; set the schema directory to the one that wsvirt "
                        "was installed with.",
                        directory.string()),
            directory.string(), ec ? ec.message() : std::string()};
    std::sort(files.begin(), files.end());
    Schema schema;
    MofCompiler compiler(schema, MofCompiler::Options{.allow_include = true});
    for (const auto& file : files)
        if (auto r = compiler.add_file(file, "root/cimv2"); !r) return r.error();
    if (auto r = compiler.finish(); !r) return r.error();
    return schema;
}

Result<void> Schema::load_file(const std::filesystem::path& file, std::string_view default_namespace) {
    MofCompiler compiler(*this, MofCompiler::Options{.allow_include = true});
    if (auto r = compiler.add_file(file, default_namespace); !r) return r;
    return compiler.finish();
}

const Namespace* Schema::find(std::string_view name) const {
    auto at = spaces_.find(name);
    if (at == spaces_.end()) at = spaces_.find(normal_namespace(name));
    return at == spaces_.end() ? nullptr : at->second.get();
}

Namespace& Schema::get_or_add(std::string_view name) {
    auto normal = normal_namespace(name);
    auto at = spaces_.find(normal);
    if (at == spaces_.end()) at = spaces_.emplace(normal, std::make_shared<Namespace>(normal)).first;
    return *at->second;
}

std::vector<const Namespace*> Schema::all() const {
    std::vector<const Namespace*> r;
    r.reserve(spaces_.size());
    for (const auto& [name, space] : spaces_) r.push_back(space.get());
    return r;
}

}  // namespace wsvirt::cim

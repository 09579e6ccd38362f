#include "cim/schema/mof_compiler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <set>

#include "cim/schema/class_builder.hpp"
#include "cim/schema/mof_instance.hpp"

namespace wsvirt::cim {

namespace fs = std::filesystem;

namespace {

Result<std::string> read_file(const fs::path& file, std::size_t limit) {
    std::error_code ec;
    const auto size = fs::file_size(file, ec);
    std::ifstream in(file, std::ios::binary);
    if (ec || !in)
        return Error{Status::not_found, "wsvirt.mof.file", fmt::format("Cannot read {}.", file.string()),
                     file.string(), ec ? ec.message() : std::string()};
    if (size > limit)
        return Error{Status::server_limits_exceeded, "wsvirt.mof.size",
                     fmt::format("{} is larger than {} bytes.", file.string(), limit), file.string()};
    std::string text(size, '\0');
    in.read(text.data(), static_cast<std::streamsize>(size));
    text.resize(static_cast<std::size_t>(in.gcount()));
    return text;
}

// "\\.\root\cimv2", "//host/root/cimv2" and "root/cimv2" all name a namespace of this server.
std::string namespace_of_pragma(std::string_view text) {
    if (text.starts_with("\\\\") || text.starts_with("//")) {
        const auto host_end = text.find_first_of("\\/", 2);
        text = host_end == std::string_view::npos ? std::string_view{} : text.substr(host_end);
    }
    return normal_namespace(text);
}

// A class and its superclasses.
std::size_t ancestors(const ClassPtr& c) {
    std::size_t n = 0;
    for (const Class* at = c.get(); at; at = at->superclass().get()) ++n;
    return n;
}

}  // namespace

// Keeps the declarations of one file and carries each out at once.
class MofCompiler::Recorder : public mof::Sink {
  public:
    Recorder(MofCompiler& compiler, mof::FileName file, std::vector<Item>& record)
        : compiler_(compiler), file_(std::move(file)), record_(record) {}

    Result<void> name_space(std::string name, mof::Position at) override {
        auto normal = namespace_of_pragma(name);
        if (normal.empty())
            return mof::error_at(*file_, at, Status::malformed, "the namespace pragma names no namespace");
        return keep(NamespaceDirective{std::move(normal)});
    }
    Result<void> include(std::string file, mof::Position at) override {
        return keep(IncludeDirective{std::move(file), file_, at});
    }
    Result<void> qualifier_type(QualifierType q, mof::Position) override { return keep(std::move(q)); }
    Result<void> class_declaration(mof::ClassDeclaration c) override {
        return keep(std::make_shared<const mof::ClassDeclaration>(std::move(c)));
    }
    Result<void> instance_declaration(mof::InstanceDeclaration i) override {
        return keep(std::make_shared<const mof::InstanceDeclaration>(std::move(i)));
    }

  private:
    Result<void> keep(Item item) {
        record_.push_back(item);
        return compiler_.execute(item);
    }

    MofCompiler& compiler_;
    mof::FileName file_;
    std::vector<Item>& record_;
};

MofCompiler::MofCompiler(Schema& schema, Options options) : schema_(schema), options_(options) {}
MofCompiler::~MofCompiler() = default;

Result<void> MofCompiler::add_file(const fs::path& file, std::string_view default_namespace) {
    auto text = read_file(file, options_.limits.bytes);
    if (!text) return text.error();
    return add_text(*text, file.string(), default_namespace);
}

Result<void> MofCompiler::add_text(std::string_view text, std::string_view name,
                                   std::string_view default_namespace) {
    current_ = normal_namespace(default_namespace);
    std::vector<Item> record;
    return parse(text, std::make_shared<const std::string>(name), record);
}

Result<void> MofCompiler::parse(std::string_view text, const mof::FileName& name, std::vector<Item>& record) {
    if (text.size() > options_.limits.bytes)
        return Error{Status::server_limits_exceeded, "wsvirt.mof.size",
                     fmt::format("{} is larger than {} bytes.", *name, options_.limits.bytes), *name};
    if (!valid_utf8(text))
        return Error{Status::malformed, "wsvirt.mof.encoding", fmt::format("{} is not UTF-8 text.", *name),
                     *name};
    Recorder recorder(*this, name, record);
    return mof::Parser(text, name, types_, recorder, options_.limits).run();
}

Result<void> MofCompiler::execute(const Item& item) {
    if (const auto* ns = std::get_if<NamespaceDirective>(&item)) {
        current_ = ns->name;
        return {};
    }
    if (const auto* d = std::get_if<IncludeDirective>(&item)) return include(*d);
    if (const auto* q = std::get_if<QualifierType>(&item)) {
        types_.add(*q);
        schema_.get_or_add(current_).add_qualifier_type(*q);
        return {};
    }
    if (const auto* c = std::get_if<std::shared_ptr<const mof::ClassDeclaration>>(&item))
        return add_class(*c);
    pending_[current_].instances.push_back(std::get<std::shared_ptr<const mof::InstanceDeclaration>>(item));
    return {};
}

Result<void> MofCompiler::add_class(const std::shared_ptr<const mof::ClassDeclaration>& c) {
    auto& pending = pending_[current_];
    const bool included = depth_ > 0;
    const auto [at, added] = pending.classes.emplace(c->name, Entry{c, included});
    if (added) {
        pending.order.push_back(c->name);
        return {};
    }
    if (at->second.declaration == c) return {};  // the same file, included twice
    if (!at->second.included && included) return {};
    if (at->second.included == included) {
        const auto& first = *at->second.declaration;
        return mof::error_at(
            *c->file, c->at, Status::already_exists,
            fmt::format("the class {} is already declared in {}:{}", c->name, *first.file, first.at.line),
            c->name);
    }
    at->second = Entry{c, included};
    return {};
}

Result<void> MofCompiler::include(const IncludeDirective& d) {
    const auto refuse = [&](std::string_view why) {
        return mof::error_at(*d.from, d.at, Status::malformed, why, d.file);
    };
    if (!options_.allow_include) return refuse("includes are not allowed here");
    if (depth_ >= options_.limits.include_depth) return refuse("includes are nested too deeply");
    const fs::path path = fs::path(*d.from).parent_path() / d.file;
    const auto name = path.filename().string();
    const auto star = name.find('*');
    if (star == std::string::npos) return include_file(path, d);
    std::vector<fs::path> files;
    std::error_code ec;
    for (fs::directory_iterator it(path.parent_path(), ec), end; !ec && it != end; it.increment(ec)) {
        const auto file = it->path().filename().string();
        if (file.size() + 1 >= name.size() && file.starts_with(name.substr(0, star)) &&
            file.ends_with(name.substr(star + 1)))
            files.push_back(it->path());
    }
    if (ec) return refuse(fmt::format("cannot list {}: {}", path.parent_path().string(), ec.message()));
    std::sort(files.begin(), files.end());
    for (const auto& file : files)
        if (auto r = include_file(file, d); !r) return r;
    return {};
}

Result<void> MofCompiler::include_file(const fs::path& file, const IncludeDirective& d) {
    const auto key = file.lexically_normal().string();
    const std::string outer = current_;
    ++depth_;
    Result<void> r;
    if (const auto known = files_.find(key); known != files_.end()) {
        const auto items = known->second;
        for (const auto& item : *items)
            if (r = execute(item); !r) break;
    } else if (const auto text = read_file(file, options_.limits.bytes); text) {
        auto items = std::make_shared<std::vector<Item>>();
        r = parse(*text, std::make_shared<const std::string>(key), *items);
        if (r) files_[key] = std::move(items);
    } else {
        r = mof::error_at(*d.from, d.at, text.error().status, fmt::format("cannot read {}", key), key);
    }
    --depth_;
    current_ = outer;
    return r;
}

Result<ClassPtr> MofCompiler::build(Namespace& ns, Pending& pending, const std::string& name) {
    const auto at = pending.classes.find(name);
    if (at == pending.classes.end()) return ns.find(name);
    if (auto done = ns.find(name); done && iequals(done->name(), name) &&
                                   built_.contains({at->second.declaration.get(), done->superclass().get()}))
        return done;
    const auto& d = *at->second.declaration;
    const auto too_deep = [&] {
        return mof::error_at(
            *d.file, d.at, Status::server_limits_exceeded,
            fmt::format("the class {} has more than {} superclasses", name, options_.limits.class_depth),
            name);
    };
    ClassPtr super;
    if (!d.superclass.empty()) {
        if (pending.building.size() > options_.limits.class_depth) return too_deep();
        if (!pending.building.insert(to_lower(name)).second)
            return mof::error_at(*d.file, d.at, Status::invalid_superclass,
                                 fmt::format("the class {} is its own ancestor", name), name);
        auto found = build(ns, pending, d.superclass);
        pending.building.erase(to_lower(name));
        if (!found) return found.error();
        super = std::move(*found);
        if (!super)
            return mof::error_at(
                *d.file, d.at, Status::invalid_superclass,
                fmt::format("the superclass {} of {} is not declared in {}", d.superclass, name, ns.name()),
                d.superclass);
        if (ancestors(super) > options_.limits.class_depth) return too_deep();
    }
    auto& shared = built_[{&d, super.get()}];
    if (!shared) {
        auto made = ClassBuilder::build(d, super, arrays_);
        if (!made) return made.error();
        shared = std::move(*made);
    }
    if (auto r = ns.add(shared); !r)
        return mof::error_at(*d.file, d.at, r.error().status, r.error().text, name);
    return shared;
}

Result<void> MofCompiler::finish() {
    for (auto& [name, pending] : pending_) {
        auto& ns = schema_.get_or_add(name);
        for (const auto& class_name : pending.order)
            if (auto r = build(ns, pending, class_name); !r) return r.error();
        if (auto r = check_embedded(ns, pending); !r) return r;
    }
    for (auto& [name, pending] : pending_)
        if (auto r = build_instances(schema_.get_or_add(name), pending); !r) return r;
    pending_.clear();
    return {};
}

namespace {

// What a class demands of its instances.
Result<void> check_instance(const mof::InstanceDeclaration& d, const Instance& i) {
    const auto& properties = i.cls().properties();
    for (std::size_t slot = 0; slot < properties.size(); ++slot) {
        const auto& p = *properties[slot];
        if ((p.key || p.required) && i.at(slot).is_null())
            return mof::error_at(*d.file, d.at, Status::missing_value,
                                 fmt::format("the property {} of {} needs a value", p.name, i.cls().name()),
                                 p.name);
    }
    return {};
}

}  // namespace

Result<void> MofCompiler::build_instances(Namespace& ns, const Pending& pending) {
    auto limits = options_.limits;
    limits.instances = std::numeric_limits<std::size_t>::max();  // files are the administrator's
    mof::InstanceBuilder builder(ns, limits);
    builder.with_defaults();
    for (const auto& i : pending.instances) builder.declare_alias(i);
    std::set<std::string> paths;
    for (const auto& i : pending.instances) {
        auto made = builder.build(*i);
        if (!made) return made.error();
        if (auto r = check_instance(*i, *made); !r) return r;
        const auto path = made->path(ns.name()).relative_text();
        if (!paths.insert(path).second)
            return mof::error_at(*i->file, i->at, Status::already_exists,
                                 fmt::format("there is an instance {} already", path), i->class_name);
        ns.add_instance(std::move(*made));
    }
    return {};
}

// A type that is neither a CIM type nor a class is a slip of the pen.
Result<void> MofCompiler::check_embedded(const Namespace& ns, const Pending& pending) const {
    const auto check = [&](const Feature& f, const mof::ClassDeclaration& c,
                           mof::Position at) -> Result<void> {
        if (f.type != Type::instance || f.embedded_class.empty() || ns.find(f.embedded_class)) return {};
        return mof::error_at(
            *c.file, at, Status::invalid_class,
            fmt::format("{} is neither a type nor a class of {}", f.embedded_class, ns.name()), f.name);
    };
    for (const auto& [name, entry] : pending.classes) {
        for (const auto& p : entry.declaration->properties)
            if (auto r = check(p.property, *entry.declaration, p.at); !r) return r;
        for (const auto& m : entry.declaration->methods)
            for (const auto& p : m.method.parameters)
                if (auto r = check(p, *entry.declaration, m.at); !r) return r;
    }
    return {};
}

}  // namespace wsvirt::cim

// Class declarations in CIM-XML form (DSP0227 clause 15): Get of one class, Enumerate of many.
#include "base/text.hpp"
#include "cim/codec/cimxml.hpp"
#include "wsman/ops/header_checks.hpp"
#include "wsman/ops/instance_items.hpp"
#include "wsman/ops/operations.hpp"
#include "wsman/soap/names.hpp"
#include "wsman/soap/xml.hpp"

namespace wsvirt::wsman {
namespace {

struct ClassOptions {
    bool origin = false, qualifiers = true, inherited = true, path = false, names = false;
    explicit ClassOptions(const soap::RequestHeaders& h)
        : origin(option(h, "IncludeClassOrigin", false)),
          qualifiers(option(h, "IncludeQualifiers", true)),
          inherited(option(h, "IncludeInheritedElements", true)),
          path(option(h, "IncludePath", false)),
          names(option(h, "ExcludeClassSpecification", false)) {}
};

void write_class(pugi::xml_node parent, const cim::Class& c, const cim::Namespace& ns,
                 const ClassOptions& o) {
    cim::cimxml::write_class(parent, c, ns, !o.inherited, o.qualifiers, o.origin);
}

class ClassItems : public ItemSource {
  public:
    ClassItems(const cim::Namespace& ns, std::vector<cim::ClassPtr> classes, ClassOptions options,
               std::string host)
        : ns_(ns), classes_(std::move(classes)), options_(options), host_(std::move(host)) {}
    std::optional<std::uint64_t> estimate() const override { return classes_.size(); }
    Result<bool> append_next(std::string& out) override {
        if (at_ >= classes_.size()) return false;
        const auto& c = *classes_[at_++];
        pugi::xml_document doc;
        if (!options_.path) {
            if (options_.names)
                cim::cimxml::write_class_name(doc, c);
            else
                write_class(doc, c, ns_, options_);
        } else if (options_.names) {
            cim::cimxml::write_class_path(doc, c, ns_, host_);
        } else {
            auto both = doc.append_child("VALUE.OBJECTWITHPATH");
            cim::cimxml::write_class_path(both, c, ns_, host_);
            write_class(both, c, ns_, options_);
        }
        out += soap::xml::raw(doc.document_element());
        return true;
    }

  private:
    const cim::Namespace& ns_;
    std::vector<cim::ClassPtr> classes_;
    ClassOptions options_;
    std::string host_;
    std::size_t at_ = 0;
};

// The class that the selector ClassName names, with what Windows' clients ask for besides: the classes that
// it inherits from, nearest first, and those that inherit from it.
std::vector<cim::ClassPtr> named_class(const Call& call, const Target& target) {
    std::vector<cim::ClassPtr> classes{target.cls};
    if (option(call.headers(), "IncludeSubClasses", false)) classes = target.ns->with_subclasses(*target.cls);
    if (option(call.headers(), "IncludeInheritanceHierarchy", false))
        for (auto c = target.cls->superclass(); c; c = c->superclass()) classes.push_back(c);
    return classes;
}

}  // namespace

Outcome get_class(const Call& call, const Target& target) {
    Answer a;
    a.action = std::string(soap::uri::get) + "Response";
    pugi::xml_document doc;
    write_class(doc, *target.cls, *target.ns, ClassOptions(call.headers()));
    a.body += soap::xml::raw(doc.document_element());
    return a;
}

std::unique_ptr<ItemSource> class_items(const Call& call, const Target& target, ItemMode mode) {
    std::vector<cim::ClassPtr> classes;
    const bool deep = option(call.headers(), "IncludeSubClasses", target.kind == TargetKind::metadata_all);
    if (target.kind == TargetKind::metadata_all && target.cls) {
        classes = named_class(call, target);
    } else if (target.kind == TargetKind::metadata_all) {
        classes = deep ? target.ns->classes() : target.ns->direct_subclasses("");
    } else if (deep) {
        classes = target.ns->with_subclasses(*target.cls);
        std::erase_if(classes, [&](const cim::ClassPtr& c) { return c == target.cls; });
    } else {
        classes = target.ns->direct_subclasses(target.cls->name());
    }
    ClassOptions options(call.headers());
    options.names = options.names || mode == ItemMode::epr;
    return std::make_unique<ClassItems>(*target.ns, std::move(classes), options, call.settings.machine);
}

}  // namespace wsvirt::wsman

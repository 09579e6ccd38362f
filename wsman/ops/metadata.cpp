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
    bool origin = false, qualifiers = true, inherited = true;
    explicit ClassOptions(const soap::RequestHeaders& h)
        : origin(option(h, "IncludeClassOrigin", false)),
          qualifiers(option(h, "IncludeQualifiers", true)),
          inherited(option(h, "IncludeInheritedElements", true)) {}
};

void append_class(std::string& out, const cim::Class& c, const cim::Namespace& ns, const ClassOptions& o) {
    pugi::xml_document doc;
    cim::cimxml::write_class(doc, c, ns, !o.inherited, o.qualifiers, o.origin);
    out += soap::xml::raw(doc.document_element());
}

class ClassItems : public ItemSource {
  public:
    ClassItems(const cim::Namespace& ns, std::vector<cim::ClassPtr> classes, ClassOptions options, bool names)
        : ns_(ns), classes_(std::move(classes)), options_(options), names_(names) {}
    std::optional<std::uint64_t> estimate() const override { return classes_.size(); }
    Result<bool> append_next(std::string& out) override {
        if (at_ >= classes_.size()) return false;
        const auto& c = *classes_[at_++];
        if (names_) {
            pugi::xml_document doc;
            cim::cimxml::write_class_name(doc, c);
            out += soap::xml::raw(doc.document_element());
        } else {
            append_class(out, c, ns_, options_);
        }
        return true;
    }

  private:
    const cim::Namespace& ns_;
    std::vector<cim::ClassPtr> classes_;
    ClassOptions options_;
    bool names_;
    std::size_t at_ = 0;
};

}  // namespace

Outcome get_class(const Call& call, const Target& target) {
    Answer a;
    a.action = std::string(soap::uri::get) + "Response";
    append_class(a.body, *target.cls, *target.ns, ClassOptions(call.headers()));
    return a;
}

std::unique_ptr<ItemSource> class_items(const Call& call, const Target& target, ItemMode mode) {
    std::vector<cim::ClassPtr> classes;
    const bool deep = option(call.headers(), "IncludeSubClasses", target.kind == TargetKind::metadata_all);
    if (target.kind == TargetKind::metadata_all) {
        classes = deep ? target.ns->classes() : target.ns->direct_subclasses("");
    } else if (deep) {
        classes = target.ns->with_subclasses(*target.cls);
        std::erase_if(classes, [&](const cim::ClassPtr& c) { return c == target.cls; });
    } else {
        classes = target.ns->direct_subclasses(target.cls->name());
    }
    const bool names = mode == ItemMode::epr || option(call.headers(), "ExcludeClassSpecification", false);
    return std::make_unique<ClassItems>(*target.ns, std::move(classes), ClassOptions(call.headers()), names);
}

}  // namespace wsvirt::wsman

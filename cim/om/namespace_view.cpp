#include "cim/om/namespace_view.hpp"

#include "base/text.hpp"

namespace wsvirt::cim {

namespace {

constexpr std::string_view home = "root/virtualization/v2";

// From one namespace to another, in both ways that values name one.
class Renaming {
  public:
    Renaming(std::string_view from, std::string_view to) : from_(from), to_(to) {}

    ObjectPath path(const ObjectPath& p) const {
        ObjectPath out = p;
        if (iequals(p.name_space(), from_)) out.set_name_space(to_);
        for (const auto& [name, v] : p.keys())
            if (v.as_path()) out.set_key(name, value(v));
        return out;
    }
    Value value(const Value& v) const {
        if (const auto* p = v.as_path()) return Value(path(*p));
        if (const auto* text = v.as_string()) return Value(path_text(*text));
        if (const auto* i = v.as_instance()) return Value(instance(*i));
        const auto* all = v.as_array();
        if (!all) return v;
        Value::Array out;
        out.reserve(all->size());
        for (const auto& x : *all) out.push_back(value(x));
        return Value(std::move(out));
    }
    Instance instance(Instance i) const {
        for (std::size_t slot = 0; slot < i.size(); ++slot) {
            const auto& v = i.at(slot);
            if (i.given(slot) && concerns(v)) i.set_at(slot, value(v));
        }
        return i;
    }
    Arguments arguments(const Arguments& in) const {
        Arguments out;
        for (const auto& [name, v] : in.all()) out.set(name, value(v));
        return out;
    }

  private:
    // \\HOST\root\virtualization\v2:Class...
    std::string path_text(const std::string& text) const {
        if (!text.starts_with("\\\\")) return text;
        const auto begin = text.find('\\', 2), end = text.find(':');
        if (begin == std::string::npos || end == std::string::npos || end < begin) return text;
        const auto ns = replace_all(std::string_view(text).substr(begin + 1, end - begin - 1), "\\", "/");
        if (!iequals(ns, from_)) return text;
        return text.substr(0, begin + 1) + replace_all(to_, "/", "\\") + text.substr(end);
    }
    static bool concerns(const Value& v) {
        if (const auto* text = v.as_string()) return text->starts_with("\\\\");
        return v.as_path() || v.as_instance() || v.is_array();
    }

    std::string from_, to_;
};

class RenamedStream final : public InstanceStream {
  public:
    RenamedStream(StreamPtr inner, Renaming out) : inner_(std::move(inner)), out_(std::move(out)) {}
    Result<std::optional<Instance>> next() override {
        auto i = inner_->next();
        if (!i || !*i) return i;
        return std::optional<Instance>(out_.instance(std::move(**i)));
    }
    void allow(const Allowance& a) override { inner_->allow(a); }
    std::optional<std::uint64_t> estimate() const override { return inner_->estimate(); }

  private:
    StreamPtr inner_;
    Renaming out_;
};

class NamespaceView final : public Provider {
  public:
    explicit NamespaceView(std::unique_ptr<Provider> inner) : inner_(std::move(inner)) {}

    Result<StreamPtr> enumerate(const Request& r, const ClassPtr& cls) override {
        return shown(r, inner_->enumerate(r, cls));
    }
    Result<Instance> get(const Request& r, const ClassPtr& cls, const ObjectPath& path) override {
        auto i = inner_->get(r, cls, in(r).path(path));
        if (!i) return i;
        return out(r).instance(std::move(*i));
    }
    Result<StreamPtr> find(const Request& r, const ClassPtr& cls, std::string_view property,
                           const Value& v) override {
        return shown(r, inner_->find(r, cls, property, in(r).value(v)));
    }
    Result<void> modify(const Request& r, const ObjectPath& path, const Instance& changed) override {
        return inner_->modify(r, in(r).path(path), in(r).instance(changed));
    }
    Result<ObjectPath> create(const Request& r, const Instance& initial) override {
        auto p = inner_->create(r, in(r).instance(initial));
        if (!p) return p;
        return out(r).path(*p);
    }
    Result<void> remove(const Request& r, const ClassPtr& cls, const ObjectPath& path) override {
        return inner_->remove(r, cls, in(r).path(path));
    }
    Result<MethodResult> invoke(const Request& r, const ClassPtr& cls, const ObjectPath& target,
                                const Method& method, const Arguments& given) override {
        auto done = inner_->invoke(r, cls, in(r).path(target), method, in(r).arguments(given));
        if (done) done->out = out(r).arguments(done->out);
        return done;
    }
    Result<StreamPtr> references(const Request& r, const ClassPtr& cls, const ObjectPath& object,
                                 std::string_view role) override {
        return shown(r, inner_->references(r, cls, in(r).path(object), role));
    }
    Role needed_role(const Method& method) const override { return inner_->needed_role(method); }

  private:
    static Renaming in(const Request& r) { return {r.ns.name(), home}; }
    static Renaming out(const Request& r) { return {home, r.ns.name()}; }
    static Result<StreamPtr> shown(const Request& r, Result<StreamPtr> s) {
        if (!s || !*s) return s;
        return StreamPtr(std::make_unique<RenamedStream>(std::move(*s), out(r)));
    }

    std::unique_ptr<Provider> inner_;
};

}  // namespace

std::unique_ptr<Provider> in_namespace(std::unique_ptr<Provider> inner) {
    return std::make_unique<NamespaceView>(std::move(inner));
}

}  // namespace wsvirt::cim

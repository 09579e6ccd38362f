#include "cim/providers/virtual_system/setting_provider.hpp"

#include "base/text.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/templates.hpp"
#include "cim/providers/virtual_system/writer_cache.hpp"

namespace wsvirt::cim::vs {

namespace {

class SettingProvider final : public Provider {
  public:
    explicit SettingProvider(Services& services) : services_(services) {}

    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        auto writer = writers_.get(services_, cls);
        std::vector<StreamPtr> parts;
        parts.push_back(stream_configurations(
            configurations(services_),
            [writer](const Configuration& c, std::vector<Instance>& out) { writer->write_all(c, out); }));
        parts.push_back(templates(writer));
        return concat(std::move(parts));
    }

    Result<Instance> get(const Request& request, const ClassPtr& cls, const ObjectPath& path) override {
        const auto id = path.key_string("InstanceID");
        if (id.empty()) return Provider::get(request, cls, path);
        auto found = look_up(cls, id);
        if (!found)
            return Error(Status::not_found, "wsvirt.setting.missing",
                         "There is no " + cls->name() + " with the InstanceID \"" + id + "\".", id);
        return std::move(*found);
    }

    Result<StreamPtr> find(const Request&, const ClassPtr& cls, std::string_view property,
                           const Value& value) override {
        if (!iequals(property, "InstanceID") || !value.as_string()) return StreamPtr();
        std::vector<Instance> out;
        if (auto i = look_up(cls, *value.as_string())) out.push_back(std::move(*i));
        return stream_of(std::move(out));
    }

  private:
    StreamPtr templates(std::shared_ptr<const ElementWriter> writer) {
        const auto& shown = writer->kinds();
        return lazy_stream(shown.size() * 4, [this, writer](std::size_t n) -> std::optional<Instance> {
            return write_template(services_, *writer, {writer->kinds()[n / 4], template_types[n % 4]});
        });
    }

    std::optional<Instance> look_up(const ClassPtr& cls, std::string_view id) {
        auto writer = writers_.get(services_, cls);
        const auto shows = [&](Kind k) {
            return std::find(writer->kinds().begin(), writer->kinds().end(), k) != writer->kinds().end();
        };
        if (auto t = parse_template_id(id)) {
            if (!shows(t->kind)) return std::nullopt;
            return write_template(services_, *writer, *t);
        }
        const auto parsed = parse_setting_id(id);
        if (!parsed) return std::nullopt;
        const auto c = find_configuration(services_, parsed->guid);
        if (!c) return std::nullopt;
        const auto e = find_element(c->spec(), parsed->device);
        if (!e || !shows(e->kind)) return std::nullopt;
        return writer->write(c->spec(), c->id(), *e);
    }

    Services& services_;
    WriterCache<ElementWriter> writers_;
};

}  // namespace

std::unique_ptr<Provider> make_setting_provider(Services& services) {
    return std::make_unique<SettingProvider>(services);
}

}  // namespace wsvirt::cim::vs

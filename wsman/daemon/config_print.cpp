#include "wsman/auth/user_file.hpp"
#include "wsman/daemon/config.hpp"
#include "wsman/daemon/config_units.hpp"

namespace wsvirt::wsman {

namespace fs = std::filesystem;

namespace {

std::string toml_text(std::string_view text) {
    constexpr std::string_view hex = "0123456789ABCDEF";
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\')
            out.append("\\").push_back(c);
        else if (byte < 0x20 || byte == 0x7f)
            out.append("\\u00").append({hex[byte >> 4], hex[byte & 15]});
        else
            out += c;
    }
    return out + "\"";
}

class Printer : public ConfigVisitor {
  public:
    std::string text;

    void section(std::string_view name) override {
        section_ = name;
        if (!name.empty()) text.append(text.empty() ? "[" : "\n[").append(name).append("]\n");
    }
    void key(std::string_view name, std::string& value) override { line(name, toml_text(value)); }
    void key(std::string_view name, bool& value) override { line(name, value ? "true" : "false"); }
    void key(std::string_view name, std::uint32_t& value, std::uint64_t, std::uint64_t) override {
        line(name, std::to_string(value));
    }
    void key(std::string_view name, std::uint64_t& value, std::uint64_t, std::uint64_t) override {
        line(name, std::to_string(value));
    }
    void key(std::string_view name, std::chrono::milliseconds& value) override {
        line(name, toml_text(print_duration(value)));
    }
    void size(std::string_view name, std::uint64_t& bytes, std::uint64_t, std::uint64_t) override {
        line(name, toml_text(print_size(bytes)));
    }
    void key(std::string_view name, fs::path& value) override { line(name, toml_text(value.string())); }
    void key(std::string_view name, std::vector<fs::path>& value) override {
        std::string list;
        for (const auto& path : value) list += (list.empty() ? "" : ", ") + toml_text(path.string());
        line(name, "[" + list + "]");
    }
    void key(std::string_view name, std::map<std::string, Role>& value) override {
        std::string list;
        for (const auto& [who, role] : value)
            list += (list.empty() ? " " : ", ") + toml_text(who) + " = " + toml_text(role_name(role));
        line(name, "{" + list + (list.empty() ? "}" : " }"));
    }
    void list(std::string_view name, const std::function<std::size_t()>& count, const std::function<void()>&,
              const std::function<void(std::size_t)>& each) override {
        const auto outer = section_;
        for (std::size_t i = 0; i < count(); ++i) {
            section_ = outer + (outer.empty() ? "" : ".") + std::string(name);
            text.append("\n[[").append(section_).append("]]\n");
            each(i);
        }
        section_ = outer;
    }
    void refuse(std::string_view) override {}

  private:
    void line(std::string_view name, std::string_view value) {
        text.append(name).append(" = ").append(value).append("\n");
    }
    std::string section_;
};

}  // namespace

std::string print_config(const Config& config) {
    Config copy = config;
    Printer printer;
    visit(copy, printer);
    return printer.text;
}

}  // namespace wsvirt::wsman

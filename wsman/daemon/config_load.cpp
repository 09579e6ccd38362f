#include <toml++/toml.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "base/text.hpp"
#include "wsman/auth/user_file.hpp"
#include "wsman/daemon/config.hpp"
#include "wsman/daemon/config_units.hpp"

namespace wsvirt::wsman {

namespace fs = std::filesystem;

namespace {

std::string position(const std::string& file, const toml::source_region& where) {
    return file + ":" + std::to_string(where.begin.line) + ":" + std::to_string(where.begin.column) + ": ";
}

// Takes the values of one file into the configuration. What no key asked for is unknown.
class Reader : public ConfigVisitor {
  public:
    Reader(const toml::table& root, std::string file, std::vector<std::string>& errors)
        : root_(root), file_(std::move(file)), errors_(errors), table_(&root) {}

    void section(std::string_view name) override {
        section_ = name;
        table_ = name.empty() ? &root_ : find_table(name);
    }
    void key(std::string_view name, std::string& value) override {
        if (const auto* node = find(name)) {
            if (const auto text = node->value_exact<std::string>())
                value = *text;
            else
                wrong("a text in quotes");
        }
    }
    void key(std::string_view name, bool& value) override {
        if (const auto* node = find(name)) {
            if (const auto flag = node->value_exact<bool>())
                value = *flag;
            else
                wrong("true or false");
        }
    }
    void key(std::string_view name, std::uint32_t& value, std::uint64_t least, std::uint64_t most) override {
        std::uint64_t wide = value;
        key(name, wide, least, most);
        value = static_cast<std::uint32_t>(wide);
    }
    void key(std::string_view name, std::uint64_t& value, std::uint64_t least, std::uint64_t most) override {
        if (const auto* node = find(name)) {
            const auto number = node->value_exact<std::int64_t>();
            if (!number) return wrong("a whole number");
            if (in_range(static_cast<std::uint64_t>(*number), *number < 0, least, most))
                value = static_cast<std::uint64_t>(*number);
        }
    }
    void size(std::string_view name, std::uint64_t& bytes, std::uint64_t least, std::uint64_t most) override {
        if (const auto* node = find(name)) {
            const auto number = node->value_exact<std::int64_t>();
            const auto text = node->value_exact<std::string>();
            const auto parsed = text     ? parse_size(*text)
                                : number ? parse_size(std::to_string(*number))
                                         : std::nullopt;
            if (!parsed) return wrong("a size such as 65536 or \"64KiB\"");
            if (in_range(*parsed, false, least, most)) bytes = *parsed;
        }
    }
    void key(std::string_view name, std::chrono::milliseconds& value) override {
        if (const auto* node = find(name)) {
            const auto text = node->value_exact<std::string>();
            const auto seconds = node->is_number() ? node->value<double>() : std::nullopt;
            const auto parsed = text ? parse_duration(*text) : seconds ? duration_of(*seconds) : std::nullopt;
            if (!parsed) return wrong("a time such as 15 (seconds), \"500ms\", \"15s\", \"5min\" or \"1h\"");
            value = *parsed;
        }
    }
    void key(std::string_view name, fs::path& value) override {
        std::string text = value.string();
        key(name, text);
        value = text;
    }
    void key(std::string_view name, std::vector<fs::path>& value) override {
        const auto* node = find(name);
        if (!node) return;
        const auto* array = node->as_array();
        if (!array) return wrong("a list of paths");
        std::vector<fs::path> paths;
        for (const auto& item : *array) {
            const auto text = item.value_exact<std::string>();
            if (!text) return wrong("a list of paths");
            paths.emplace_back(*text);
        }
        value = std::move(paths);
    }
    void key(std::string_view name, std::map<std::string, Role>& value) override {
        const auto* node = find(name);
        if (!node) return;
        const auto* table = node->as_table();
        if (!table) return wrong("a table such as { admins = \"administrator\" }");
        std::map<std::string, Role> roles;
        for (const auto& [k, v] : *table) {
            const auto text = v.value_exact<std::string>();
            const auto role = text ? parse_role(*text) : std::nullopt;
            last_ = v.source();
            if (!role) return wrong("a role: \"administrator\", \"operator\" or \"viewer\"");
            roles.emplace(std::string(k.str()), *role);
        }
        value = std::move(roles);
    }
    void list(std::string_view name, const std::function<std::size_t()>& count,
              const std::function<void()>& add, const std::function<void(std::size_t)>& each) override {
        const auto* node = find(name);
        if (!node) return;
        const auto* array = node->as_array();
        if (!array || !array->is_array_of_tables()) return wrong("given as [[" + full_name(name) + "]]");
        const auto saved_table = table_;
        const auto saved_section = section_;
        for (const auto& item : *array) {
            table_ = item.as_table();
            seen_.insert(table_);
            section_ = full_name_in(saved_section, name);
            last_ = table_->source();
            add();
            each(count() - 1);
            table_ = saved_table;
            section_ = saved_section;
        }
    }
    void refuse(std::string_view why) override {
        if (last_asked_present_)
            errors_.push_back(position(file_, last_) + last_name_ + " " + std::string(why));
    }

    std::string here() const override { return position(file_, last_) + last_name_ + " "; }

    void report_unknown() { report_unknown(root_, ""); }

  private:
    const toml::table* find_table(std::string_view path) {
        const toml::table* at = &root_;
        for (const auto& part : split(path, '.')) {
            const auto* node = at->get(part);
            if (!node) return nullptr;
            if (!node->is_table()) {
                errors_.push_back(position(file_, node->source()) + part + " must be a section: [" +
                                  std::string(path) + "]");
                seen_.insert(node);
                return nullptr;
            }
            seen_.insert(node);
            at = node->as_table();
        }
        return at;
    }
    const toml::node* find(std::string_view name) {
        last_name_ = full_name(name);
        const auto* node = table_ ? table_->get(name) : nullptr;
        last_asked_present_ = node != nullptr || in_list();
        if (!node) return nullptr;
        seen_.insert(node);
        last_ = node->source();
        return node;
    }
    bool in_list() const { return table_ && table_ != &root_ && section_.find('[') != std::string::npos; }
    static std::string full_name_in(const std::string& section, std::string_view name) {
        return section + (section.empty() ? "" : ".") + std::string(name) + "[]";
    }
    std::string full_name(std::string_view name) const {
        return replace_all(section_, "[]", "") + (section_.empty() ? "" : ".") + std::string(name);
    }
    void wrong(std::string_view expected) {
        errors_.push_back(position(file_, last_) + last_name_ + " must be " + std::string(expected));
    }
    bool in_range(std::uint64_t number, bool negative, std::uint64_t least, std::uint64_t most) {
        if (!negative && number >= least && number <= most) return true;
        wrong("between " + std::to_string(least) + " and " + std::to_string(most));
        return false;
    }
    void report_unknown(const toml::table& table, const std::string& prefix) {
        for (const auto& [key, node] : table) {
            const std::string name = prefix + std::string(key.str());
            if (!seen_.contains(&node)) {
                errors_.push_back(position(file_, key.source()) + "unknown key " + name);
            } else if (const auto* inner = node.as_table(); inner && !is_map(name)) {
                report_unknown(*inner, name + ".");
            } else if (const auto* array = node.as_array(); array && array->is_array_of_tables()) {
                for (const auto& item : *array) report_unknown(*item.as_table(), name + ".");
            }
        }
    }
    static bool is_map(std::string_view name) {
        return name == "auth.pam.groups" || name == "auth.pam.users";
    }

    const toml::table& root_;
    const std::string file_;
    std::vector<std::string>& errors_;
    const toml::table* table_;
    std::string section_;
    std::set<const toml::node*> seen_;
    toml::source_region last_{};
    std::string last_name_;
    bool last_asked_present_ = false;
};

void read_text(std::string_view text, const std::string& name, ConfigResult& into) {
    try {
        const toml::table parsed = toml::parse(text, name);
        Reader reader(parsed, name, into.errors);
        visit(into.config, reader);
        reader.report_unknown();
    } catch (const toml::parse_error& e) {
        into.errors.push_back(position(name, e.source()) + std::string(e.description()));
    }
}

void read_file(const fs::path& file, ConfigResult& into) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    if (!in || !(text << in.rdbuf())) {
        if (std::error_code ec; in.is_open() && fs::file_size(file, ec) == 0) return;
        into.errors.push_back(file.string() + ":1:1: the file cannot be read");
        return;
    }
    read_text(text.str(), file.string(), into);
}

bool is_absent(const fs::path& path) {
    std::error_code ec;
    return fs::status(path, ec).type() == fs::file_type::not_found;
}

void compare(ConfigResult& result) {
    auto more = contradictions(result.config);
    result.errors.insert(result.errors.end(), std::make_move_iterator(more.begin()),
                         std::make_move_iterator(more.end()));
}

}  // namespace

ConfigResult parse_config(std::string_view text, const std::string& name) {
    ConfigResult result;
    read_text(text, name, result);
    compare(result);
    return result;
}

ConfigResult load_config(const fs::path& file, bool may_be_absent) {
    ConfigResult result;
    if (!may_be_absent || !is_absent(file)) read_file(file, result);
    std::vector<fs::path> more;
    if (const auto folder = file.parent_path() / "conf.d"; !is_absent(folder)) {
        std::error_code ec;
        for (fs::directory_iterator at(folder, ec), end; !ec && at != end; at.increment(ec))
            if (at->path().extension() == ".toml") more.push_back(at->path());
        if (ec) result.errors.push_back(folder.string() + ":1:1: the folder cannot be read: " + ec.message());
    }
    std::sort(more.begin(), more.end());
    for (const auto& path : more) read_file(path, result);
    compare(result);
    return result;
}

}  // namespace wsvirt::wsman

#include "wsman/client/output.hpp"

#include <algorithm>
#include <cstdio>
#include <ostream>

#include "base/text.hpp"

namespace wsvirt::client {
namespace {

std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

// Length of the valid UTF-8 sequence at the start, 0 when there is none.
std::size_t sequence_length(std::string_view s) {
    for (std::size_t n = 1; n <= 4 && n <= s.size(); ++n)
        if (valid_utf8(s.substr(0, n))) return n;
    return 0;
}

std::string value_json(const Value& v) {
    switch (v.kind) {
        case Value::Kind::text:
            return json_string(v.text);
        case Value::Kind::reference:
            return to_json(v.reference);
        case Value::Kind::object:
            return to_json(*v.object);
        default:
            return "null";
    }
}

std::string value_text(const Value& v) {
    switch (v.kind) {
        case Value::Kind::text:
            return v.text;
        case Value::Kind::reference:
            return path_text(v.reference);
        case Value::Kind::object:
            return to_json(*v.object);
        default:
            return {};
    }
}

class ProgressBar final : public JobWatcher {
  public:
    ProgressBar(std::ostream& out, std::string what) : out_(out), what_(std::move(what)) {}
    void show(const JobStatus& status) override {
        out_ << '\r' << bar_text(what_, status, 30) << "\x1b[K" << std::flush;
    }
    void ended(bool) override { out_ << '\n' << std::flush; }

  private:
    std::ostream& out_;
    std::string what_;
};

class ProgressLines final : public JobWatcher {
  public:
    ProgressLines(std::ostream& out, std::string what) : out_(out), what_(std::move(what)) {}
    void show(const JobStatus& status) override {
        auto text = bar_text(what_, status, 30);
        if (text == last_) return;
        out_ << text << '\n' << std::flush;
        last_ = std::move(text);
    }
    void ended(bool) override {}

  private:
    std::ostream& out_;
    std::string what_, last_;
};

}  // namespace

std::string printable(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F) c = '?';
    return out;
}

std::string json_string(std::string_view text) {
    std::string out = "\"";
    while (!text.empty()) {
        const char c = text.front();
        std::size_t used = 1;
        if (c == '"' || c == '\\') {
            out += {'\\', c};
        } else if (c == '\n') {
            out += "\\n";
        } else if (c == '\t') {
            out += "\\t";
        } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
            char buffer[8];
            std::snprintf(buffer, sizeof buffer, "\\u%04x", static_cast<unsigned>(c));
            out += buffer;
        } else if (used = sequence_length(text); used != 0) {
            out += text.substr(0, used);
        } else {
            out += "\xEF\xBF\xBD";
            used = 1;
        }
        text.remove_prefix(used);
    }
    return out + '"';
}

std::string to_json(const Resource& r) {
    std::string out = "{\"ResourceURI\": " + json_string(r.uri) + ", \"Selectors\": {";
    for (std::size_t i = 0; i < r.selectors.size(); ++i)
        out +=
            (i ? ", " : "") + json_string(r.selectors[i].first) + ": " + json_string(r.selectors[i].second);
    return out + "}}";
}

std::string to_json(const Object& o) {
    std::string out = "{\"Class\": " + json_string(o.class_name);
    for (const auto& f : o.fields) {
        out += ", " + json_string(f.name) + ": ";
        if (f.values.size() == 1) {
            out += value_json(f.values.front());
            continue;
        }
        std::vector<std::string> all;
        for (const auto& v : f.values) all.push_back(value_json(v));
        out += json_array(all);
    }
    return out + "}";
}

std::string json_array(const std::vector<std::string>& elements) {
    std::string out = "[";
    for (std::size_t i = 0; i < elements.size(); ++i) out += (i ? ", " : "") + elements[i];
    return out + "]";
}

void write_list(std::ostream& out, const Object& o, bool nulls) {
    std::size_t width = 0;
    for (const auto& f : o.fields) width = std::max(width, width_of(f.name));
    for (const auto& f : o.fields) {
        const bool null = std::all_of(f.values.begin(), f.values.end(),
                                      [](const Value& v) { return v.kind == Value::Kind::null; });
        if (null && !nulls) continue;
        out << f.name << std::string(width - width_of(f.name), ' ') << " : ";
        for (std::size_t i = 0; i < f.values.size(); ++i)
            out << (i ? ", " : "") << printable(value_text(f.values[i]));
        out << '\n';
    }
}

void Table::write(std::ostream& out) const {
    std::vector<std::size_t> widths;
    for (const auto& row : rows_) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
    }
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            out << printable(row[i]);
            if (i + 1 < row.size()) out << std::string(widths[i] - width_of(row[i]) + 2, ' ');
        }
        out << '\n';
    }
}

std::string bar_text(std::string_view what, const JobStatus& status, unsigned width) {
    const unsigned percent = std::min(status.percent, 100U);
    const unsigned full = percent * width / 100;
    char number[8];
    std::snprintf(number, sizeof number, "%3u", percent);
    return std::string(what) + " [" + std::string(full, '#') + std::string(width - full, '.') + "] " +
           number + " %" + (status.text.empty() ? "" : "  " + printable(status.text));
}

std::unique_ptr<JobWatcher> make_progress_bar(std::ostream& out, std::string what, bool terminal) {
    if (terminal) return std::make_unique<ProgressBar>(out, std::move(what));
    return std::make_unique<ProgressLines>(out, std::move(what));
}

std::string duration_text(std::uint64_t milliseconds) {
    const std::uint64_t seconds = milliseconds / 1000;
    char buffer[48];
    const auto clock = [&](char* at, std::size_t size) {
        std::snprintf(at, size, "%02u:%02u:%02u", static_cast<unsigned>(seconds / 3600 % 24),
                      static_cast<unsigned>(seconds / 60 % 60), static_cast<unsigned>(seconds % 60));
    };
    clock(buffer, sizeof buffer);
    const std::uint64_t days = seconds / 86400;
    return days == 0 ? std::string(buffer) : std::to_string(days) + " d " + buffer;
}

}  // namespace wsvirt::client

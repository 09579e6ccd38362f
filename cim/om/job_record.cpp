#include "cim/om/job_record.hpp"

#include "base/text.hpp"

namespace wsvirt::cim {

namespace {

constexpr char field_end = '\x1f';

// Values may hold anything; the characters that divide the text are written as escapes.
void append_escaped(std::string& out, std::string_view s) {
    for (const char c : s) {
        switch (c) {
            case '\\':
                out += "\\\\";
                break;
            case '\n':
                out += "\\n";
                break;
            case field_end:
                out += "\\u";
                break;
            default:
                out += c;
        }
    }
}

std::string unescaped(std::string_view s) {
    std::string r;
    for (std::size_t i = 0; i < s.size(); ++i) {
        if (s[i] != '\\' || i + 1 == s.size()) {
            r += s[i];
            continue;
        }
        const char c = s[++i];
        r += c == 'n' ? '\n' : c == 'u' ? field_end : c;
    }
    return r;
}

class Writer {
  public:
    template <class... Fields>
    void line(std::string_view name, const Fields&... fields) {
        out_ += name;
        out_ += '\t';
        std::size_t n = 0;
        (field(fields, n++), ...);
        out_ += '\n';
    }
    std::string take() { return std::move(out_); }

  private:
    void field(const std::string& s, std::size_t n) {
        if (n > 0) out_ += field_end;
        append_escaped(out_, s);
    }
    std::string out_;
};

std::string number(std::uint64_t n) {
    return std::to_string(n);
}

std::uint64_t to_number(const std::string& s) {
    return parse_uint(s).value_or(0);
}

DateTime to_time(const std::string& s) {
    auto d = DateTime::from_cim(s);
    return d ? *d : DateTime();
}

Role to_role(std::uint64_t n) {
    return n == 1 ? Role::viewer : n == 2 ? Role::operator_ : Role::administrator;
}

void read_affected(JobRecord& r, const std::vector<std::string>& f) {
    JobRecord::Affected a;
    a.path = f[0];
    for (std::size_t i = 1; i < f.size(); ++i)
        a.effects.push_back(static_cast<std::uint16_t>(to_number(f[i])));
    r.affected.push_back(std::move(a));
}

void read_error(JobRecord& r, const std::vector<std::string>& f) {
    if (f.size() < 5) return;
    r.errors.push_back({static_cast<std::uint32_t>(to_number(f[0])), f[1], f[2], f[3],
                        static_cast<std::uint16_t>(to_number(f[4]))});
}

// One line; false when the name is not known.
void read_line(JobRecord& r, std::string_view name, const std::vector<std::string>& f) {
    const std::string& v = f[0];
    if (name == "id")
        r.instance_id = v;
    else if (name == "class")
        r.class_name = v;
    else if (name == "type")
        r.job_type = static_cast<std::uint16_t>(to_number(v));
    else if (name == "caption")
        r.caption = v;
    else if (name == "owner")
        r.owner = v;
    else if (name == "service")
        r.owning_service = v;
    else if (name == "state")
        r.state = static_cast<JobState>(to_number(v));
    else if (name == "percent")
        r.percent = static_cast<std::uint16_t>(to_number(v));
    else if (name == "status")
        r.status_text = v;
    else if (name == "submitted")
        r.submitted = to_time(v);
    else if (name == "started")
        r.started = to_time(v);
    else if (name == "changed")
        r.last_change = to_time(v);
    else if (name == "ended")
        r.ended = to_time(v);
    else if (name == "cancellable")
        r.cancellable = v == "1";
    else if (name == "unsettled")
        r.unsettled = v == "1";
    else if (name == "role")
        r.role = to_role(to_number(v));
    else if (name == "error")
        read_error(r, f);
    else if (name == "affected")
        read_affected(r, f);
    else if (name == "extra" && f.size() == 2)
        r.extra[f[0]] = f[1];
}

}  // namespace

std::string job_to_text(const JobRecord& r) {
    Writer w;
    w.line("id", r.instance_id);
    w.line("class", r.class_name);
    w.line("type", number(r.job_type));
    w.line("caption", r.caption);
    w.line("owner", r.owner);
    w.line("service", r.owning_service);
    w.line("state", number(static_cast<std::uint16_t>(r.state)));
    w.line("percent", number(r.percent));
    w.line("status", r.status_text);
    w.line("submitted", r.submitted.to_cim());
    w.line("started", r.started.to_cim());
    w.line("changed", r.last_change.to_cim());
    if (r.ended) w.line("ended", r.ended->to_cim());
    w.line("cancellable", std::string(r.cancellable ? "1" : "0"));
    if (r.unsettled) w.line("unsettled", std::string("1"));
    w.line("role", number(static_cast<std::uint8_t>(r.role)));
    for (const auto& e : r.errors)
        w.line("error", number(e.code), e.message_id, e.message, e.source, number(e.cim_status));
    for (const auto& [name, value] : r.extra) w.line("extra", name, value);
    std::string out = w.take();
    for (const auto& a : r.affected) {
        out += "affected\t";
        append_escaped(out, a.path);
        for (const auto e : a.effects) out += field_end + number(e);
        out += '\n';
    }
    return out;
}

std::optional<JobRecord> job_from_text(std::string_view text) {
    JobRecord r;
    for (const auto& line : split(text, '\n')) {
        const auto tab = line.find('\t');
        if (tab == std::string::npos) continue;
        auto fields = split(std::string_view(line).substr(tab + 1), field_end);
        for (auto& f : fields) f = unescaped(f);
        read_line(r, std::string_view(line).substr(0, tab), fields);
    }
    if (r.instance_id.empty()) return std::nullopt;
    return r;
}

JobError job_error_of(const Error& e) {
    JobError j;
    j.code = code_of(e);
    j.message_id = e.message_id;
    j.message = e.full_text();
    if (ObjectPath::parse(e.subject) && e.subject.find('.') != std::string::npos) j.source = e.subject;
    j.cim_status = cim_status_code(e.status);
    return j;
}

std::uint32_t code_of(const Error& e) {
    switch (e.status) {
        case Status::access_denied:
            return 32769;
        case Status::not_supported:
        case Status::method_not_available:
            return 32770;
        case Status::timed_out:
            return 32772;
        case Status::invalid_parameter:
        case Status::invalid_class:
        case Status::not_found:
        case Status::no_such_property:
        case Status::insufficient_keys:
        case Status::ambiguous_keys:
        case Status::unexpected_key:
        case Status::invalid_key_value:
        case Status::malformed:
        case Status::missing_value:
        case Status::read_only:
            return 32773;
        case Status::busy:
            return 32774;
        case Status::invalid_state:
            return 32775;
        case Status::type_mismatch:
            return 32776;
        case Status::unavailable:
        case Status::server_limits_exceeded:
        case Status::server_is_shutting_down:
            return 32777;
        case Status::out_of_memory:
            return 32778;
        default:
            return 32768;
    }
}

void end_as(JobRecord& r, JobState state) {
    const bool well = state == JobState::completed || state == JobState::completed_with_warnings;
    const bool cancelled = state == JobState::terminated || state == JobState::killed;
    r.state = state;
    r.ended = r.last_change = DateTime::now();
    if (well) r.percent = 100;
    r.status_text = state == JobState::completed ? "Job is completed successfully"
                    : well                       ? "Job is completed with warnings"
                    : cancelled                  ? "Job was cancelled"
                                                 : "Job failed";
}

}  // namespace wsvirt::cim

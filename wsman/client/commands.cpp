#include "wsman/client/commands.hpp"

#include <unistd.h>

#include <fstream>
#include <iostream>
#include <iterator>

#include "base/text.hpp"
#include "wsman/client/exit_code.hpp"
#include "wsman/client/output.hpp"

namespace wsvirt::client {
namespace {

Result<void> add_selectors(Resource& r, const std::vector<std::string>& pairs) {
    for (const auto& text : pairs) {
        auto pair = parse_pair(text);
        if (!pair) return pair.error();
        r.selectors.push_back(std::move(*pair));
    }
    return {};
}

void show(Context& c, const Object& o) {
    if (c.options.json)
        c.out << to_json(o) << '\n';
    else
        write_list(c.out, o, c.options.nulls);
}

// Writes items as they come: a JSON array, or lists with a blank line between them.
class ItemWriter {
  public:
    ItemWriter(Context& c, std::uint64_t limit) : c_(c), limit_(limit) {}
    bool object(const Object& o) {
        begin();
        if (!c_.options.json && count_ > 1) c_.out << '\n';
        if (c_.options.json)
            c_.out << to_json(o);
        else
            write_list(c_.out, o, c_.options.nulls);
        return wants_more();
    }
    bool reference(const Resource& r) {
        begin();
        c_.out << (c_.options.json ? to_json(r) : printable(path_text(r)) + "\n");
        return wants_more();
    }
    void end() {
        if (c_.options.json) c_.out << (count_ == 0 ? "[]\n" : "\n]\n");
    }

  private:
    void begin() {
        ++count_;
        if (c_.options.json) c_.out << (count_ == 1 ? "[\n" : ",\n");
    }
    bool wants_more() const { return limit_ == 0 || count_ < limit_; }

    Context& c_;
    std::uint64_t limit_;
    std::uint64_t count_ = 0;
};

Result<void> write_items(Context& c, const Resource& r, std::string_view wql, bool references,
                         std::uint64_t limit) {
    ItemWriter writer(c, limit);
    auto done = references ? c.session.enumerate_references(
                                 r, wql, [&](const Resource& x) { return writer.reference(x); })
                           : c.session.enumerate(r, wql, [&](const Object& o) { return writer.object(o); });
    if (done) writer.end();
    return done;
}

Result<Argument> text_argument(const std::string& given) {
    auto pair = parse_pair(given);
    if (!pair) return pair.error();
    auto& [name, value] = *pair;
    if (value.empty() || value.front() != '@') return Argument::of_text(name, value);
    std::ifstream in(value.substr(1), std::ios::binary);
    if (!in)
        return Error(Status::invalid_parameter, "client.argument.file",
                     "The file " + value.substr(1) + " for parameter " + name + " cannot be read.", name);
    return Argument::of_text(name, std::string(std::istreambuf_iterator<char>(in), {}));
}

Result<Argument> reference_argument(const Naming& naming, const std::string& given) {
    auto pair = parse_pair(given);
    if (!pair) return pair.error();
    auto target = naming.parse(pair->second);
    if (!target) return target.error();
    return Argument::of_reference(pair->first, *target);
}

// NAME=CLASS:PROPERTY=VALUE:PROPERTY=VALUE; a colon in a value is written "\:".
Result<Argument> instance_argument(const Naming& naming, const std::string& given) {
    auto pair = parse_pair(given);
    if (!pair) return pair.error();
    std::vector<std::string> parts(1);
    for (std::size_t i = 0; i < pair->second.size(); ++i) {
        const char ch = pair->second[i];
        if (ch == '\\' && i + 1 < pair->second.size() && pair->second[i + 1] == ':')
            parts.back() += pair->second[++i];
        else if (ch == ':')
            parts.emplace_back();
        else
            parts.back() += ch;
    }
    std::vector<std::pair<std::string, std::string>> properties;
    for (std::size_t i = 1; i < parts.size(); ++i) {
        auto property = parse_pair(parts[i]);
        if (!property) return property.error();
        properties.push_back(std::move(*property));
    }
    return Argument::of_instance(pair->first, naming.of_class(parts.front()), std::move(properties));
}

Result<std::vector<Argument>> arguments_of(const Naming& naming, const InvokeCommand& command) {
    std::vector<Argument> all;
    const auto take = [&all](Result<Argument> a) -> Result<void> {
        if (!a) return a.error();
        all.push_back(std::move(*a));
        return {};
    };
    for (const auto& a : command.arguments)
        if (auto ok = take(text_argument(a)); !ok) return ok.error();
    for (const auto& a : command.references)
        if (auto ok = take(reference_argument(naming, a)); !ok) return ok.error();
    for (const auto& a : command.instances)
        if (auto ok = take(instance_argument(naming, a)); !ok) return ok.error();
    return all;
}

std::unique_ptr<JobWatcher> bar_for(Context& c, const std::string& what) {
    const bool shown = c.options.progress || (c.terminal && !c.options.json);
    return shown ? make_progress_bar(c.err, what, c.terminal) : nullptr;
}

void report(std::ostream& err, const Error& e, bool json) {
    if (json) {
        err << "{\"error\": " << json_string(e.message_id) << ", \"text\": " << json_string(e.text)
            << ", \"detail\": " << json_string(e.detail) << ", \"subject\": " << json_string(e.subject)
            << "}\n";
        return;
    }
    err << "wsvirt: " << printable(e.full_text()) << '\n';
}

}  // namespace

Result<Object> call_with_progress(Context& c, const std::string& what, const Resource& target,
                                  std::string_view method, const std::vector<Argument>& arguments) {
    const auto bar = bar_for(c, what);
    JobWait wait;
    wait.watcher = bar.get();
    wait.limit = c.options.job_limit;
    return call(c.session, target, method, arguments, wait);
}

Result<void> wait_with_progress(Context& c, const std::string& what, const Resource& job,
                                std::chrono::seconds limit) {
    const auto bar = bar_for(c, what);
    JobWait wait;
    wait.watcher = bar.get();
    wait.limit = limit;
    return wait_for_job(c.session, job, wait);
}

Result<void> run(Context& c, const IdentifyCommand& command) {
    auto answer = c.session.identify(command.unauthenticated);
    if (!answer) return answer.error();
    show(c, *answer);
    return {};
}

Result<void> run(Context& c, const GetCommand& command) {
    auto resource = c.options.naming.parse(command.resource);
    if (!resource) return resource.error();
    if (auto ok = add_selectors(*resource, command.selectors); !ok) return ok;
    auto answer = c.session.get(*resource);
    if (!answer) return answer.error();
    show(c, *answer);
    return {};
}

Result<void> run(Context& c, const EnumCommand& command) {
    auto resource = c.options.naming.parse(command.resource);
    if (!resource) return resource.error();
    return write_items(c, *resource, {}, command.references, command.limit);
}

Result<void> run(Context& c, const QueryCommand& command) {
    return write_items(c, c.options.naming.whole_namespace(), command.wql, command.references, command.limit);
}

Result<void> run(Context& c, const InvokeCommand& command) {
    auto target = c.options.naming.parse(command.resource);
    if (!target) return target.error();
    if (auto ok = add_selectors(*target, command.selectors); !ok) return ok;
    auto arguments = arguments_of(c.options.naming, command);
    if (!arguments) return arguments.error();
    auto answer = call_with_progress(c, command.method, *target, command.method, *arguments);
    if (!answer) return answer.error();
    show(c, *answer);
    return {};
}

int run_command_line(int argc, const char* const* argv) {
    auto parsed = parse_command_line(argc, argv);
    if (!parsed.options) {
        (parsed.exit_code == exit_done ? std::cout : std::cerr) << parsed.text;
        return parsed.exit_code;
    }
    Options& options = *parsed.options;
    const auto* identify = std::get_if<IdentifyCommand>(&options.command);
    if (!options.connection.user.empty() && (identify == nullptr || !identify->unauthenticated)) {
        auto password = find_password(options);
        if (!password) {
            report(std::cerr, password.error(), options.json);
            return exit_code_of(password.error());
        }
        options.connection.password = std::move(*password);
    }
    auto transport = make_transport(options.connection);
    Circumstances circumstances;
    circumstances.to = options.connection.url;
    circumstances.timeout = options.connection.timeout;
    Session session(*transport, circumstances, options.naming);
    Context context{session, options, std::cout, std::cerr, isatty(STDERR_FILENO) != 0};
    auto done = std::visit([&](const auto& command) { return run(context, command); }, options.command);
    std::cout.flush();
    if (done) return exit_done;
    report(std::cerr, done.error(), options.json);
    return exit_code_of(done.error());
}

}  // namespace wsvirt::client

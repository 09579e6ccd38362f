#include "backend/libvirt/unfinished_text.hpp"

#include <algorithm>
#include <fstream>
#include <utility>

#include "base/text.hpp"

namespace wsvirt::backend::libvirt {

namespace {

// What becomes of the memory of a snapshot that is applied. Notes of earlier versions do not say.
constexpr std::pair<const char*, AfterRevert::Memory> memory_words[] = {
    {"runs", AfterRevert::Memory::runs},
    {"saved", AfterRevert::Memory::saved},
    {"dropped", AfterRevert::Memory::dropped}};

AfterRevert::Memory memory_of(const std::string& word) {
    for (const auto& [name, memory] : memory_words)
        if (word == name) return memory;
    return AfterRevert::Memory::saved;
}

// One line each: no text of a note has lines of its own.
std::string in_one_line(std::string_view text) {
    std::string r;
    for (const char c : text)
        if (c == '\n' || c == '\\')
            r += c == '\n' ? "\\n" : "\\\\";
        else
            r += c;
    return r;
}

std::string in_its_lines(std::string_view line) {
    std::string r;
    for (std::size_t i = 0; i < line.size(); ++i)
        if (line[i] == '\\' && i + 1 < line.size())
            r += line[++i] == 'n' ? '\n' : line[i];
        else
            r += line[i];
    return r;
}

}  // namespace

// One line each: "host NAME", "machine GUID", "id GUID", "was_running", "frozen", "paused", "links",
// "removed", "apply GUID", "back", "then runs" or "saved" or "dropped", "mark VALUE NAME", "held PATH",
// "host_holds", "settings XML", "file PATH", "delete GUID", "stands_on GUID", "base TARGET FORMAT NAME"
// before the "path PATH" that it is of, "upper PATH" before the "lower PATH" that it stood on, and "failed
// TEXT" of why a start could not finish it.
Unfinished read_unfinished(const std::filesystem::path& file) {
    Unfinished u;
    std::ifstream in(file);
    std::string upper;
    for (std::string line; std::getline(in, line);) {
        const auto space = std::min(line.find(' '), line.size());
        const std::string name = line.substr(0, space);
        const std::string value = space < line.size() ? line.substr(space + 1) : "";
        if (name == "host") u.host = value;
        if (name == "machine") u.machine = value;
        if (name == "id") u.id = value;
        if (name == "was_running") u.was_running = true;
        if (name == "frozen") u.frozen = true;
        if (name == "paused") u.paused = true;
        if (name == "links") u.links = true;
        if (name == "removed") u.removed = true;
        if (name == "apply") u.applied = value;
        if (name == "back") u.back = true;
        if (name == "host_holds") u.host_holds = true;
        if (name == "held") u.held.push_back(in_its_lines(value));
        if (name == "settings") u.settings = in_its_lines(value);
        if (name == "then") u.then.memory = memory_of(value);
        if (name == "mark") {
            const auto end = std::min(value.find(' '), value.size());
            u.then.value = value.substr(0, end);
            u.then.mark = value.substr(std::min(end + 1, value.size()));
        }
        if (name == "file") u.files.push_back(value);
        if (name == "delete") u.deleted.push_back(value);
        if (name == "stands_on") u.stands_on.push_back(value);
        if (name == "base") {
            const auto words = split(value, ' ');
            if (words.size() < 3) continue;
            const std::size_t at = words[0].size() + words[1].size() + 2;
            u.bases.push_back({value.substr(at), {words[0], "", words[1]}});
        }
        if (name == "upper") upper = value;
        if (name == "lower" && !upper.empty()) u.chain[upper] = value;
        if (name == "path" && !u.bases.empty()) u.bases.back().second.path = value;
    }
    return u;
}

std::string text_of(const std::string& host, const Unfinished& what) {
    std::string text = "host " + host + "\nmachine " + what.machine + "\nid " + what.id + "\n";
    if (what.was_running) text += "was_running\n";
    if (what.frozen) text += "frozen\n";
    if (what.paused) text += "paused\n";
    if (what.links) text += "links\n";
    if (what.removed) text += "removed\n";
    if (!what.applied.empty()) text += "apply " + what.applied + "\n";
    if (what.back) text += "back\n";
    if (what.host_holds) text += "host_holds\n";
    for (const auto& path : what.held) text += "held " + in_one_line(path) + "\n";
    if (!what.settings.empty()) text += "settings " + in_one_line(what.settings) + "\n";
    for (const auto& [name, memory] : memory_words)
        if (!what.applied.empty() && memory == what.then.memory) text += "then " + std::string(name) + "\n";
    if (!what.then.mark.empty()) text += "mark " + what.then.value + " " + what.then.mark + "\n";
    for (const auto& f : what.files)
        if (f.find('\n') == std::string::npos) text += "file " + f + "\n";
    for (const auto& id : what.deleted) text += "delete " + id + "\n";
    for (const auto& id : what.stands_on) text += "stands_on " + id + "\n";
    for (const auto& [name, t] : what.bases)
        if ((name + t.path).find('\n') == std::string::npos)
            text += "base " + t.target + " " + t.format + " " + name + "\npath " + t.path + "\n";
    for (const auto& [upper, lower] : what.chain)
        if ((upper + lower).find('\n') == std::string::npos)
            text += "upper " + upper + "\nlower " + lower + "\n";
    return text;
}

}  // namespace wsvirt::backend::libvirt

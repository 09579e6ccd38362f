#include "backend/libvirt/unfinished_notes.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <mutex>
#include <set>
#include <string>

#include "backend/libvirt/foreign_overlays.hpp"
#include "backend/libvirt/kept_memory.hpp"
#include "backend/libvirt/unfinished_text.hpp"
#include "base/files.hpp"

namespace wsvirt::backend::libvirt {

namespace fs = std::filesystem;

namespace {

const auto service_began = fs::file_time_type::clock::now();

std::string folder(const Core& core) {
    const auto& state = core.settings().state_dir;
    return state.empty() ? "" : state + "/unfinished-snapshots";
}

std::vector<fs::path> notes_of(const Core& core, std::string_view machine) {
    auto r = all_notes(core);
    std::erase_if(r, [&](const fs::path& file) {
        const Unfinished u = read_unfinished(file);
        return !is_of(core, u) || !iequals(u.machine, machine);
    });
    return r;
}

// The files that operations of this process hold, which see to them themselves; twice where one notes again.
struct HeldNotes {
    std::mutex mutex;
    std::multiset<std::string> files;
};
HeldNotes& held_notes() {
    static HeldNotes held;
    return held;
}

void hold(const std::string& file) {
    auto& held = held_notes();
    const std::lock_guard lock(held.mutex);
    held.files.insert(file);
}

void let_go(const std::string& file) {
    auto& held = held_notes();
    const std::lock_guard lock(held.mutex);
    held.files.erase(held.files.find(file));
}

// What others say may hold lines that look like the note's own.
std::string in_one_line(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

}  // namespace

Result<void> note_again(const Core& core, const fs::path& file, const Unfinished& what) {
    if (write_file(file, text_of(core.settings().name, what))) return {};
    return Error{
        Status::failed, "wsvirt.snapshot.journal",
        "The folder of the service's state cannot be written to; make room there or correct its owner.",
        file.native()};
}

std::vector<fs::path> all_notes(const Core& core) {
    std::vector<fs::path> r;
    std::error_code ec;
    if (const std::string dir = folder(core); !dir.empty())
        for (const auto& e : fs::directory_iterator(dir, ec))
            if (e.path().extension() != ".new") r.push_back(e.path());
    return r;
}

// What they were to replace is there, or nothing had begun.
void remove_half_written(const Core& core) {
    std::vector<fs::path> old;
    std::error_code ec;
    for (const auto& e : fs::directory_iterator(folder(core), ec))
        if (e.path().extension() == ".new" && e.last_write_time(ec) < service_began && !ec)
            old.push_back(e.path());
    for (const auto& file : old) fs::remove(file, ec);
}

bool is_of(const Core& core, const Unfinished& u) {
    return u.host.empty() || u.host == core.settings().name;
}

std::vector<fs::path> cut_off_applies(const Core& core, std::string_view machine) {
    auto r = notes_of(core, machine);
    std::erase_if(r, [](const fs::path& file) { return read_unfinished(file).applied.empty(); });
    return r;
}

bool is_held(const fs::path& file) {
    auto& held = held_notes();
    const std::lock_guard lock(held.mutex);
    return held.files.contains(file.string());
}

void stays_paused(const Core& core, std::string_view machine) {
    for (const auto& file : notes_of(core, machine)) {
        Unfinished u = read_unfinished(file);
        if (!u.links || !u.was_running) continue;
        u.was_running = false;
        (void)note_again(core, file, u);
    }
}

bool removal_was_cut_off(const Core& core, std::string_view machine) {
    const auto all = notes_of(core, machine);
    return std::any_of(all.begin(), all.end(),
                       [](const fs::path& file) { return read_unfinished(file).removed; });
}

Result<void> remove_memory_of(const Core& core, const Session& session, const Unfinished& u) {
    for (const auto& file : u.files)
        if (!is_overlay(file))
            if (auto ok = remove_memory(core, session.connection, file); !ok) return ok;
    return {};
}

// What fails in the same way time after time is said once.
void note_failure(const fs::path& file, const Error& why) {
    const std::string line = "failed " + in_one_line(why.full_text());
    std::fstream note(file, std::ios::in | std::ios::out);
    for (std::string said; std::getline(note, said);)
        if (said == line) return;
    note.clear();
    note.seekp(0, std::ios::end) << line << '\n';
}

Result<std::shared_ptr<void>> note_unfinished(const Core& core, const Session& session,
                                              const Unfinished& what) {
    const std::string dir = folder(core);
    if (dir.empty()) return std::shared_ptr<void>();
    std::error_code ec;
    fs::create_directories(dir, ec);
    const std::string file = dir + "/" + what.id;
    hold(file);
    if (auto ok = note_again(core, file, what); !ok) {
        let_go(file);
        return ok.error();
    }
    return std::shared_ptr<void>(nullptr,
                                 [file, connection = session.connection, left = core.left_unfinished](void*) {
                                     const bool is_through = virConnectIsAlive(connection) == 1;
                                     if (is_through) unlink(file.c_str());
                                     let_go(file);
                                     if (!is_through && left) left();
                                 });
}

void leave_noted(const Core& core, Unfinished what) {
    const std::string dir = folder(core);
    if (dir.empty()) return;
    // A name that no handle removes. Where there is no room for it, what was noted before has to do, unless
    // it speaks of an apply that is through by now.
    const fs::path file = dir + "/" + what.id, left = dir + "/" + what.id + ".left";
    std::error_code ec;
    if (!note_again(core, left, what) && read_unfinished(file).applied == what.applied)
        fs::rename(file, left, ec);
    if (core.left_unfinished) core.left_unfinished();
}

bool applying_was_cut_off(const Core& core, std::string_view machine) {
    return !cut_off_applies(core, machine).empty();
}

// An old note does not say whose files they are. What stays gets a name that nobody removes who holds the
// note.
void forget_unfinished(const Core& core, const Session& session, std::string_view machine) {
    for (const auto& file : notes_of(core, machine)) {
        std::error_code ec;
        const Unfinished u = read_unfinished(file);
        Unfinished rest;
        rest.machine = u.machine;
        rest.id = make_guid();
        rest.files = u.files;
        std::erase_if(rest.files, is_overlay);
        const bool stays = !u.host.empty() && !remove_memory_of(core, session, u) &&
                           note_again(core, file.parent_path() / rest.id, rest);
        fs::remove(file, ec);
        if (stays && core.left_unfinished) core.left_unfinished();
    }
}

}  // namespace wsvirt::backend::libvirt

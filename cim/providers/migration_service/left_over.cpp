// What is kept of migrations: in their jobs for the case that they are cut off, and of those that have left
// something.
#include <algorithm>
#include <set>
#include <utility>

#include "base/text.hpp"
#include "cim/providers/machine_wait.hpp"
#include "cim/providers/migration_service/hosts.hpp"
#include "cim/providers/migration_service/patience.hpp"
#include "cim/providers/migration_service/plan.hpp"
#include "cim/providers/migration_service/removal.hpp"
#include "cim/providers/migration_service/service_state.hpp"
#include "cim/providers/migration_service/settle.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"

namespace wsvirt::cim::migration_service {

namespace {

constexpr std::string_view kind = "migration_left";
constexpr unsigned most_attempts = 3;
constexpr std::string_view names_of_rest[] = {"", " at_source", " at_destination", " copies"};
constexpr std::string_view planned_mark = " planned ";

// Lines: source, destination, "1" where it ran, "2" where it stood still, "3" where it was off and has
// arrived or else "0", and then what is left to do and the planned system, the copies, after an empty one the
// originals, after one more what was made, and after a last one by what the originals are known.
std::string left_text(const CutOff& c) {
    std::string text = c.source.name + '\n' + c.destination.name + '\n' +
                       (c.was_running  ? "1"
                        : c.was_active ? stood_still
                        : c.arrived    ? was_off_and_arrived
                                       : "0");
    text += c.disks_only ? " disks" : names_of_rest[static_cast<std::size_t>(c.rest)];
    if (!c.planned.empty()) text += std::string(planned_mark) + c.planned;
    for (const auto& file : c.copies) text += '\n' + file;
    text += '\n';
    for (const auto& file : c.originals) text += '\n' + file;
    return text + "\n\n" + made_text(c.made) + '\n' + made_text(c.marks);
}

// What is removed by its name is looked at once more: a name that was kept is no proof of what it names. A
// machine's own files lie where they did.
std::vector<std::string> outside_of(const Services& services, const CutOff& c) {
    std::vector<std::string> outside;
    for (const auto& file : c.copies) {
        const auto noted = c.made.find(file);
        const bool own = noted != c.made.end() && noted->second.starts_with(machines_own);
        if (!own && !place_at(services, c.destination, file, true)) outside.push_back(file);
    }
    return outside;
}

// Up to the first blank it is the machine's GUID; whatever follows keeps rows apart. Older ones have the
// destination alone there.
std::string key_of(const std::string& guid, const std::string& source, const std::string& destination) {
    return guid + ' ' + source + '\n' + destination;
}

std::optional<CutOff> left_from(const Services& services, const Store::Row& row) {
    const auto lines = split(row.text, '\n');
    if (lines.size() < 3) return std::nullopt;
    const auto source = find_host(services, lines[0], "host");
    const auto destination = find_host(services, lines[1], "host");
    if (!source || !destination) return std::nullopt;
    CutOff c;
    c.guid = row.key.substr(0, row.key.find(' '));
    c.source = *source;
    c.destination = *destination;
    c.was_running = lines[2].starts_with('1');
    c.was_active = c.was_running || lines[2].starts_with(stood_still);
    c.arrived = lines[2].starts_with(was_off_and_arrived);
    const auto planned = std::min(lines[2].find(planned_mark), lines[2].size());
    if (planned < lines[2].size()) c.planned = lines[2].substr(planned + planned_mark.size());
    const auto rest = lines[2].substr(0, planned).substr(std::min<std::size_t>(1, planned));
    c.disks_only = rest == " disks";
    const auto* const known = std::find(std::begin(names_of_rest), std::end(names_of_rest), rest);
    if (known != std::end(names_of_rest)) c.rest = static_cast<Rest>(known - std::begin(names_of_rest));
    const auto between = std::find(lines.begin() + 3, lines.end(), std::string());
    c.copies.assign(lines.begin() + 3, between);
    const auto before_made =
        between == lines.end() ? between : std::find(between + 1, lines.end(), std::string());
    if (between != lines.end()) c.originals.assign(between + 1, before_made);
    const auto before_marks =
        before_made == lines.end() ? before_made : std::find(before_made + 1, lines.end(), std::string());
    c.made = made_from({before_made, before_marks});
    c.marks = made_from({before_marks, lines.end()});
    c.outside = outside_of(services, c);
    return c;
}

std::optional<Alone> alone_with(const Services& services, const std::string& source,
                                const std::string& destination) {
    const auto from = find_host(services, source, "host"), to = find_host(services, destination, "host");
    if (from.ok() == to.ok()) return std::nullopt;
    return Alone{{}, from ? destination : source, from ? *from : *to};
}

std::optional<Alone> left_alone(const Services& services, const Store::Row& row) {
    const auto lines = split(row.text, '\n');
    auto a = lines.size() < 3 ? std::nullopt : alone_with(services, lines[0], lines[1]);
    if (a) a->guid = row.key.substr(0, row.key.find(' '));
    return a;
}

bool same_way(const CutOff& a, const CutOff& b) {
    return iequals(a.guid, b.guid) && a.source.name == b.source.name &&
           a.destination.name == b.destination.name;
}

struct Note {
    std::string key;
    CutOff left;
};

// What is kept of migrations of this machine from the one host to the other.
std::vector<Note> notes_of(const Services& services, const CutOff& c) {
    std::vector<Note> notes;
    const auto rows = services.store.list(kind);
    if (!rows) return notes;
    for (const auto& row : *rows)
        if (auto left = left_from(services, row); left && same_way(*left, c))
            notes.push_back({row.key, std::move(*left)});
    return notes;
}

// Those after which it is resumed where it came from.
std::vector<Note> notes_to_resume(const Services& services, const std::string& guid) {
    std::vector<Note> notes;
    const auto rows = services.store.list(kind);
    if (!rows) return notes;
    for (const auto& row : *rows) {
        auto c = left_from(services, row);
        if (!c || c->disks_only || c->rest != Rest::everything || !c->was_running || !iequals(c->guid, guid))
            continue;
        const auto m = c->source.hypervisor->machine(guid);
        if (m && m->state == backend::MachineState::running) notes.push_back({row.key, std::move(*c)});
    }
    return notes;
}

// What either has to do with its originals is still to be seen from both together, and what was copied in
// vain is no longer looked for where the machine has moved.
bool go_together(const CutOff& a, const CutOff& b) {
    const bool only_one_moved = (a.rest == Rest::copies && b.rest == Rest::at_source) ||
                                (a.rest == Rest::at_source && b.rest == Rest::copies);
    return !only_one_moved && a.originals.empty() && b.originals.empty();
}

// Its own before that of another migration.
const Note* note_for(const std::vector<Note>& notes, const CutOff& c) {
    const auto first = [&](auto fits) {
        const auto at = std::find_if(notes.begin(), notes.end(), [&](const Note& n) { return fits(n.left); });
        return at == notes.end() ? nullptr : &*at;
    };
    const auto* own = first([&](const CutOff& left) { return left.copies == c.copies; });
    return own ? own : first([&](const CutOff& left) { return go_together(left, c); });
}

// Snapshots that were put aside are known again, unless the machine is not there.
Result<void> bring_back(const Alone& a) {
    auto& host = *a.host.hypervisor;
    return host.machine(a.guid) ? host.bring_back_snapshots(briefly(), a.guid) : Result<void>();
}

std::string affected_guid(const std::vector<JobRecord::Affected>& affected) {
    for (const auto& a : affected)
        if (const auto path = ObjectPath::parse(a.path))
            if (auto guid = vs::system_guid_of(*path); !guid.empty()) return guid;
    return {};
}

std::optional<JobError> strange_warning(const Settled& s, const CutOff& c) {
    if (s.strange.empty()) return std::nullopt;
    JobError e;
    e.message_id = "wsvirt.migration.strange";
    e.message = strange_sentence(s, c);
    return e;
}

// The key of the row.
Result<std::string> leave(const Services& services, const CutOff& c) {
    CutOff all = c;
    std::string key = key_of(c.guid, c.source.name, c.destination.name);
    const auto notes = notes_of(services, c);
    if (const auto* with = note_for(notes, c)) {
        const CutOff& before = with->left;
        key = with->key;
        if (c.rest == Rest::copies) all = before;  // and what else there was to do
        for (const auto* files : {&before.copies, &c.copies})
            for (const auto& file : *files)
                if (std::find(all.copies.begin(), all.copies.end(), file) == all.copies.end())
                    all.copies.push_back(file);
        all.made.insert(before.made.begin(), before.made.end());
        for (const auto& [file, mark] : c.made) all.made[file] = mark;
    } else if (!notes.empty()) {
        key += '\n' + make_guid();
    }
    const auto kept = services.store.put(kind, key, left_text(all));
    return kept ? Result<std::string>(key) : Result<std::string>(kept.error());
}

// Originals that are left are those of the other host, where the machine has come from so to speak.
Result<void> keep(Services& services, std::string& key, const CutOff& before, const CutOff& left) {
    if (same_way(before, left)) return services.store.put(kind, key, left_text(left));
    const auto kept = leave(services, left);
    if (!kept) return kept.error();
    const auto forgotten = services.store.erase(kind, std::exchange(key, *kept));
    return forgotten ? Result<void>() : Result<void>(forgotten.error());
}

// A later attempt does not see everything again that somebody has to look at, nor say it twice.
class Warnings {
  public:
    explicit Warnings(JobContext& job) : job_(job) {}
    void say(const Settled& s, const CutOff& c) {
        if (auto stay = strange_warning(s, c)) say(std::move(*stay));
        if (!s.needed.empty()) say(needed_warning(s));
        if (!s.doubt.empty()) say(doubt_warning(s));
    }

  private:
    void say(JobError e) {
        if (said_.insert(e.message).second) job_.warn(std::move(e));
    }
    JobContext& job_;
    std::set<std::string> said_;
};

// Waits until nobody else works on the machine. Another that came before may have done it.
Result<void> clear_up(Services& services, JobContext& job, std::string key, const std::string& guid,
                      std::shared_ptr<JobManager::Guard> waits) {
    const auto held = wait_for_machine(services.jobs, job, guid);
    if (!held)
        return Error(Status::busy, "wsvirt.migration.left_busy",
                     "Other operations on the machine go on; what a migration left is cleared up later.");
    waits.reset();  // what happens from here on is for the next one
    Warnings warnings(job);
    for (unsigned attempt = 1;; ++attempt) {
        const auto row = services.store.get(kind, key);
        if (!row) return row.error();
        if (!*row) return {};
        auto c = left_from(services, {key, **row});
        if (!c) {
            const auto alone = left_alone(services, {key, **row});
            if (auto ok = alone ? bring_back(*alone) : Result<void>(); !ok) return ok;
            const auto forgotten = services.store.erase(kind, key);
            return forgotten ? Result<void>() : Result<void>(forgotten.error());
        }
        c->stop = job.stop();
        const auto settled = settle(services, *c);
        if (settled.outcome == Outcome::moved) end_planned(services, *c);
        warnings.say(settled, *c);
        if (!settled.left) {
            auto forgotten = services.store.erase(kind, key);
            return forgotten ? Result<void>() : Result<void>(forgotten.error());
        }
        if (auto kept = keep(services, key, *c, *settled.left); !kept) return kept;
        if (job.stop().stop_requested())
            return Error(Status::cancelled, "wsvirt.migration.left", left_sentence(*settled.left));
        if (settled.outcome == Outcome::unknown)
            return Error(Status::unavailable, "wsvirt.migration.no_contact",
                         "A host does not answer; what was left is cleared up when it does.");
        if (attempt == most_attempts)
            return Error(Status::failed, "wsvirt.migration.left", left_sentence(*settled.left));
    }
}

}  // namespace

std::optional<CutOff> cut_off_of(const Services& services, const std::map<std::string, std::string>& extra,
                                 const std::vector<JobRecord::Affected>& affected) {
    const auto text = [&](const char* name) {
        const auto it = extra.find(name);
        return it == extra.end() ? std::string() : it->second;
    };
    const auto source = find_host(services, text(source_extra), "host");
    const auto destination = find_host(services, text("DestinationHost"), "host");
    if (!source || !destination) return std::nullopt;
    CutOff c;
    c.source = *source;
    c.destination = *destination;
    c.was_running = text(running_extra) == "1";
    c.was_active = c.was_running || text(running_extra) == stood_still;
    c.arrived = text(running_extra) == was_off_and_arrived;
    c.disks_only = text("MigrationType") == std::to_string(static_cast<unsigned>(MigrationType::storage));
    c.copies = split(text(copies_extra), '\n');
    c.originals = split(text(originals_extra), '\n');
    std::erase(c.copies, std::string());
    std::erase(c.originals, std::string());
    c.made = made_from(split(text(made_extra), '\n'));
    c.marks = made_from(split(text(marks_extra), '\n'));
    c.planned = text(planned_extra);
    c.outside = outside_of(services, c);
    c.guid = affected_guid(affected);
    return c.guid.empty() ? std::nullopt : std::optional<CutOff>(std::move(c));
}

std::optional<Alone> alone_of(const Services& services, const std::map<std::string, std::string>& extra,
                              const std::vector<JobRecord::Affected>& affected) {
    const auto text = [&](const char* name) {
        const auto it = extra.find(name);
        return it == extra.end() ? std::string() : it->second;
    };
    auto a = alone_with(services, text(source_extra), text("DestinationHost"));
    if (!a) return std::nullopt;
    a->was_running = text(running_extra) == "1";
    a->guid = affected_guid(affected);
    return a->guid.empty() ? std::nullopt : a;
}

std::string settle_alone(Services& services, const Alone& a) {
    auto& host = *a.host.hypervisor;
    const std::string gone = "The host \"" + a.gone + "\" is not in the configuration any more, and ";
    const std::string here = "\"" + a.host.name + "\"";
    const bool answers = wait_until(a.patience, [&] { return host.connected(); });
    if (!answers || !bring_back(a))
        (void)services.store.put(kind, key_of(a.guid, a.host.name, a.gone),
                                 a.host.name + '\n' + a.gone + "\n0\n\n");
    if (!answers) return gone + here + " does not answer; where the machine is will be seen when it does.";
    const auto m = host.machine(a.guid);
    if (!m) return gone + here + " does not have the machine.";
    std::string where = gone + "the machine is on " + here + ".";
    if (m->state == backend::MachineState::paused && a.was_running)
        where += " It stands still; resume it when it is certain that it does not run on \"" + a.gone + "\".";
    return where;
}

void end_planned(Services& services, const CutOff& c) {
    if (c.planned.empty()) return;
    const auto lock = services.jobs.lock(c.planned);  // what somebody works with stays
    if (lock) (void)vs::PlannedSystems(services).remove(c.planned);
}

JobError left_warning(const CutOff& c, bool kept) {
    JobError e;
    e.message_id = "wsvirt.migration.left";
    e.message = left_sentence(c, kept);
    return e;
}

JobError needed_warning(const Settled& s) {
    JobError e;
    e.message_id = "wsvirt.migration.original_needed";
    for (const auto& sentence : s.needed) e.message += (e.message.empty() ? "" : " ") + sentence;
    return e;
}

JobError doubt_warning(const Settled& s) {
    JobError e;
    e.message_id = "wsvirt.migration.in_doubt";
    e.message = s.doubt;
    return e;
}

std::string strange_sentence(const Settled& s, const CutOff& c) {
    if (s.strange.empty()) return {};
    std::string text = "On \"" + c.destination.name + "\" there is";
    for (const auto& file : s.strange) text += (&file == &s.strange.front() ? " " : ", ") + file;
    return text +
           ", which is not certainly the rest of this migration, and which stays; remove it when nobody "
           "needs it.";
}

std::string left_sentence(const CutOff& c, bool kept) {
    const auto& host = c.rest == Rest::at_source ? c.source : c.destination;
    std::string what = "what was begun on \"" + host.name + "\"";
    if (c.rest == Rest::at_source) what = "what the machine left on \"" + host.name + "\"";
    if (c.rest == Rest::copies && !c.copies.empty()) {
        what = "on \"" + host.name + "\" ";
        for (const auto& file : c.copies) what += (&file == &c.copies.front() ? "" : ", ") + file;
    }
    what = "There is still " + what + ", which cannot be removed now; ";
    if (c.stands_still)
        what = "The machine stands still on \"" + c.source.name + "\", as it could not be resumed; ";
    if (kept)
        return what +
               "this is tried again when the host comes back, when this service starts and with the next "
               "migration.";
    return what + "this service cannot write that down, so it may not be tried again: " +
           (c.stands_still ? "resume it there."
                           : "look where the machine is, and remove it when nobody needs it.");
}

bool keeps_originals(const Services& services, const CutOff& c) {
    const auto notes = notes_of(services, c);
    return std::any_of(notes.begin(), notes.end(), [&](const Note& n) {
        return n.left.rest == Rest::at_source && n.left.originals.empty() && n.left.copies == c.copies;
    });
}

Result<void> leave_for_later(const Services& services, const CutOff& c) {
    const auto kept = leave(services, c);
    return kept ? Result<void>() : Result<void>(kept.error());
}

bool is_left_over(const Services& services, const std::string& guid, const HostEntry& host) {
    const auto rows = services.store.list(kind);
    return rows && std::any_of(rows->begin(), rows->end(), [&](const Store::Row& row) {
               const auto c = left_from(services, row);
               if (!c || !iequals(c->guid, guid)) return false;
               return (c->rest == Rest::at_destination && c->destination.hypervisor == host.hypervisor) ||
                      (c->rest == Rest::at_source && c->source.hypervisor == host.hypervisor);
           });
}

void made_anew(Services& services, const std::string& host, const std::vector<std::string>& files) {
    const auto rows = services.store.list(kind);
    if (!rows) return;
    for (const auto& row : *rows) {
        auto c = left_from(services, row);
        if (!c || c->destination.name != host) continue;
        const auto gone = std::erase_if(c->copies, [&](const std::string& file) {
            return std::find(files.begin(), files.end(), file) != files.end();
        });
        if (gone > 0) c->originals.clear();
        for (const auto& file : files) c->made.erase(file);
        if (c->rest == Rest::copies && c->copies.empty())
            (void)services.store.erase(kind, row.key);
        else if (gone > 0)
            (void)services.store.put(kind, row.key, left_text(*c));
    }
}

void arrived(Services& services, const std::string& guid, const HostEntry& host) {
    const auto rows = services.store.list(kind);
    if (!rows) return;
    for (const auto& row : *rows) {
        auto c = left_from(services, row);
        if (!c || c->disks_only || c->rest == Rest::copies || !iequals(c->guid, guid)) continue;
        const auto& place = c->rest == Rest::at_source ? c->source : c->destination;
        if (place.hypervisor != host.hypervisor) continue;
        c->rest = Rest::copies;
        c->originals.clear();
        if (place.hypervisor == c->source.hypervisor || c->copies.empty())
            (void)services.store.erase(kind, row.key);
        else
            (void)services.store.put(kind, row.key, left_text(*c));
    }
}

void gone_from(Services& services, const std::string& guid, const HostEntry& host) {
    const auto rows = services.store.list(kind);
    if (!rows) return;
    for (const auto& row : *rows) {
        auto c = left_from(services, row);
        if (!c || c->disks_only || c->rest != Rest::everything || !iequals(c->guid, guid) ||
            c->destination.hypervisor != host.hypervisor)
            continue;
        c->rest = Rest::at_source;
        (void)services.store.put(kind, row.key, left_text(*c));
    }
}

void resumed(Services& services, const std::string& guid) {
    for (auto& note : notes_to_resume(services, guid)) {
        note.left.was_running = false;  // it stood still
        (void)services.store.put(kind, note.key, left_text(note.left));
    }
}

void resumed_by_others(Services& services, const std::string& guid) {
    if (notes_to_resume(services, guid).empty()) return;
    if (const auto held = services.jobs.lock(guid)) resumed(services, guid);
}

void settle_what_was_left(Services& services) {
    const auto rows = services.store.list(kind);
    if (!rows) return;
    for (const auto& row : *rows) {
        const auto c = left_from(services, row);
        const auto alone = c ? std::nullopt : left_alone(services, row);
        if (!c && !alone) {
            (void)services.store.erase(kind, row.key);  // of hosts that are not ours any more
            continue;
        }
        const auto& guid = c ? c->guid : alone->guid;
        const std::vector<HostEntry> hosts =
            c ? std::vector{c->source, c->destination} : std::vector{alone->host};
        if (!std::all_of(hosts.begin(), hosts.end(), [](const auto& h) { return h.hypervisor->connected(); }))
            continue;
        // One that still waits will see what there is now.
        auto waits = services.jobs.lock("left " + row.key);
        if (!waits) continue;
        JobSpec spec;
        spec.caption = "Clearing Up After a Migration";
        spec.owning_service = service_class;
        spec.cancellable = true;
        spec.affected = {{vs::system_path_text(services.host.name, "Msvm_ComputerSystem", guid), {0}}};
        (void)services.jobs.start(std::move(spec), [&services, key = row.key, guid,
                                                    waits = std::move(*waits)](JobContext& job) mutable {
            return clear_up(services, job, key, guid, std::move(waits));
        });
    }
}

}  // namespace wsvirt::cim::migration_service

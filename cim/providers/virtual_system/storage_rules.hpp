// Which files a machine may use as disks: absolute path, below one of the host's storage folders once links
// are resolved, a regular file of a known format that no other machine uses, whose backing files obey the
// same rules and are of one of these formats, whether found or named above: others, such as VMDK, can name
// any file as a part of them. Also for files to be made. Reads the file system and asks qemu-img for formats;
// no state.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "cim/om/services.hpp"
#include "cim/providers/virtual_system/kinds.hpp"

namespace wsvirt::cim::vs {

struct MediumUse {
    Kind kind = Kind::hard_disk;
    std::string_view machine;      // GUID of the machine that will use it: its own use is no conflict
    bool later = false;            // planned: may be missing or in use now
    std::string_view format = {};  // what the machine will take it for; "" = what it looks like
    bool shared = false;           // machines that share it may have it, too
    std::string_view host = {};    // as for check_unused()
};
struct Medium {
    std::string path, format;
};

// Whether a client's path is absolute and a single line, as paths are kept in lists. Errors:
// invalid_parameter; subject = `property`.
Result<void> check_path(const std::string& path, const std::string& property);
bool has_control_characters(std::string_view path);

// Errors: invalid_parameter (no absolute path, missing, wrong kind of file or format), access_denied (outside
// the folders), busy (in use). subject = HostResource; the texts name the path.
Result<Medium> check_medium(Services& services, const std::string& path, const MediumUse& use);

bool known_format(std::string_view format);  // of disks

// Resolves the folder of a file that need not exist and checks that it lies below one of `folders`.
// Errors: invalid_parameter, access_denied; subject = `property`.
Result<std::string> check_place(const std::vector<std::filesystem::path>& folders, const std::string& path,
                                const std::string& property);
// As check_place for a file that must exist. Errors also: not_found.
Result<std::string> check_existing(const std::vector<std::filesystem::path>& folders, const std::string& path,
                                   const std::string& property);
// As check_place for a folder; what is missing of it is taken as it is written.
Result<std::string> check_folder(const std::vector<std::filesystem::path>& folders, const std::string& path,
                                 const std::string& property);
// The machine (its name) that has the file in one of its drives; "" when none. Snapshots count, and machines
// of other hosts when it is shown that the file is the same there: of equal names most are not. shared: not
// those that share it.
std::string user_of(Services& services, const std::string& canonical, std::string_view except_machine,
                    bool shared = false);
// Errors: busy (a machine other than `machine` has it, and one of the two does not share it); the text says
// `path`, as the client wrote it. host: the configured one where a new machine goes; "" = where the machine
// is, or this one.
Result<void> check_unused(Services& services, const std::string& canonical, const std::string& path,
                          std::string_view machine, bool shared, std::string_view host = {});
Error in_another_drive(const std::string& path, const std::string& property = "HostResource");

}  // namespace wsvirt::cim::vs

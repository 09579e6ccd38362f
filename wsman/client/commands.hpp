// What each command of wsvirt does. Results go to `out`, progress and errors to `err`.
#pragma once

#include <chrono>
#include <iosfwd>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "wsman/client/job.hpp"
#include "wsman/client/options.hpp"
#include "wsman/client/session.hpp"

namespace wsvirt::client {

struct Context {
    Session& session;
    const Options& options;
    std::ostream& out;
    std::ostream& err;
    bool terminal = false;  // whether err is one
};

// Invokes and waits, with a progress bar named `what` where progress is shown.
Result<Object> call_with_progress(Context& c, const std::string& what, const Resource& target,
                                  std::string_view method, const std::vector<Argument>& arguments);

// Waits for a job that was started otherwise.
Result<void> wait_with_progress(Context& c, const std::string& what, const Resource& job,
                                std::chrono::seconds limit);

Result<void> run(Context& c, const IdentifyCommand& command);
Result<void> run(Context& c, const GetCommand& command);
Result<void> run(Context& c, const EnumCommand& command);
Result<void> run(Context& c, const QueryCommand& command);
Result<void> run(Context& c, const InvokeCommand& command);
Result<void> run(Context& c, const VmListCommand& command);
Result<void> run(Context& c, const VmShowCommand& command);
Result<void> run(Context& c, const VmStateCommand& command);
Result<void> run(Context& c, const VmDefineCommand& command);
Result<void> run(Context& c, const VmSnapshotCommand& command);
Result<void> run(Context& c, const VmSnapshotsCommand& command);
Result<void> run(Context& c, const VmApplyCommand& command);
Result<void> run(Context& c, const VmExportCommand& command);
Result<void> run(Context& c, const VmImportCommand& command);
Result<void> run(Context& c, const VmPlannedCommand& command);
Result<void> run(Context& c, const VmValidateCommand& command);
Result<void> run(Context& c, const VmRealizeCommand& command);
Result<void> run(Context& c, const VmMigrateCommand& command);

// Everything: parse, connect, run, report. The exit code.
int run_command_line(int argc, const char* const* argv);

}  // namespace wsvirt::client

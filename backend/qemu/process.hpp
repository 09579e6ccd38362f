// Runs a program to its end without a shell: arguments as given, standard input empty, output collected. Ends
// it when the deadline passes or the caller's stop token asks. Any thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "backend/hypervisor.hpp"

namespace wsvirt::backend::qemu {

struct Finished {
    int exit_code = -1;  // 128 + signal when it was killed
    std::string out, err;
};

// on_output sees standard output as it comes; it is then not collected. Each stream is cut at 1 MiB.
// Errors: not_found (no such program), timed_out, cancelled, failed.
Result<Finished> run_program(const Call& call, const std::vector<std::string>& arguments,
                             const std::function<void(std::string_view)>& on_output = {});

// The arguments of programs of that name (as the last part of a path) that run on this host and begin so.
std::vector<std::string> running_arguments(const std::string& program, std::string_view beginning);

// Ends programs of that name (as the last part of a path) that have the argument and outlived a service that
// was killed: they would hold their files. Waits until they are gone, at most some seconds. gently: they are
// asked first.
void end_orphans(const std::string& program, const std::string& argument, bool gently = false);

}  // namespace wsvirt::backend::qemu

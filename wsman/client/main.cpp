// The wsvirt command.
#include "wsman/client/commands.hpp"

int main(int argc, char** argv) {
    return wsvirt::client::run_command_line(argc, argv);
}

// How one libvirt host is reached and how patient wsvirt is with it. Every limit has a default.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "backend/libvirt/domain_xml.hpp"

namespace wsvirt::backend::libvirt {

struct NamedSwitch {
    std::string name;             // as clients see it
    std::string bridge, network;  // one of the two
};

struct Settings {
    // qemu:///embed (libvirt inside this process, root below state_dir), qemu:///system,
    // qemu+tcp://HOST/system, qemu+tls://, qemu+ssh://, qemu+unix://, test:///default, test:///FILE
    std::string uri = "qemu:///embed";
    std::string state_dir;  // for the embedded root, probes' results; short: a long path gets a short link
    std::string name;       // of the host; "" = its host name
    std::string accelerator = "auto";  // "auto", "kvm", "tcg"
    std::string emulator;              // "" = libvirt's choice
    std::string qemu_img = "qemu-img";
    std::string qemu_nbd = "qemu-nbd";
    FirmwareFiles firmware;           // a pair that is empty is looked for under the usual names,
    bool find_firmware = true;        // unless nothing is to be looked for
    bool start_disconnected = false;  // do not fail when the host is not there yet
    // Other names for the host's switches, and bridges of a remote host, which libvirt does not show.
    std::vector<NamedSwitch> switches;

    std::chrono::milliseconds open_limit{30'000};        // first connection
    std::chrono::milliseconds take_up_limit{20'000};     // of it: until machines that ran on are known
    std::chrono::milliseconds call_limit{120'000};       // any call that has no limit of its own
    std::chrono::milliseconds read_limit{10'000};        // statistics, screenshots
    std::chrono::milliseconds agent_limit{10'000};       // guest agent: freezing and thawing
    std::chrono::milliseconds shut_down_limit{300'000};  // a guest that was asked to shut down
    std::chrono::milliseconds cancel_grace{3'000};       // what a cancelled call may still take
    std::chrono::milliseconds migration_grace{20'000};   // the same for a migration, whose end must be known
    std::chrono::milliseconds verify_interval{30'000};   // remote hosts: everything is listed again
    std::chrono::milliseconds reconnect_first{200}, reconnect_most{10'000};
    int keepalive_interval_s = 5;  // remote hosts: a silent host is given up after interval * (count + 1)
    unsigned keepalive_count = 3;
    unsigned max_workers = 64;                   // calls in flight
    std::uint64_t libvirt_log_limit = 10 << 20;  // bytes of libvirt.log in state_dir
};

}  // namespace wsvirt::backend::libvirt

// What providers may use; made once in wsman/daemon/main.cpp and passed by reference.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace wsvirt::backend {
class Hypervisor;
}

namespace wsvirt::cim {

class JobManager;
class Store;
class ObjectManager;

struct HostSettings {
    std::string name;  // ElementName of the host system, host part of object paths
    std::filesystem::path virtual_hard_disk_path;        // default folder for new disks
    std::filesystem::path data_root;                     // default ConfigurationDataRoot etc.
    std::vector<std::filesystem::path> storage_folders;  // disks and images must lie below one of these
    std::vector<std::filesystem::path>
        export_folders;  // exports are written and imports read only below these
    // Where disks may be used from: an imported system keeps its disks where the export has them.
    std::vector<std::filesystem::path> media_folders() const {
        auto all = storage_folders;
        all.insert(all.end(), export_folders.begin(), export_folders.end());
        return all;
    }
    std::chrono::milliseconds synchronous_window{0};      // how long a method may take before it answers 4096
    std::chrono::milliseconds shutdown_timeout{300'000};  // how long a guest may take to shut down
};

// The virtual machine hosts besides this one, by configured name ([[host]] entries); the local one is first.
struct HostEntry {
    std::string name;
    backend::Hypervisor* hypervisor = nullptr;
    // How other hosts reach it, as configured; "" for this host, or where libvirt decides.
    std::string uri = {}, migration_uri = {}, migration_data_address = {};
    std::vector<std::filesystem::path> storage_folders =
        {};  // its disks lie below one of these; none = anywhere
};

struct Services {
    const class Schema& schema;
    backend::Hypervisor& hypervisor;  // the local host
    JobManager& jobs;
    Store& store;
    HostSettings host;
    std::vector<HostEntry> hosts;
    ObjectManager* object_manager = nullptr;  // set once it exists
    // Namespaces whose classes without a provider keep their instances in the store.
    std::vector<std::string> repository_namespaces = {};
};

}  // namespace wsvirt::cim

// Opens connections to one host: writes the configuration of the embedded driver, finds the real URI, turns
// on keepalive, and shares one connection where a driver keeps its state inside the connection
// (test:///FILE). Thread safe.
#pragma once

#include <libvirt/libvirt.h>

#include <memory>
#include <mutex>
#include <optional>

#include "backend/libvirt/bounded_log.hpp"
#include "backend/libvirt/event_loop.hpp"
#include "backend/libvirt/settings.hpp"
#include "base/result.hpp"

namespace wsvirt::backend::libvirt {

using Connection = std::shared_ptr<virConnect>;

enum class HostKind : std::uint8_t { embedded, local, remote, test };

class Connector {
  public:
    explicit Connector(Settings settings);
    // Once, before the first open: folders and files of the embedded driver, whose log is kept short from
    // then on.
    Result<void> prepare();
    Result<Connection> open();

    HostKind kind() const { return kind_; }
    const std::string& uri() const { return uri_; }
    // Where libvirt keeps the machines' pid files, logs and saved memory, "" when that is on another host.
    std::string run_dir() const;
    std::string log_dir() const;
    std::string save_dir() const;
    // Saved memory on a host that is not this one, too; "" = nobody knows where.
    std::string host_save_dir() const;
    std::string disk_server_dir() const;  // see DomainOptions; the embedded driver's alone
    const Settings& settings() const { return settings_; }

  private:
    Settings settings_;
    std::string uri_;
    HostKind kind_;
    std::shared_ptr<EventLoop> loop_;
    std::mutex mutex_;
    std::weak_ptr<virConnect> shared_;
    std::optional<BoundedLog> log_;
};

}  // namespace wsvirt::backend::libvirt

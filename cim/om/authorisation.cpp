#include "cim/om/authorisation.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "base/text.hpp"

namespace wsvirt::cim {

namespace {

// Methods that only read. Get... and Find... do, too, by their names (see usual_role).
constexpr std::array<std::string_view, 9> reading{"IsKeyPressed",
                                                  "FormatError",
                                                  "ShowMetrics",
                                                  "ShowMetricsByClass",
                                                  "CalculateVideoMemoryRequirements",
                                                  "CheckVirtualSystemIsMigratable",
                                                  "CheckVirtualSystemIsMigratableToHost",
                                                  "CheckVirtualSystemIsMigratableToSystem",
                                                  "CheckSystemCompatibilityInfo"};
// Named like reading, but what they give away is a secret.
constexpr std::array<std::string_view, 2> secret{"GetKeyProtector", "GetSystemCertificates"};

// Methods that change what a machine does at the moment, not what it is.
constexpr std::array<std::string_view, 18> operating{"RequestStateChange",
                                                     "InitiateShutdown",
                                                     "InitiateReboot",
                                                     "InitiateHibernate",
                                                     "CreateSnapshot",
                                                     "ApplySnapshot",
                                                     "CreateVirtualSystemSnapshot",
                                                     "ApplyVirtualSystemSnapshot",
                                                     "ApplyVirtualSystemSnapshotEx",
                                                     "InjectNonMaskableInterrupt",
                                                     "InjectNonMaskableInterruptEx",
                                                     "PressKey",
                                                     "ReleaseKey",
                                                     "TypeKey",
                                                     "TypeText",
                                                     "TypeCtrlAltDel",
                                                     "TypeScancodes",
                                                     "ClickButton"};

std::string_view role_name(Role r) {
    return r == Role::administrator ? "administrator" : r == Role::operator_ ? "operator" : "viewer";
}

template <std::size_t n>
bool contains(const std::array<std::string_view, n>& names, std::string_view name) {
    return std::any_of(names.begin(), names.end(), [&](auto known) { return iequals(known, name); });
}

}  // namespace

Role usual_role(std::string_view method) {
    if (contains(secret, method)) return Role::administrator;
    if (istarts_with(method, "Get") || istarts_with(method, "Find") || contains(reading, method))
        return Role::viewer;
    return contains(operating, method) ? Role::operator_ : Role::administrator;
}

Result<void> authorise(const Identity& who, Role needed, std::string_view what) {
    if (who.may(needed)) return {};
    return Error(Status::access_denied, "wsvirt.access.role",
                 "The user " + who.name() + " has the role " + std::string(role_name(who.role())) + ", but " +
                     std::string(what) + " needs the role " + std::string(role_name(needed)) +
                     ": sign in as another user or ask an administrator.",
                 std::string(what));
}

}  // namespace wsvirt::cim

#include "backend/libvirt/errors.hpp"

#include <libvirt/virterror.h>

#include <boost/test/unit_test.hpp>

using namespace wsvirt;
using backend::libvirt::error_from;

BOOST_AUTO_TEST_SUITE(libvirt_errors)

BOOST_AUTO_TEST_CASE(codes_become_statuses_and_the_message_is_kept) {
    const std::pair<int, Status> table[] = {{VIR_ERR_NO_DOMAIN, Status::not_found},
                                            {VIR_ERR_NO_DOMAIN_SNAPSHOT, Status::not_found},
                                            {VIR_ERR_DOM_EXIST, Status::already_exists},
                                            {VIR_ERR_OPERATION_INVALID, Status::invalid_state},
                                            {VIR_ERR_OPERATION_TIMEOUT, Status::busy},
                                            {VIR_ERR_OPERATION_ABORTED, Status::cancelled},
                                            {VIR_ERR_OPERATION_UNSUPPORTED, Status::not_supported},
                                            {VIR_ERR_CONFIG_UNSUPPORTED, Status::not_supported},
                                            {VIR_ERR_XML_ERROR, Status::invalid_parameter},
                                            {VIR_ERR_ACCESS_DENIED, Status::access_denied},
                                            {VIR_ERR_AUTH_FAILED, Status::access_denied},
                                            {VIR_ERR_NO_CONNECT, Status::unavailable},
                                            {VIR_ERR_RPC, Status::unavailable},
                                            {VIR_ERR_INTERNAL_ERROR, Status::failed}};
    for (const auto& [code, status] : table) {
        const Error e = error_from(code, "libvirt's own words", "start the machine");
        BOOST_TEST((e.status == status), code);
        BOOST_TEST(e.detail == "libvirt's own words");
        BOOST_TEST(e.text.starts_with("Cannot start the machine. "));
        BOOST_TEST(!e.message_id.empty());
    }
}

BOOST_AUTO_TEST_CASE(unspecific_errors_are_told_apart_by_their_message) {
    const auto status = [](const char* message) {
        return error_from(VIR_ERR_INTERNAL_ERROR, message, "x").status;
    };
    BOOST_TEST((status("qemu: cannot set up guest memory 'pc.ram': Cannot allocate memory") ==
                Status::out_of_memory));
    BOOST_TEST((status("Failed to get \"write\" lock. Is another process using the image?") == Status::busy));
    BOOST_TEST((status("unable to write: No space left on device") == Status::no_space));
    BOOST_TEST((status("Could not open '/x': No such file or directory") == Status::not_found));
    BOOST_TEST((status("Cannot recv data: Connection reset by peer") == Status::unavailable));
    BOOST_TEST((status("client socket is closed") == Status::unavailable));
    BOOST_TEST((status("internal error: connection closed due to keepalive timeout") == Status::unavailable));
}

BOOST_AUTO_TEST_CASE(disk_formats_that_cannot_do_everything_are_named) {
    const Error memory = error_from(VIR_ERR_OPERATION_INVALID,
                                    "Requested operation is not valid: cannot migrate domain: The vpc format "
                                    "used by node 'libvirt-1-format' does not support live migration",
                                    "save the machine");
    BOOST_TEST((memory.status == Status::not_supported));
    BOOST_TEST(memory.text.find("memory") != std::string::npos);
    const Error format = error_from(VIR_ERR_CONFIG_UNSUPPORTED,
                                    "unsupported configuration: unknown driver format value 'vhdx'", "x");
    BOOST_TEST((format.status == Status::not_supported));
    BOOST_TEST(format.text.find("convert") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

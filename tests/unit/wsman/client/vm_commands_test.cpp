#include <boost/test/unit_test.hpp>
#include <sstream>

#include "tests/unit/wsman/client/scripted_transport.hpp"
#include "wsman/client/commands.hpp"
#include "wsman/client/machine.hpp"

using namespace wsvirt;
using namespace wsvirt::client;

namespace {
const std::string guid = "8C1D2F60-4A0B-4C55-9E0E-0B6B7B1D9A11";
std::string system(const std::string& name, const std::string& id, const char* state) {
    return "<p:Msvm_ComputerSystem><p:ElementName>" + name + "</p:ElementName><p:Name>" + id +
           "</p:Name><p:EnabledState>" + state +
           "</p:EnabledState><p:OnTimeInMilliseconds>0</p:OnTimeInMilliseconds></p:Msvm_ComputerSystem>";
}
std::string found(const std::string& items) {
    return "<n:EnumerateResponse><n:EnumerationContext/><w:Items>" + items +
           "</w:Items><w:EndOfSequence/>"
           "</n:EnumerateResponse>";
}
struct Fixture {
    ScriptedTransport server;
    Options options;
    Session session{server, Circumstances{"https://h/wsman"}, Naming{}};
    std::ostringstream out, err;
    Context context{session, options, out, err};
    void done(const std::string& more = {}) {
        server.answer("<p:M_OUTPUT>" + more + "<p:ReturnValue>0</p:ReturnValue></p:M_OUTPUT>");
    }
};
}  // namespace

BOOST_FIXTURE_TEST_SUITE(client_vm_commands, Fixture)

BOOST_AUTO_TEST_CASE(list_leaves_the_host_out_and_sorts) {
    server.answer(found(system("HOST", "HOST", "2") + system("b", guid, "2") +
                        system("a", "9C1D2F60-4A0B-4C55-9E0E-0B6B7B1D9A11", "3")));
    BOOST_TEST(run(context, VmListCommand{}).ok());
    const auto text = out.str();
    BOOST_TEST(text.find("HOST") == std::string::npos);
    BOOST_TEST(text.find("off") < text.find("running"));
}

BOOST_AUTO_TEST_CASE(names_are_quoted_in_queries) {
    server.answer(found(""));
    const auto r = find_machine(session, "it's \\ <a>");
    BOOST_TEST((r.error().status == Status::not_found));
    BOOST_TEST(server.sent[0].find("ElementName = 'it\\'s \\\\ &lt;a&gt;'") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_guid_is_looked_up_as_one) {
    server.answer(found(system("b", guid, "2")));
    BOOST_TEST(find_machine(session, guid).value().settings == "Microsoft:" + guid);
    BOOST_TEST(server.sent[0].find("Name = '" + guid) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(two_machines_of_one_name_are_refused_with_their_guids) {
    server.answer(found(system("b", guid, "2") + system("b", "9C1D2F60-4A0B-4C55-9E0E-0B6B7B1D9A11", "3")));
    const auto r = find_machine(session, "b");
    BOOST_REQUIRE(!r);
    BOOST_TEST(r.error().text.find(guid) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(start_requests_state_2_of_the_machine) {
    server.answer(found(system("b", guid, "3")));
    done();
    server.answer(system("b", guid, "2"));
    BOOST_TEST(run(context, VmStateCommand{VmAction::start, {"b"}, false}).ok());
    BOOST_TEST(server.sent[1].find("Msvm_ComputerSystem/RequestStateChange") != std::string::npos);
    BOOST_TEST(server.sent[1].find("<p:RequestedState>2</p:RequestedState>") != std::string::npos);
    BOOST_TEST(server.sent[1].find("Name=\"Name\">" + guid) != std::string::npos);
    BOOST_TEST(out.str() == "b: running\n");
}

BOOST_AUTO_TEST_CASE(stop_waits_until_the_guest_is_off) {
    server.answer(found(system("b", guid, "2")));
    done();
    server.answer(system("b", guid, "2"));
    server.answer(system("b", guid, "3"));
    server.answer(system("b", guid, "3"));
    BOOST_TEST(run(context, VmStateCommand{VmAction::stop, {"b"}, false}).ok());
    BOOST_TEST(server.sent[1].find("<p:RequestedState>4</p:RequestedState>") != std::string::npos);
    BOOST_TEST(out.str() == "b: off\n");
}

BOOST_AUTO_TEST_CASE(a_guest_that_does_not_listen_can_be_turned_off_afterwards) {
    options.connection.timeout = std::chrono::seconds(0);
    server.answer(found(system("b", guid, "2")));
    server.answer("<p:M_OUTPUT><p:Job>" +
                  ScriptedTransport::reference("Msvm_ConcreteJob", "InstanceID", "J1") +
                  "</p:Job><p:ReturnValue>4096</p:ReturnValue></p:M_OUTPUT>");
    for (int i = 0; i < 2; ++i)
        server.answer("<p:Msvm_ConcreteJob><p:JobState>4</p:JobState></p:Msvm_ConcreteJob>");
    done();
    const auto r = run(context, VmStateCommand{VmAction::stop, {"b"}, false});
    BOOST_REQUIRE(!r.ok());
    BOOST_TEST((r.error().status == Status::timed_out));
    BOOST_TEST(r.error().text.find("--off") != std::string::npos);
    BOOST_TEST(server.sent.back().find("Msvm_ConcreteJob/RequestStateChange") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(resume_of_what_is_not_paused_is_not_sent) {
    server.answer(found(system("b", guid, "3")));
    BOOST_TEST(!run(context, VmStateCommand{VmAction::resume, {"b"}, false}).ok());
    BOOST_TEST(server.sent.size() == 1U);
}

BOOST_AUTO_TEST_CASE(forced_removal_turns_off_first) {
    server.answer(found(system("b", guid, "2")));
    done();
    done();
    BOOST_TEST(run(context, VmStateCommand{VmAction::remove, {"b"}, true}).ok());
    BOOST_TEST(server.sent[1].find("<p:RequestedState>3</p:RequestedState>") != std::string::npos);
    BOOST_TEST(server.sent[2].find("DestroySystem") != std::string::npos);
    BOOST_TEST(server.sent[2].find("<p:AffectedSystem>") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(define_with_a_cd_builds_the_chain_of_parents) {
    done("<p:ResultingSystem>" + ScriptedTransport::reference("Msvm_ComputerSystem", "Name", guid) +
         "</p:ResultingSystem>");
    server.answer(system("web", guid, "3"));
    server.answer(found("<p:Msvm_ResourceAllocationSettingData><p:InstanceID>Microsoft:" + guid +
                        "\\83F8\\0</p:InstanceID><p:ResourceType>5</p:ResourceType><p:Address>0</p:Address>"
                        "</p:Msvm_ResourceAllocationSettingData>"));
    done("<p:ResultingResourceSettings>" +
         ScriptedTransport::reference("Msvm_ResourceAllocationSettingData", "InstanceID", "drive\\0\\D") +
         "</p:ResultingResourceSettings>");
    done("<p:ResultingResourceSettings>" +
         ScriptedTransport::reference("Msvm_StorageAllocationSettingData", "InstanceID", "disk") +
         "</p:ResultingResourceSettings>");
    VmDefineCommand command;
    command.name = "web";
    command.isos = {"/srv/a.iso"};
    const auto ok = run(context, command);
    BOOST_REQUIRE_MESSAGE(ok.ok(), (ok ? std::string() : ok.error().full_text()));
    BOOST_TEST(server.sent[0].find("<e:ElementName>web</e:ElementName>") != std::string::npos);
    BOOST_TEST(server.sent[0].find("SubType:1") != std::string::npos);
    BOOST_TEST(server.sent[3].find("InstanceID=\"Microsoft:" + guid + "\\\\83F8\\\\0\"") !=
               std::string::npos);
    BOOST_TEST(server.sent[4].find("InstanceID=\"drive\\\\0\\\\D\"") != std::string::npos);
    BOOST_TEST(server.sent[4].find("<e:HostResource>/srv/a.iso</e:HostResource>") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_fails_on_the_way_removes_the_machine) {
    done("<p:ResultingSystem>" + ScriptedTransport::reference("Msvm_ComputerSystem", "Name", guid) +
         "</p:ResultingSystem>");
    server.answer(system("web", guid, "3"));
    server.answer(
        found("<p:Msvm_ResourceAllocationSettingData><p:InstanceID>c</p:InstanceID>"
              "<p:ResourceType>5</p:ResourceType></p:Msvm_ResourceAllocationSettingData>"));
    server.answer("<p:M_OUTPUT><p:ReturnValue>32773</p:ReturnValue></p:M_OUTPUT>");
    done();
    VmDefineCommand command;
    command.name = "web";
    command.disks = {"/nowhere.qcow2"};
    const auto r = run(context, command);
    BOOST_REQUIRE(!r);
    BOOST_TEST(r.error().subject == "32773");
    BOOST_TEST(server.sent.back().find("DestroySystem") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_refusal_is_told_in_the_words_of_its_job) {
    server.answer(found(system("b", guid, "3")));
    server.answer(
        "<p:M_OUTPUT><p:Job><a:Address>x</a:Address><a:ReferenceParameters><w:ResourceURI>u/Msvm_ConcreteJob"
        "</w:ResourceURI><w:SelectorSet><w:Selector Name=\"InstanceID\">J</w:Selector></w:SelectorSet>"
        "</a:ReferenceParameters></p:Job><p:ReturnValue>32773</p:ReturnValue></p:M_OUTPUT>");
    server.answer(
        "<p:Msvm_ConcreteJob><p:ErrorDescription>It is there already.</p:ErrorDescription>"
        "</p:Msvm_ConcreteJob>");
    VmExportCommand command;
    command.name = "b";
    command.folder = "/x";
    const auto r = run(context, command);
    BOOST_TEST_REQUIRE(!r.ok());
    BOOST_TEST(r.error().text == "It is there already.");
    BOOST_TEST(server.sent[1].find("ExportDirectory>/x<") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_problems_of_a_planned_machine_are_listed) {
    server.answer(found("<p:Msvm_PlannedComputerSystem><p:ElementName>b</p:ElementName><p:Name>" + guid +
                        "</p:Name><p:EnabledState>3</p:EnabledState></p:Msvm_PlannedComputerSystem>"));
    done(
        "<p:Job><a:Address>x</a:Address><a:ReferenceParameters><w:ResourceURI>u/Msvm_ConcreteJob"
        "</w:ResourceURI><w:SelectorSet><w:Selector Name=\"InstanceID\">J</w:Selector></w:SelectorSet>"
        "</a:ReferenceParameters></p:Job>");
    done(
        "<p:Errors>&lt;INSTANCE CLASSNAME=\"Msvm_Error\"&gt;&lt;PROPERTY NAME=\"Message\" TYPE=\"string\"&gt;"
        "&lt;VALUE&gt;No disk.&lt;/VALUE&gt;&lt;/PROPERTY&gt;&lt;/INSTANCE&gt;</p:Errors>");
    const auto r = run(context, VmValidateCommand{"b"});
    BOOST_TEST_REQUIRE(!r.ok());
    BOOST_TEST(out.str() == "b: No disk.\n");
    BOOST_TEST(server.sent[1].find("Msvm_PlannedComputerSystem") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_machine_moves_with_its_disks_into_a_folder) {
    server.answer(found(system("b", guid, "2")));
    const auto device = [](const char* id, const char* kind, const char* path) {
        return std::string("<p:Msvm_StorageAllocationSettingData><p:InstanceID>") + id +
               "</p:InstanceID><p:ResourceSubType>Microsoft:Hyper-V:" + kind +
               "</p:ResourceSubType><p:HostResource>" + path +
               "</p:HostResource></p:Msvm_StorageAllocationSettingData>";
    };
    server.answer(found(device("D1", "Virtual Hard Disk", "/a/one.qcow2") +
                        device("D2", "Virtual CD/DVD Disk", "/a/cd.iso")));
    done();
    VmMigrateCommand command;
    command.name = "b";
    command.host = "hvB";
    command.with_disks = command.tls = true;
    command.folder = "/srv";
    command.bandwidth_mib_s = 7;
    BOOST_TEST(run(context, command).ok());
    BOOST_TEST(out.str() == "b: moved to hvB\n");
    const auto& call = server.sent.at(2);
    for (const char* part : {"MigrateVirtualSystemToHost", ">hvB<", "32771", "/srv/one.qcow2", "2^20"})
        BOOST_TEST(call.find(part) != std::string::npos, part);
    BOOST_TEST(call.find("cd.iso") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_machine_moves_alone) {
    server.answer(found(system("b", guid, "2")));
    done();
    VmMigrateCommand command;
    command.name = "b";
    command.host = "hvB";
    BOOST_TEST(run(context, command).ok());
    const auto& call = server.sent.at(1);
    BOOST_TEST(call.find("32768") != std::string::npos);
    BOOST_TEST(call.find("NewResourceSettingData") == std::string::npos);
    BOOST_TEST(call.find("Bandwidth") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

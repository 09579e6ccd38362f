// What the parts of a request cost: loading the schema, the gate and the typed headers, embedded instances in
// each form, writing instances, queries. Schema load also reports the memory it takes.
#include <benchmark/benchmark.h>

#include <fstream>
#include <string>

#include "cim/codec/cimxml.hpp"
#include "cim/codec/wscim.hpp"
#include "cim/query/wql.hpp"
#include "cim/schema/mof.hpp"
#include "cim/schema/repository.hpp"
#include "wsman/soap/message.hpp"

namespace {

using namespace wsvirt;
using namespace wsvirt::cim;

const std::string schemas = WSVIRT_SOURCE_DIR "/schemas";

double resident_mib() {
    std::ifstream in("/proc/self/statm");
    double total = 0, resident = 0;
    in >> total >> resident;
    return resident * 4096 / 1048576;
}

const Namespace& virtualization() {
    static const Schema schema = [] {
        auto loaded = Schema::load(schemas);
        if (!loaded) throw std::runtime_error(loaded.error().full_text());
        return std::move(*loaded);
    }();
    return *schema.find("root/virtualization/v2");
}

void schema_load(benchmark::State& state) {
    // Only the first load of the process tells what it takes: later ones find memory that was given back.
    static const double memory = [] {
        const double before = resident_mib();
        const auto loaded = Schema::load(schemas);
        return resident_mib() - before;
    }();
    for (auto _ : state) {
        auto loaded = Schema::load(schemas);
        if (!loaded) return state.SkipWithError(loaded.error().text.c_str());
        benchmark::DoNotOptimize(loaded);
    }
    state.counters["MiB"] = memory;
}
BENCHMARK(schema_load)->Unit(benchmark::kMillisecond);

std::string envelope(const std::string& body) {
    const std::string uri =
        "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/"
        "Msvm_VirtualSystemManagementService";
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?><s:Envelope "
           "xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" "
           "xmlns:wsa=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" "
           "xmlns:wsman=\"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd\"><s:Header>"
           "<wsa:Action s:mustUnderstand=\"true\">" +
           uri +
           "/DefineSystem</wsa:Action><wsa:To s:mustUnderstand=\"true\">http://h:5985/wsman</wsa:To>"
           "<wsman:ResourceURI s:mustUnderstand=\"true\">" +
           uri +
           "</wsman:ResourceURI><wsa:MessageID "
           "s:mustUnderstand=\"true\">uuid:0E4F15AF-8B5C-81B8-9D8E-6E14901466D7"
           "</wsa:MessageID><wsa:ReplyTo><wsa:Address s:mustUnderstand=\"true\">"
           "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:Address></wsa:ReplyTo>"
           "<wsman:OperationTimeout>PT60.000S</wsman:OperationTimeout><wsman:SelectorSet>"
           "<wsman:Selector Name=\"CreationClassName\">Msvm_VirtualSystemManagementService</wsman:Selector>"
           "</wsman:SelectorSet></s:Header><s:Body>" +
           body + "</s:Body></s:Envelope>";
}

const std::string cimxml_text =
    "<INSTANCE CLASSNAME=\"Msvm_MemorySettingData\"><PROPERTY NAME=\"ResourceType\" "
    "TYPE=\"uint16\"><VALUE>4</VALUE>"
    "</PROPERTY><PROPERTY NAME=\"VirtualQuantity\" TYPE=\"uint64\"><VALUE>2048</VALUE></PROPERTY>"
    "<PROPERTY NAME=\"ResourceSubType\" "
    "TYPE=\"string\"><VALUE>Microsoft:Hyper-V:Memory</VALUE></PROPERTY></INSTANCE>";
const std::string mof_text =
    "instance of Msvm_MemorySettingData\n{\n\tResourceType = 4;\n\tVirtualQuantity = 2048;\n"
    "\tResourceSubType = \"Microsoft:Hyper-V:Memory\";\n};\n";

void envelope_gate(benchmark::State& state) {
    const auto text = envelope(
        "<p:DefineSystem_INPUT xmlns:p=\"u\"><p:SystemSettings>x</p:SystemSettings></p:DefineSystem_INPUT>");
    for (auto _ : state) benchmark::DoNotOptimize(soap::inspect(text, {}));
    state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
}
BENCHMARK(envelope_gate);

void envelope_receive(benchmark::State& state) {  // gate, typed headers through gSOAP, body
    soap::Receiver receiver{soap::GateLimits{}};
    const auto text = envelope(
        "<p:DefineSystem_INPUT xmlns:p=\"u\"><p:SystemSettings>x</p:SystemSettings></p:DefineSystem_INPUT>");
    for (auto _ : state) {
        auto in = receiver.receive(text, "application/soap+xml;charset=UTF-8");
        if (!in.message) return state.SkipWithError("refused");
        benchmark::DoNotOptimize(in);
    }
}
BENCHMARK(envelope_receive);

void embedded_cimxml(benchmark::State& state) {
    const auto& ns = virtualization();
    for (auto _ : state) {
        auto i = cimxml::instance_from_text(ns, cimxml_text);
        if (!i) return state.SkipWithError(i.error().text.c_str());
        benchmark::DoNotOptimize(i);
    }
}
BENCHMARK(embedded_cimxml);

void embedded_mof(benchmark::State& state) {
    const auto& ns = virtualization();
    for (auto _ : state) {
        auto i = instances_from_mof(ns, mof_text);
        if (!i) return state.SkipWithError(i.error().text.c_str());
        benchmark::DoNotOptimize(i);
    }
}
BENCHMARK(embedded_mof);

Instance full_system() {
    Instance i(virtualization().find("Msvm_ComputerSystem"));
    for (const auto* p : i.cls().properties()) {
        if (p->type == Type::string && !p->array) i.set(p->name, Value("some text of usual length"));
        if (is_unsigned(p->type)) i.set(p->name, p->array ? Value(Value::Array{Value(2U)}) : Value(2U));
        if (p->type == Type::datetime) i.set(p->name, Value(DateTime::now()));
    }
    return i;
}

void write_instance(benchmark::State& state) {
    const Instance i = full_system();
    wscim::Style style;
    style.family = wscim::Family::wmi;
    style.name_space = "root/virtualization/v2";
    std::string out;
    for (auto _ : state) {
        out.clear();
        wscim::write_instance(out, style, i);
        benchmark::DoNotOptimize(out);
    }
    state.counters["properties"] = static_cast<double>(i.cls().properties().size());
    state.SetBytesProcessed(static_cast<std::int64_t>(out.size()) * state.iterations());
}
BENCHMARK(write_instance);

void wql_parse(benchmark::State& state) {
    for (auto _ : state)
        benchmark::DoNotOptimize(Query::parse_wql(
            "SELECT * FROM Msvm_ComputerSystem WHERE Name != 'HOST' AND ElementName LIKE 'a%'"));
}
BENCHMARK(wql_parse);

void wql_match(benchmark::State& state) {
    const Instance i = full_system();
    auto q =
        Query::parse_wql("SELECT * FROM Msvm_ComputerSystem WHERE Name != 'HOST' AND ElementName LIKE 's%'");
    if (!q) return state.SkipWithError(q.error().text.c_str());
    const QueryEnvironment environment{"HOST", "root/virtualization/v2"};
    for (auto _ : state) benchmark::DoNotOptimize(q->matches(i, environment));
}
BENCHMARK(wql_match);

}  // namespace

BENCHMARK_MAIN();

// The whole handler over an object manager with a provider in memory: what a request's text becomes, without
// HTTP in between. The class T_Echo has methods with parameters of every type that give back what they got.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "cim/om/at_once.hpp"
#include "cim/om/object_manager.hpp"
#include "cim/schema/mof.hpp"
#include "tests/support/echo_provider.hpp"
#include "tests/support/test_identity.hpp"
#include "wsman/ops/handler.hpp"

namespace wsvirt::wsman::ops_test {

inline constexpr std::string_view model = R"mof(
Qualifier Key : boolean = false, Scope(property, reference), Flavor(DisableOverride, ToSubclass);
Qualifier Abstract : boolean = false, Scope(class, association, indication), Flavor(EnableOverride, Restricted);
Qualifier Provider : string, Scope(any), Flavor(EnableOverride, Restricted);
Qualifier Write : boolean = false, Scope(property), Flavor(EnableOverride, ToSubclass);
Qualifier Static : boolean = false, Scope(property, method), Flavor(DisableOverride, ToSubclass);
Qualifier In : boolean = true, Scope(parameter), Flavor(DisableOverride, ToSubclass);
Qualifier Out : boolean = false, Scope(parameter), Flavor(DisableOverride, ToSubclass);
Qualifier Required : boolean = false, Scope(any), Flavor(DisableOverride, ToSubclass);
Qualifier EmbeddedInstance : string = null, Scope(any), Flavor(EnableOverride, ToSubclass);
class T_Part { string Label; uint16 Sizes[]; T_Part ref Next; };
[Abstract] class T_Parent { [Key] string Id; uint32 Inherited([In, Out] uint32 N); };
[Provider("T_Echo")] class T_Echo : T_Parent {
    [Write] string Note;
    uint32 Echo([In, Out] boolean Flag, [In, Out] uint8 U8, [In, Out] sint8 S8, [In, Out] uint16 U16,
        [In, Out] sint16 S16, [In, Out] uint32 U32, [In, Out] sint32 S32, [In, Out] uint64 U64, [In, Out] sint64 S64,
        [In, Out] real32 R32, [In, Out] real64 R64, [In, Out] char16 C16, [In, Out] string Text,
        [In, Out] datetime When, [In, Out] T_Echo ref Other, [In, Out, EmbeddedInstance("T_Part")] string Part,
        [In, Out] string Texts[], [In, Out] uint16 Numbers[], [In, Out] T_Echo ref Others[],
        [In, Out, EmbeddedInstance("T_Part")] string Parts[]);
    uint32 Job([In] uint32 Code, [In(false), Out] T_Echo ref Job, [In(false), Out] T_Echo ref Result);
    uint32 Needs([In, Required] string Must);
    uint32 Slow();
    uint32 Blocks();
    uint32 Throws();
    [Static] uint32 Fixed();
    void Nothing();
};
)mof";

// Besides, its instance "memory" needs no asking, nor do calls of its Needs with the argument "no".
class Echo : public wsvirt::testing::Echo, public cim::AtOnce {
  public:
    Result<cim::Instance> get(const cim::Request& r, const cim::ClassPtr& cls,
                              const cim::ObjectPath& path) override {
        if (auto known = get_at_once(r, cls, path)) return std::move(*known);
        return wsvirt::testing::Echo::get(r, cls, path);
    }
    std::optional<cim::Instance> get_at_once(const cim::Request&, const cim::ClassPtr& cls,
                                             const cim::ObjectPath& path) override {
        if (path.key_string("Id") != "memory") return std::nullopt;
        if (defect) throw std::runtime_error("a defect");
        cim::Instance i(cls);
        i.set("Id", "memory");
        return i;
    }
    std::optional<cim::MethodResult> invoke_at_once(const cim::Request&, const cim::ClassPtr&,
                                                    const cim::ObjectPath&, const cim::Method& m,
                                                    const cim::Arguments& in) override {
        if (m.name != "Needs" || in.get("Must").string_or({}) != "no") return std::nullopt;
        return cim::MethodResult(5);
    }

    bool defect = false;
};

class InlinePool : public WorkPool {
  public:
    bool post(std::function<void()> work) override {
        if (full) return false;
        if (hold)
            held = std::move(work);
        else
            work();
        return true;
    }
    bool full = false;
    bool hold = false;
    std::function<void()> held;
};

class Service {
  public:
    explicit Service(OpsSettings settings = {}) {
        auto compiled = cim::compile_mof(schema_, model, "model.mof", "root/t", false);
        if (!compiled) throw std::runtime_error(compiled.error().text);
        std::map<std::string, std::unique_ptr<cim::Provider>, ILess> providers;
        auto provider = std::make_unique<Echo>();
        echo = provider.get();
        providers.emplace("T_Echo", std::move(provider));
        om_ = std::make_unique<cim::ObjectManager>(schema_, std::move(providers));
        settings.default_namespace = "root/t";
        handler_ = make_wsman_handler(*om_, pool, std::move(settings));
    }

    HttpResponse send(std::string body, std::string_view type = "application/soap+xml;charset=UTF-8") {
        auto r = std::make_shared<HttpRequest>();
        r->method = "POST";
        r->target = "/wsman";
        r->body = std::move(body);
        r->headers = {{"Content-Type", std::string(type)}};
        r->identity = TestIdentity::make(role);
        std::promise<HttpResponse> answer;
        handler_->handle(r, [&](HttpResponse x) { answer.set_value(std::move(x)); });
        return answer.get_future().get();
    }
    // A method of the one instance; `uri` defaults to that of the class in the DMTF family.
    HttpResponse invoke(const std::string& method, const std::string& parameters,
                        const std::string& headers = "", const std::string& uri = dmtf,
                        bool selectors = true) {
        const std::string set =
            selectors ? "<w:SelectorSet><w:Selector Name=\"Id\">one</w:Selector></w:SelectorSet>" : "";
        return send(envelope(
            uri + "/" + method, uri,
            "<p:" + method + "_INPUT xmlns:p=\"" + uri + "\">" + parameters + "</p:" + method + "_INPUT>",
            set + headers));
    }
    static std::string envelope(const std::string& action, const std::string& uri, const std::string& body,
                                const std::string& headers) {
        return "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" "
               "xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" "
               "xmlns:w=\"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd\" "
               "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
               "xmlns:cim=\"http://schemas.dmtf.org/wbem/wscim/1/common\"><s:Header><a:Action>" +
               action +
               "</a:Action><a:To>http://h/wsman</a:To><a:MessageID>uuid:1</"
               "a:MessageID><a:ReplyTo><a:Address>" +
               "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address></a:ReplyTo>" +
               "<w:ResourceURI>" + uri + "</w:ResourceURI>" + headers + "</s:Header><s:Body>" + body +
               "</s:Body></s:Envelope>";
    }
    static inline const std::string dmtf = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/T_Echo";
    static inline const std::string wmi = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/t/T_Echo";

    // How often each limit has refused something, by its name.
    std::map<std::string, std::uint64_t> refusals() const {
        std::map<std::string, std::uint64_t> by_limit;
        for (const auto& [key, count] : handler_->usage().refusals) by_limit[key.first] += count;
        return by_limit;
    }

    InlinePool pool;
    Echo* echo = nullptr;
    Role role = Role::administrator;

  private:
    cim::Schema schema_;
    std::unique_ptr<cim::ObjectManager> om_;
    std::unique_ptr<WsmanHandler> handler_;
};

}  // namespace wsvirt::wsman::ops_test

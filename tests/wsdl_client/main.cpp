// A client made by gSOAP from schemas/wsdl, and this file: gets, enumerates and invokes. Usage: wsdl_client
// URL USER PASSWORD. It prints what it saw, a line each, and ends with 1 at the first fault.
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>

#include "Msvm_USCOREComputerSystem.nsmap"
#include "soapH.h"

namespace {

const std::string classes = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/";
const std::string transfer = "http://schemas.xmlsoap.org/ws/2004/09/transfer/";
const std::string enumeration = "http://schemas.xmlsoap.org/ws/2004/09/enumeration/";
const std::string anonymous = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous";

using Keys = std::map<std::string, std::string>;

class Client {
  public:
    Client(std::string url, const char* user, const char* password)
        : url_(std::move(url)),
          user_(user),
          password_(password),
          soap_(soap_new1(SOAP_IO_KEEPALIVE | SOAP_C_UTFSTRING)) {
        soap_->connect_timeout = soap_->recv_timeout = soap_->send_timeout = 60;
        soap_set_namespaces(soap_, namespaces);
    }
    ~Client() {
        soap_destroy(soap_);
        soap_end(soap_);
        soap_free(soap_);
    }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    struct soap* soap() const {
        return soap_;
    }
    const char* url() const { return url_.c_str(); }

    // The headers of the next request.
    void address(const std::string& action, const std::string& class_name, const Keys& keys) {
        soap_->userid = user_;  // gSOAP forgets them after each request
        soap_->passwd = password_;
        auto* h = soap_new_SOAP_ENV__Header(soap_);
        h->a__Action = text(action);
        h->a__To = text(url_);
        h->a__MessageID = text("urn:wsdl-client:" + std::to_string(++messages_));
        h->a__ReplyTo = soap_new_a__EndpointReferenceType(soap_);
        h->a__ReplyTo->Address = anonymous;
        h->w__ResourceURI = text(classes + class_name);
        h->w__SelectorSet = selectors(keys);
        h->w__OperationTimeout = text("PT60S");
        soap_->header = h;
    }
    w__SelectorSetType* selectors(const Keys& keys) {
        auto* set = soap_new_w__SelectorSetType(soap_);
        const auto add = [&](const std::string& name, const std::string& value) {
            auto* s = soap_new_w__SelectorType(soap_);
            s->Name = name;
            s->__item = value;
            set->Selector.push_back(s);
        };
        add("__cimnamespace", "root/virtualization/v2");
        for (const auto& [name, value] : keys) add(name, value);
        return set;
    }
    // Ends the program when the call did not succeed or its answer belongs to another request.
    void check(int result, const char* what) {
        if (result != SOAP_OK) {
            std::cout << what << " failed" << std::endl;
            soap_print_fault(soap_, stderr);
            std::exit(1);
        }
        const auto* h = soap_->header;
        if (!h || !h->a__RelatesTo || *h->a__RelatesTo != "urn:wsdl-client:" + std::to_string(messages_)) {
            std::cout << what << ": the answer relates to another request" << std::endl;
            std::exit(1);
        }
    }
    std::string* text(const std::string& s) {
        auto* t = soap_new_std__string(soap_);
        *t = s;
        return t;
    }

  private:
    std::string url_;
    const char* user_;
    const char* password_;
    struct soap* soap_;
    int messages_ = 0;
};

const Keys service{{"CreationClassName", "Msvm_VirtualSystemManagementService"}, {"Name", "vmms"}};

void get_service(Client& c) {
    vsms__Msvm_USCOREVirtualSystemManagementService_USCOREType found;
    c.address(transfer + "Get", "Msvm_VirtualSystemManagementService", service);
    c.check(soap_call___vsms__Get(c.soap(), c.url(), nullptr, found), "Get");
    std::cout << "service " << found.Name->__item << ", started " << found.Started->__item << std::endl;
}

void print_items(const std::vector<xsd__anyType>& items) {
    for (const auto& item : items)
        for (const auto* p = item.elts; p; p = p->next)
            if (std::string(p->name).ends_with(":ElementName"))
                std::cout << "machine " << p->text << std::endl;
}

void enumerate_machines(Client& c) {
    auto* request = soap_new__n__Enumerate(c.soap());
    request->w__OptimizeEnumeration = soap_new_w__EmptyType(c.soap());
    request->w__MaxElements = c.text("1");
    _n__EnumerateResponse first;
    c.address(enumeration + "Enumerate", "Msvm_ComputerSystem", {});
    c.check(soap_call___cs__Enumerate(c.soap(), c.url(), nullptr, request, first), "Enumerate");
    if (first.w__Items) print_items(first.w__Items->__any);
    std::string context = first.EnumerationContext;
    bool ended = first.w__EndOfSequence != nullptr;
    while (!ended) {
        auto* pull = soap_new__n__Pull(c.soap());
        pull->EnumerationContext = context;
        _n__PullResponse next;
        c.address(enumeration + "Pull", "Msvm_ComputerSystem", {});
        c.check(soap_call___cs__Pull(c.soap(), c.url(), nullptr, pull, next), "Pull");
        if (next.Items) print_items(next.Items->__any);
        ended = next.EndOfSequence != nullptr;
        if (next.EnumerationContext) context = *next.EnumerationContext;
    }
}

// Defines a machine and gives its keys.
Keys define_machine(Client& c, const std::string& name) {
    auto* in = soap_new__vsms__DefineSystem_USCOREINPUT(c.soap());
    in->SystemSettings = soap_new_xsd__anyType(c.soap());
    in->SystemSettings->set("instance of Msvm_VirtualSystemSettingData { ElementName = \"" + name + "\"; };");
    _vsms__DefineSystem_USCOREOUTPUT out;
    c.address(classes + "Msvm_VirtualSystemManagementService/DefineSystem",
              "Msvm_VirtualSystemManagementService", service);
    c.check(soap_call___vsms__DefineSystem(c.soap(), c.url(), nullptr, in, out), "DefineSystem");
    std::cout << "DefineSystem " << out.ReturnValue->__item << std::endl;
    Keys keys;
    for (const auto* s : out.ResultingSystem->ReferenceParameters->w__SelectorSet->Selector)
        if (s->Name != "__cimnamespace") keys[s->Name] = s->__item;
    return keys;
}

void show_machine(Client& c, const Keys& keys) {
    cs__Msvm_USCOREComputerSystem_USCOREType found;
    c.address(transfer + "Get", "Msvm_ComputerSystem", keys);
    c.check(soap_call___cs__Get(c.soap(), c.url(), nullptr, found), "Get of the machine");
    std::cout << "defined " << found.ElementName->__item << ", state " << found.EnabledState->__item
              << std::endl;
}

void destroy_machine(Client& c, const Keys& keys) {
    auto* in = soap_new__vsms__DestroySystem_USCOREINPUT(c.soap());
    in->AffectedSystem = soap_new_a__EndpointReferenceType(c.soap());
    in->AffectedSystem->Address = anonymous;
    in->AffectedSystem->ReferenceParameters = soap_new_a__ReferenceParametersType(c.soap());
    in->AffectedSystem->ReferenceParameters->w__ResourceURI = c.text(classes + "Msvm_ComputerSystem");
    in->AffectedSystem->ReferenceParameters->w__SelectorSet = c.selectors(keys);
    _vsms__DestroySystem_USCOREOUTPUT out;
    c.address(classes + "Msvm_VirtualSystemManagementService/DestroySystem",
              "Msvm_VirtualSystemManagementService", service);
    c.check(soap_call___vsms__DestroySystem(c.soap(), c.url(), nullptr, in, out), "DestroySystem");
    std::cout << "DestroySystem " << out.ReturnValue->__item << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::cerr << "usage: wsdl_client URL USER PASSWORD\n";
        return 2;
    }
    Client c(argv[1], argv[2], argv[3]);
    get_service(c);
    enumerate_machines(c);
    const auto machine = define_machine(c, "made from the WSDL");
    show_machine(c, machine);
    destroy_machine(c, machine);
    std::cout << "done" << std::endl;
}

// A server for the client's unit tests: answers from a script, keeps what was sent.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "wsman/client/transport.hpp"

namespace wsvirt::client {

class ScriptedTransport final : public Transport {
  public:
    Result<std::string> post(const std::string& envelope, Headers headers) override {
        sent.push_back(envelope);
        last_headers = headers;
        if (answers.empty()) return Error(Status::unavailable, "test.end", "no more answers");
        auto next = answers.front();
        answers.pop_front();
        return next;
    }
    // A whole answer around the body's content, with prefixes that differ from the client's own.
    void answer(const std::string& body) {
        answers.emplace_back(
            "<?xml version=\"1.0\"?><e:Envelope xmlns:e=\"http://www.w3.org/2003/05/soap-envelope\""
            " xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\""
            " xmlns:w=\"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd\""
            " xmlns:n=\"http://schemas.xmlsoap.org/ws/2004/09/enumeration\""
            " xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:p=\"urn:x\">"
            "<e:Header/><e:Body>" +
            body + "</e:Body></e:Envelope>");
    }
    static std::string reference(const std::string& class_name, const std::string& key,
                                 const std::string& value) {
        return "<a:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address>"
               "<a:ReferenceParameters><w:ResourceURI>"
               "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/" +
               class_name +
               "</w:ResourceURI><w:SelectorSet><w:Selector "
               "Name=\"__cimnamespace\">root/virtualization/v2</w:Selector>"
               "<w:Selector Name=\"" +
               key + "\">" + value + "</w:Selector></w:SelectorSet></a:ReferenceParameters>";
    }

    std::deque<Result<std::string>> answers;
    std::vector<std::string> sent;
    Headers last_headers = Headers::usual;
};

}  // namespace wsvirt::client

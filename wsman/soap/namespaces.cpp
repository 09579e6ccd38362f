// The prefixes under which the generated code of gSOAP knows its namespaces. The third column is a second URI
// that is read as the same: 2005/08 addressing beside 2004/08. Which one a request used is decided before,
// from the gate's view of it.
#include "soapH.h"

SOAP_NMAC struct Namespace namespaces[] = {
    {"SOAP-ENV", "http://www.w3.org/2003/05/soap-envelope", "http://www.w3.org/2003/05/soap-envelope",
     nullptr},
    {"SOAP-ENC", "http://www.w3.org/2003/05/soap-encoding", "http://www.w3.org/2003/05/soap-encoding",
     nullptr},
    {"xsi", "http://www.w3.org/2001/XMLSchema-instance", "http://www.w3.org/*/XMLSchema-instance", nullptr},
    {"xsd", "http://www.w3.org/2001/XMLSchema", "http://www.w3.org/*/XMLSchema", nullptr},
    {"a", "http://schemas.xmlsoap.org/ws/2004/08/addressing", "http://www.w3.org/2005/08/addressing",
     nullptr},
    {"w", "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd", nullptr, nullptr},
    {"p", "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd", nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr}};

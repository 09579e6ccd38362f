// The URIs of WS-Management and of the specifications below it, letter for letter as they go over the wire
// (DSP0226 Table A-1 and Table 1, DSP0227, MS-WSMV). Constants only.
#pragma once

#include <string_view>

namespace wsvirt::soap::ns {

inline constexpr std::string_view soap12 = "http://www.w3.org/2003/05/soap-envelope";
inline constexpr std::string_view soap11 = "http://schemas.xmlsoap.org/soap/envelope/";
inline constexpr std::string_view wsa04 = "http://schemas.xmlsoap.org/ws/2004/08/addressing";
inline constexpr std::string_view wsa05 = "http://www.w3.org/2005/08/addressing";
inline constexpr std::string_view wsman = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd";
inline constexpr std::string_view wsmv = "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd";
inline constexpr std::string_view wsmanfault = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault";
inline constexpr std::string_view wxf = "http://schemas.xmlsoap.org/ws/2004/09/transfer";
inline constexpr std::string_view wsen = "http://schemas.xmlsoap.org/ws/2004/09/enumeration";
inline constexpr std::string_view wse = "http://schemas.xmlsoap.org/ws/2004/08/eventing";
inline constexpr std::string_view wsmid = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd";
inline constexpr std::string_view wsmb = "http://schemas.dmtf.org/wbem/wsman/1/cimbinding.xsd";
inline constexpr std::string_view cim = "http://schemas.dmtf.org/wbem/wscim/1/common";
inline constexpr std::string_view xsi = "http://www.w3.org/2001/XMLSchema-instance";
inline constexpr std::string_view xml = "http://www.w3.org/XML/1998/namespace";

}  // namespace wsvirt::soap::ns

namespace wsvirt::soap::uri {

inline constexpr std::string_view anonymous04 =
    "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous";
inline constexpr std::string_view anonymous05 = "http://www.w3.org/2005/08/addressing/anonymous";
inline constexpr std::string_view fault_detail = "http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/";

inline constexpr std::string_view get = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Get";
inline constexpr std::string_view put = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Put";
inline constexpr std::string_view create = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Create";
inline constexpr std::string_view remove = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Delete";
inline constexpr std::string_view enumerate = "http://schemas.xmlsoap.org/ws/2004/09/enumeration/Enumerate";
inline constexpr std::string_view pull = "http://schemas.xmlsoap.org/ws/2004/09/enumeration/Pull";
inline constexpr std::string_view release = "http://schemas.xmlsoap.org/ws/2004/09/enumeration/Release";
inline constexpr std::string_view ack = "http://schemas.dmtf.org/wbem/wsman/1/wsman/Ack";

inline constexpr std::string_view xpath = "http://www.w3.org/TR/1999/REC-xpath-19991116";
inline constexpr std::string_view selector_filter =
    "http://schemas.dmtf.org/wbem/wsman/1/wsman/SelectorFilter";
inline constexpr std::string_view association_filter =
    "http://schemas.dmtf.org/wbem/wsman/1/cimbinding/associationFilter";
inline constexpr std::string_view wql = "http://schemas.microsoft.com/wbem/wsman/1/WQL";
inline constexpr std::string_view wql_dmtf = "http://schemas.dmtf.org/wbem/wsman/1/WQL";
inline constexpr std::string_view cql = "http://schemas.dmtf.org/wbem/cql/1/dsp0202.pdf";

}  // namespace wsvirt::soap::uri

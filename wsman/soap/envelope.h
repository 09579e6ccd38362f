// Input of soapcpp2: the typed header blocks of a WS-Management request, as gSOAP reads them. Only the wire
// forms are here; wsman/soap/headers.hpp has the plain structs that the rest of the program sees. Names follow
// gSOAP's rules: a double underscore is the colon of a qualified name, a trailing single underscore nothing.
// The prefixes a, w and p stand for WS-Addressing, WS-Management and Microsoft's extension of it.

//gsoap a schema namespace: http://schemas.xmlsoap.org/ws/2004/08/addressing
//gsoap a schema elementForm: qualified
//gsoap a schema attributeForm: unqualified
//gsoap w schema namespace: http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd
//gsoap w schema elementForm: qualified
//gsoap w schema attributeForm: unqualified
//gsoap p schema namespace: http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd
//gsoap p schema elementForm: qualified
//gsoap p schema attributeForm: unqualified

// A selector holds text or one nested endpoint reference, which no schema type of gSOAP expresses: read by hand
// in selector_serializer.cpp.
#include "wsman/soap/selector_value.hpp"
extern typedef struct wsvirt_selector_value w__SelectorType;

struct w__SelectorSetType {
    int __size;
    w__SelectorType *Selector;
};

struct a__ReferenceParametersType {
    char *w__ResourceURI 0;
    struct w__SelectorSetType *w__SelectorSet 0;
};

struct a__EndpointReferenceType {
    char *Address 0;
    struct a__ReferenceParametersType *ReferenceProperties 0;
    struct a__ReferenceParametersType *ReferenceParameters 0;
};

struct w__OptionType {
    @char *Name;
    @char *MustComply;
    @char *Type;
    char *__item;
};

struct w__OptionSetType {
    int __size;
    struct w__OptionType *Option;
};

struct w__FragmentTransferType {
    @char *Dialect;
    char *__item;
};

struct w__LocaleType {
    @char *xml__lang;
};

struct SOAP_ENV__Header {
    char *a__To 0;
    char *a__Action 0;
    char *a__MessageID 0;
    char *a__RelatesTo 0;
    struct a__EndpointReferenceType *a__From 0;
    struct a__EndpointReferenceType *a__ReplyTo 0;
    struct a__EndpointReferenceType *a__FaultTo 0;
    char *w__ResourceURI 0;
    struct w__SelectorSetType *w__SelectorSet 0;
    char *w__OperationTimeout 0;
    char *w__MaxEnvelopeSize 0;
    struct w__LocaleType *w__Locale 0;
    struct w__OptionSetType *w__OptionSet 0;
    struct w__FragmentTransferType *w__FragmentTransfer 0;
    char *w__RequestEPR 0;
    char *w__RequestTotalItemsCountEstimate 0;
    struct w__LocaleType *p__DataLocale 0;
    char *p__SessionId 0;
    char *p__OperationID 0;
    char *p__SequenceId 0;
    char *p__ActivityId 0;
};

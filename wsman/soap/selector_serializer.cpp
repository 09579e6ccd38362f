// gSOAP's functions for wsman:Selector, which holds text or one nested endpoint reference.
#include "soapH.h"

void soap_default_w__SelectorType(struct soap*, wsvirt_selector_value* a) {
    *a = {};
}

void soap_serialize_w__SelectorType(struct soap*, const wsvirt_selector_value*) {}

int soap_out_w__SelectorType(struct soap* s, const char* tag, int id, const wsvirt_selector_value* a,
                             const char* type) {
    if (a->name) soap_set_attr(s, "Name", a->name, 1);
    if (soap_element_begin_out(s, tag, id, type)) return s->error;
    const int written =
        a->epr ? soap_out_PointerToa__EndpointReferenceType(s, "a:EndpointReference", -1, &a->epr, "")
               : soap_string_out(s, a->text ? a->text : "", 0);
    return written ? s->error : soap_element_end_out(s, tag);
}

wsvirt_selector_value* soap_in_w__SelectorType(struct soap* s, const char* tag, wsvirt_selector_value* a,
                                               const char*) {
    if (soap_element_begin_in(s, tag, 1, nullptr)) return nullptr;
    if (!a) a = soap_new_w__SelectorType(s);
    if (!a) return nullptr;
    *a = {};
    if (const char* name = soap_attr_value(s, "Name", 0, 0)) a->name = soap_strdup(s, name);
    if (!s->body) return a;
    // Text is not an element: peeking says "no tag" and leaves the text for reading.
    if (soap_peek_element(s)) {
        if (s->error != SOAP_NO_TAG) return nullptr;
        s->error = SOAP_OK;
        s->peeked = 0;
        a->text = soap_string_in(s, 1, 0, -1, nullptr);
        if (!a->text) return nullptr;
    } else if (!soap_in_PointerToa__EndpointReferenceType(s, "a:EndpointReference", &a->epr, nullptr)) {
        // A mismatch of tags would make the caller skip the selector, and so widen what the set names.
        s->error = SOAP_TYPE;
        return nullptr;
    }
    return soap_element_end_in(s, tag) ? nullptr : a;
}

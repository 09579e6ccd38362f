// What gSOAP makes of one wsman:Selector. Memory belongs to the soap context that read it. Included by the
// generated code, so it has no namespace and no C++ types.
#pragma once

struct a__EndpointReferenceType;

struct wsvirt_selector_value {
    char* name;                            // the Name attribute, null when it is missing
    char* text;                            // the text content, null when there is a nested reference
    struct a__EndpointReferenceType* epr;  // the nested endpoint reference, or null
};

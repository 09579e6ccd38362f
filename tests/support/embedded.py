"""Embedded instances in every form that clients send them as a method parameter.

An instance is Instance("Msvm_MemorySettingData", ResourceType=4, VirtualQuantity=128); render(form, parameter, instance,
class_namespace) gives the parameter's element with prefix p.
"""
from xml.sax.saxutils import escape, quoteattr

XSI = "http://www.w3.org/2001/XMLSchema-instance"
TYPES = {"ResourceType": "uint16", "VirtualQuantity": "uint64", "Reservation": "uint64", "Limit": "uint64",
         "EnabledState": "uint16", "AutomaticStartupAction": "uint16", "AddressOnParent": "string"}


class Instance:
    def __init__(self, class_name, **properties):
        self.class_name = class_name
        self.properties = properties


def cim_type(name, value):
    if isinstance(value, list):
        return cim_type(name, value[0])
    if isinstance(value, bool):
        return "boolean"
    return TYPES.get(name, "string")


def text_of(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def cimxml(instance, declaration=False, indent=False, wmi_dtd=False, qualifiers=False):
    """DSP0201 text. wmi_dtd: as GetText(WmiDtd20) writes it, wrapped and with class origins."""
    origin = f' CLASSORIGIN="{instance.class_name}"' if wmi_dtd else ""
    quality = '<QUALIFIER NAME="CIMTYPE" TYPE="string"><VALUE>string</VALUE></QUALIFIER>' if qualifiers else ""
    parts = []
    for name, value in instance.properties.items():
        head = f'NAME="{name}" TYPE="{cim_type(name, value)}"{origin}'
        if value is None:
            parts.append(f"<PROPERTY {head}>{quality}</PROPERTY>")
        elif isinstance(value, list):
            values = "".join(f"<VALUE>{escape(text_of(v))}</VALUE>" for v in value)
            parts.append(f"<PROPERTY.ARRAY {head}>{quality}<VALUE.ARRAY>{values}</VALUE.ARRAY></PROPERTY.ARRAY>")
        else:
            parts.append(f"<PROPERTY {head}>{quality}<VALUE>{escape(text_of(value))}</VALUE></PROPERTY>")
    between = "\n  " if indent else ""
    text = f"<INSTANCE CLASSNAME={quoteattr(instance.class_name)}>{between}{between.join(parts)}" + \
           ("\n" if indent else "") + "</INSTANCE>"
    if wmi_dtd:
        text = f"<DECLGROUP><VALUE.OBJECT>{text}</VALUE.OBJECT></DECLGROUP>"
    return ('<?xml version="1.0"?>\n' if declaration else "") + text


def mof(instance):
    def one(value):
        if value is None:
            return "NULL"
        if isinstance(value, bool):
            return "TRUE" if value else "FALSE"
        if isinstance(value, int):
            return str(value)
        return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'

    lines = []
    for name, value in instance.properties.items():
        text = "{" + ", ".join(one(v) for v in value) + "}" if isinstance(value, list) else one(value)
        lines.append(f"\t{name} = {text};\n")
    return f"\ninstance of {instance.class_name}\n{{\n{''.join(lines)}}};\n"


def elements(prefix, instance):
    parts = []
    for name, value in instance.properties.items():
        for v in value if isinstance(value, list) else [value]:
            parts.append(f'<{prefix}:{name} xmlns:xsi="{XSI}" xsi:nil="true"/>' if v is None
                         else f"<{prefix}:{name}>{escape(text_of(v))}</{prefix}:{name}>")
    return "".join(parts)


def inline(parameter, instance, namespace, type_name=None, xsi=XSI):
    uri = namespace + instance.class_name
    kind = f' xmlns:xsi="{xsi}" xsi:type="{type_name}"' if type_name else ""
    return f'<p:{parameter} xmlns:e="{uri}"{kind}>{elements("e", instance)}</p:{parameter}>'


FORMS = {
    # CIM-XML text, as libvirt, os-win and .NET programs send it
    "cimxml-escaped": lambda p, i, ns: f"<p:{p}>{escape(cimxml(i))}</p:{p}>",
    "cimxml-declaration-indented": lambda p, i, ns: f"<p:{p}>{escape(cimxml(i, declaration=True, indent=True))}</p:{p}>",
    "cimxml-cdata": lambda p, i, ns: f"<p:{p}><![CDATA[{cimxml(i)}]]></p:{p}>",
    "cimxml-wmi-dtd": lambda p, i, ns: f"<p:{p}>{escape(cimxml(i, wmi_dtd=True, qualifiers=True))}</p:{p}>",
    # inline elements, as the DMTF and Microsoft's MI clients send them
    "inline-xsi-type": lambda p, i, ns: inline(p, i, ns, f"e:{i.class_name}_Type"),
    "inline-xsi-type-bare": lambda p, i, ns: inline(p, i, ns, f"e:{i.class_name}"),
    "inline-wrong-xsi": lambda p, i, ns: inline(p, i, ns, f"e:{i.class_name}_Type",
                                                "http://www.w3.org/2001/XMLSchema"),
    "inline-element": lambda p, i, ns: f'<p:{p}><e:{i.class_name} xmlns:e="{ns}{i.class_name}">{elements("e", i)}'
                                       f"</e:{i.class_name}></p:{p}>",
    # MOF text, as GetText(Mof) gives it
    "mof": lambda p, i, ns: f"<p:{p}>{escape(mof(i))}</p:{p}>",
}


def render(form, parameter, instance, namespace):
    return FORMS[form](parameter, instance, namespace)

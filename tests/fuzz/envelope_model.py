"""What a daemon says about its classes, for the envelope fuzzer: read once from the class metadata, as a client would."""
import dataclasses

import soapkit as k

UNSIGNED = {"uint8": 8, "uint16": 16, "uint32": 32, "uint64": 64}
SIGNED = {"sint8": 8, "sint16": 16, "sint32": 32, "sint64": 64}


@dataclasses.dataclass
class Feature:
    """A property or a parameter. embedded: the class of an embedded instance, "" for any object, None for neither."""
    name: str
    type: str
    array: bool = False
    key: bool = False
    is_in: bool = True
    is_out: bool = False
    embedded: str | None = None
    target: str = ""
    values: tuple = ()
    octets: bool = False  # an array of uint8 that is one value in base64


@dataclasses.dataclass
class Method:
    name: str
    returns: str
    static: bool
    parameters: list


@dataclasses.dataclass
class Class:
    space: str
    name: str
    above: str
    association: bool
    abstract: bool
    provided: bool
    properties: dict
    methods: dict

    @property
    def keys(self):
        return [p for p in self.properties.values() if p.key]


def qualifier(node, name):
    """The values of a qualifier, None where it is absent."""
    for q in node.findall("QUALIFIER"):
        if q.get("NAME").lower() == name:
            return [v.text or "" for v in q.iter("VALUE")]
    return None


def flag(node, name, otherwise=False):
    found = qualifier(node, name)
    return otherwise if found is None else (found or ["true"])[0].lower() == "true"


def feature(node):
    embedded = None
    if qualifier(node, "embeddedinstance"):
        embedded = qualifier(node, "embeddedinstance")[0]
    elif flag(node, "embeddedobject") or node.get("EmbeddedObject") == "object":
        embedded = ""
    kind = "reference" if "REF" in node.tag else node.get("TYPE")
    return Feature(node.get("NAME"), kind, "ARRAY" in node.tag, flag(node, "key"), flag(node, "in", True), flag(node, "out"),
                   embedded, node.get("REFERENCECLASS") or "",
                   tuple(v.split("..")[0] or "0" for v in qualifier(node, "valuemap") or ()),
                   kind == "uint8" and "ARRAY" in node.tag and flag(node, "octetstring"))


def read_class(space, node):
    properties = [feature(n) for n in node if n.tag.startswith("PROPERTY")]
    methods = [Method(n.get("NAME"), n.get("TYPE") or "", flag(n, "static"),
                      [feature(p) for p in n if p.tag.startswith("PARAMETER")]) for n in node.findall("METHOD")]
    return Class(space, node.get("NAME"), node.get("SUPERCLASS") or "", flag(node, "association"), flag(node, "abstract"),
                 qualifier(node, "provider") is not None, {p.name: p for p in properties}, {m.name: m for m in methods})


class Model:
    """All classes of the namespaces, by namespace and name."""

    def __init__(self, service, spaces):
        self.spaces = {}
        for space in spaces:
            items = service.all(k.METADATA + "*", {"__cimnamespace": space}, max_size=4_000_000, optimize=True, max_elements=500)
            self.spaces[space] = {i.get("NAME"): read_class(space, i) for i in items}
        self.classes = [c for classes in self.spaces.values() for c in classes.values()]
        self.below = {}
        for c in self.classes:
            name = c.name
            while name:
                self.below.setdefault((c.space, name.lower()), []).append(c)
                name = self.spaces[c.space][name].above

    def find(self, space, name):
        return self.spaces[space].get(name)

    def subclasses(self, space, name):
        """The class and all below it."""
        return self.below.get((space, name.lower()), [])

"""Random values of CIM types, right ones and wrong ones, and instances in the forms that clients embed."""
from xml.sax.saxutils import escape, quoteattr

import soapkit as k
from envelope_model import SIGNED, UNSIGNED

ODD = ["", " ", "a" + "\u00e9" * 300, "\t\n ", "x" * 3000, "\u00e9\u00df", "\U0001d11e\U0001f600" * 9, "\u202eabc\u0301\u0301", "\ufeff", "]]>", "<a>&amp;</a>",
       "<INSTANCE", "'\"", "%s%n%x", "../../../etc/passwd", '\\\\.\\root\\cimv2:Win32_Processor.DeviceID="CPU0"', "NULL", "0", "-1",
       "1e999", "a'b OR 1=1 --", "\u0131\u017f\u212a", "\ud7ff\ue000\ufffd", "C:\\x\\y.vhdx", "{00000000-0000-0000-0000-000000000000}"]
NUMBERS = ["", " ", "00", "+5", "-0", "0x10", " 7 ", "1.5", "1e3", "abc", "\u0661\u0662", "999999999999999999999999999999", "-", "1 2", "true",
           "0b1", "INF", "nan"]
DATES = ["20240229123456.123456+060", "00000001000000.000000:000", "99991231235959.999999-720", "2024022912****.******+000",
         "99999999235959.999999:000", "20230229000000.000000+000", "********000000.000000+000", "2024-02-29T12:34:56Z",
         "2024-02-29T24:00:00.000001+14:00", "P1DT2H3M4.5S", "-P1D", "P", "PT99999999999999999999S", "2024-13-01", "", "now",
         "0000-00-00T00:00:00Z", "-0001-01-01T00:00:00Z", "20240229123456.123456+", "12:00:00", "00000000000000.000000+000"]
OCTETS = ["", "AA==", "An8=", "AAAABH8=", "AAAAB v8=", "A", "====", "An8", "\u00e9"]
DATE_TAGS = ["Datetime", "CIM_DateTime", "Date", "Interval", "Time", "Nothing"]
REALS = ["INF", "-INF", "NaN", "0", "-0.0", "1e308", "1.7976931348623159e308", "1e-400", "3.5e38", ".5", "5.", "1e", "+1", "0x1p3", "nan",
         "infinity", ""]


class Values:
    def __init__(self, rng, folder):
        self.rng = rng
        self.folder = folder

    def chance(self, p):
        return self.rng.random() < p

    def text(self):
        r = self.rng
        if self.chance(0.5):
            return r.choice(["a", "web", "Test 1", "x1", "Microsoft:Hyper-V:SubType:2", "Microsoft:Definition", "2", "1"])
        if self.chance(0.3):
            return f"{self.folder}/{r.choice(['a.vhdx', 'b.qcow2', 'c.vhd', 'd.raw', 'none/e.vhdx', '..', 'a.iso'])}"
        return r.choice(ODD)

    def integer(self, bits, signed):
        low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
        r = self.rng
        return str(r.choice([low, high, low - 1, high + 1, 0, 1, 2, r.randint(low, high), high // 2, 1 << 64, -(1 << 63), 4096, 100]))

    def scalar(self, f):
        """Text of one value, mostly of the type declared."""
        r = self.rng
        if self.chance(0.04):
            return r.choice(ODD + NUMBERS + DATES)
        if f.octets:
            return r.choice(OCTETS)
        if f.values and self.chance(0.7):
            return r.choice(f.values)
        if f.type in UNSIGNED or f.type in SIGNED:
            if self.chance(0.1):
                return r.choice(NUMBERS)
            if self.chance(0.5):
                return str(r.randint(0, 12))
            return self.integer(UNSIGNED.get(f.type) or SIGNED[f.type], f.type in SIGNED)
        if f.type == "boolean":
            return r.choice(["true", "false", "1", "0", "TRUE", "False", "yes", "", "2"] if self.chance(0.3) else ["true", "false"])
        if f.type in ("real32", "real64"):
            return r.choice(REALS) if self.chance(0.5) else str(r.uniform(-1e6, 1e6))
        if f.type == "char16":
            return r.choice(["a", "65", "0", "65536", "\U0001f600", "ab", "", "-1"])
        if f.type == "datetime":
            return r.choice(DATES)
        return self.text()


class Instances:
    """Instances as (class, {name: value}); a value is a text, None, a list, an Epr or another instance."""

    def __init__(self, rng, model, values, live):
        self.rng, self.model, self.values, self.live = rng, model, values, live

    def random(self, space, name, depth=0):
        classes = self.model.subclasses(space, name) if name else list(self.model.spaces[space].values())
        known = [c for c in classes if self.live.properties(c)]
        cls = self.rng.choice(known) if known and self.values.chance(0.7) else self.rng.choice(classes or self.model.classes)
        live = self.live.properties(cls)
        content = {}
        if live and self.values.chance(0.75):
            content = dict(self.rng.choice(live))
            if self.values.chance(0.5):
                content = {n: v for n, v in content.items() if v is not None}
        names = list(cls.properties)
        for _ in range(self.rng.choice([0, 1, 1, 2, 3, 6])):
            if names:
                p = cls.properties[self.rng.choice(names)]
                content[p.name] = self.value(space, p, depth)
        if self.values.chance(0.03):
            content[self.rng.choice(["Nothing", "é", "ElementName2", "__CLASS", "_x", "ReturnValue"])] = "1"
        if content and self.values.chance(0.1):
            content.pop(self.rng.choice(list(content)))
        return cls, content

    def value(self, space, f, depth=0):
        if self.values.chance(0.06):
            return None
        if f.array and f.octets == self.values.chance(0.05):
            return [self.one(space, f, depth) for _ in range(self.rng.choice([0, 1, 1, 2, 3, 20]))]
        return [self.one(space, f, depth)] * 2 if self.values.chance(0.01) else self.one(space, f, depth)

    def one(self, space, f, depth):
        if f.type == "reference":
            return self.live.epr(space, f.target) if self.values.chance(0.9) else self.values.text()
        if f.embedded is not None and depth < 5 and not self.values.chance(0.1):
            return self.random(space, f.embedded, depth + 1)
        return self.values.scalar(f)


class Forms:
    """Instances and parameters as XML."""

    def __init__(self, rng, values):
        self.rng, self.values = rng, values

    def class_uri(self, cls):
        return k.WMI + cls.space + "/" + cls.name if self.values.chance(0.5) else k.DMTF + cls.name

    def cimxml(self, instance):
        cls, content = instance
        parts = []
        for name, value in content.items():
            f = cls.properties.get(name)
            kind = f.type if f and f.type != "reference" else "string"
            if isinstance(value, k.Epr):
                value = path_of(value)
            if isinstance(value, list):
                inner = "".join(f"<VALUE>{escape(self.plain(v))}</VALUE>" for v in value)
                parts.append(f'<PROPERTY.ARRAY NAME={quoteattr(name)} TYPE="{kind}"><VALUE.ARRAY>{inner}</VALUE.ARRAY></PROPERTY.ARRAY>')
            else:
                inner = "" if value is None else f"<VALUE>{escape(self.plain(value))}</VALUE>"
                mark = ' EmbeddedObject="instance"' if isinstance(value, tuple) else ""
                parts.append(f'<PROPERTY NAME={quoteattr(name)} TYPE="{kind}"{mark}>{inner}</PROPERTY>')
        return f'<INSTANCE CLASSNAME="{cls.name}">{"".join(parts)}</INSTANCE>'

    def mof(self, instance):
        cls, content = instance

        def one(value):
            if value is None:
                return "NULL"
            if isinstance(value, tuple):
                return '"' + self.mof(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
            text = path_of(value) if isinstance(value, k.Epr) else value
            if self.rng.random() < 0.5 and text.lstrip("-").isdigit() or text in ("true", "false"):
                return text
            return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

        lines = [f"  {n} = {'{' + ', '.join(map(one, v)) + '}' if isinstance(v, list) else one(v)};\n" for n, v in content.items()]
        return f"instance of {cls.name}\n{{\n{''.join(lines)}}};\n"

    def plain(self, value):
        if isinstance(value, tuple):
            return self.cimxml(value) if self.rng.random() < 0.8 else self.mof(value)
        return path_of(value) if isinstance(value, k.Epr) else "" if value is None else value

    def content(self, f, value, prefix="p"):
        """What stands inside an element of the feature."""
        if isinstance(value, k.Epr):
            return value.content(self.rng.choice([k.A, k.A, k.A, k.A5])) if self.values.chance(0.8) else escape(path_of(value))
        if isinstance(value, tuple):
            form = self.rng.randrange(4)
            if form == 0:
                text = self.cimxml(value)
                return f"<![CDATA[{text}]]>" if "]]>" not in text and self.values.chance(0.3) else escape(text)
            if form == 1:
                return escape(self.mof(value))
            inner = self.elements(value, "e")
            uri = quoteattr(self.class_uri(value[0]))
            return f"<e:{value[0].name} xmlns:e={uri}>{inner}</e:{value[0].name}>"
        if f is not None and f.type == "datetime" and self.values.chance(0.8):
            tag = self.rng.choice(DATE_TAGS)
            return f'<cim:{tag} xmlns:cim="{k.CIM}">{escape(value)}</cim:{tag}>'
        return escape(value)

    def element(self, f, name, value, prefix="p"):
        if value is None:
            form = self.rng.randrange(4)
            if form == 0:
                return ""
            nil = ['xsi:nil="true"', 'xsi:nil="1"', 'nil="true"'][form - 1]
            return f'<{prefix}:{name} xmlns:xsi="{k.XSI}" {nil}/>'
        if isinstance(value, list):
            return "".join(self.element(f, name, v, prefix) for v in value)
        if isinstance(value, tuple) and self.values.chance(0.4):
            cls = value[0]
            suffix = self.rng.choice(["_Type", "", "_Wrong"])
            return (f'<{prefix}:{name} xmlns:e={quoteattr(self.class_uri(cls))} xmlns:xsi="{k.XSI}" '
                    f'xsi:type="e:{cls.name}{suffix}">{self.elements(value, "e")}</{prefix}:{name}>')
        return f"<{prefix}:{name}>{self.content(f, value, prefix)}</{prefix}:{name}>"

    def elements(self, instance, prefix):
        cls, content = instance
        return "".join(self.element(cls.properties.get(n), n if n.isidentifier() else "odd", v, prefix) for n, v in content.items())


def path_of(epr):
    keys = ",".join('{}="{}"'.format(n, str(v).replace("\\", "\\\\").replace('"', '\\"'))
                    for n, v in epr.selectors.items() if n != "__cimnamespace" and not isinstance(v, k.Epr))
    return f"{epr.uri.rsplit('/', 1)[-1]}.{keys}"

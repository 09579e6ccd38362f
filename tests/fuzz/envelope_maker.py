"""Envelopes for every operation, class and method of a Model: right ones, nearly right ones, and broken text."""
import dataclasses
import re
import uuid
from xml.sax.saxutils import escape, quoteattr

import soapkit as k
from envelope_values import ODD, Forms, Instances, Values, path_of

XML_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
OPTIONS = ["IncludeClassOrigin", "IncludeQualifiers", "IncludeSubClasses", "IncludeInheritedElements", "IncludePath",
           "ExcludeClassSpecification", "IncludeInheritanceHierarchy", "ShowExtensions", "wmi:IncludeQualifiers", "__MI_x",
           "WSMAN_CMDSHELL_OPTION_KEYBOARD_SESSION", "Nothing", "", "é"]
STATIC_NAMESPACES = ["", "root", "root/nothing", "ROOT/CIMV2", "root\\cimv2", "root/virtualization/v2/", "//root/interop", "é"]
FRAGMENTS = [".", "text()", "{p}", "{p}[1]", "{p}[0]", "{p}[99999999999]", "{p}/text()", "{p}[2]/text()", "{c}/{p}", "/{c}/{p}", "q:{p}",
             "@xsi:type", "//{p}", "{p}/{p}/{p}", "", "*", "{p}[last()]", "{p}[-1]", "../{c}", "count({p})", "{p}/@x", "é"]
DIALECTS = [k.WQL, k.CQL, k.XPATH, k.SELECTOR, k.ASSOCIATION, "", "urn:nothing", "http://schemas.dmtf.org/wbem/wsman/1/WQL"]


@dataclasses.dataclass
class Request:
    """One thing to send. message_id: what the answer must relate to, None where no answer need do so. broken: the text was
    changed after it was made, so that nothing is known of the answer but its form."""
    kind: str
    text: str
    action: str = ""
    message_id: str | None = None
    encoding: str = "utf-8"
    content_type: str = k.CONTENT_TYPE
    user: str = "admin"
    limit: int | None = None
    broken: bool = False
    raw: bytes | None = None
    target: object = None
    method: object = None
    label: str = ""

    @property
    def data(self):
        if self.raw is not None:
            return self.raw
        return self.text.encode(self.encoding, "surrogatepass")


class Live:
    """What the daemon has at the moment, for requests that reach something: references, values, open enumerations."""

    def __init__(self, rng, model):
        self.rng, self.model = rng, model
        self.eprs, self.values, self.contexts = {}, {}, []

    def refresh(self, service, cls):
        family = k.WMI + cls.space + "/" + cls.name if self.rng.random() < 0.5 else k.DMTF + cls.name
        space = {"__cimnamespace": cls.space} if family.startswith(k.DMTF) else None
        reply = service.enumerate(family, space, mode="EnumerateObjectAndEPR", optimize=True, max_elements=30,
                                  max_size=500_000)
        if reply.status != 200:
            return
        found, seen = [], []
        for item in reply.items:
            instance, epr = list(item)
            found.append(k.Epr.read(epr))
            actual = self.model.find(cls.space, k.local(instance))
            if actual is not None:
                seen.append((actual, self.content(instance)))
        self.eprs[(cls.space, cls.name)] = found
        if seen:
            self.values[(cls.space, seen[0][0].name)] = [c for a, c in seen if a is seen[0][0]]

    @staticmethod
    def content(node):
        out = {}
        for child in node:
            name, value = k.local(child), None
            if child.get(f"{{{k.XSI}}}nil") != "true":
                value = child.text or ""
                if len(child):
                    reference = child.find(f".//{{{k.W}}}ResourceURI") is not None
                    value = k.Epr.read(child) if reference else "".join(child.itertext())
            if name in out:
                out[name] = (out[name] if isinstance(out[name], list) else [out[name]]) + [value]
            else:
                out[name] = value
        return out

    def properties(self, cls):
        return self.values.get((cls.space, cls.name))

    def of_class(self, space, name):
        return [e for c in self.model.subclasses(space, name) for e in self.eprs.get((space, c.name), ())]

    def any(self):
        full = [v for v in self.eprs.values() if v]
        return self.rng.choice(self.rng.choice(full)) if full else k.Epr(k.DMTF + "CIM_Nothing", {})

    def epr(self, space, target):
        fitting = self.of_class(space, target) if target else []
        if fitting and self.rng.random() < 0.85:
            return self.rng.choice(fitting)
        return self.any()


class Maker:
    def __init__(self, rng, model, folder):
        self.rng, self.model = rng, model
        self.oddness = 1.0
        self.values = Values(rng, folder)
        self.live = Live(rng, model)
        self.instances = Instances(rng, model, self.values, self.live)
        self.forms = Forms(rng, self.values)
        self.served = [c for c in model.classes if c.provided or c.space == "root/test"]
        self.methods = [(c, m) for c in model.classes for m in c.methods.values()]
        self.served_methods = [(c, m) for c, m in self.methods if c.provided]

    def chance(self, p):
        return self.rng.random() < p

    def odd(self, p):
        """Whether to do something wrong here: most requests are nearly right, so that they get far."""
        return self.rng.random() < p * self.oddness

    # --- headers --------------------------------------------------------------------------------------------------
    def selectors(self, cls, with_keys=True):
        """(uri, pairs) that name an instance of the class, or nearly."""
        r = self.rng
        known = self.live.eprs.get((cls.space, cls.name)) or self.live.of_class(cls.space, cls.name)
        wmi = self.chance(0.5)
        uri = k.WMI + cls.space + "/" + cls.name if wmi else k.DMTF + cls.name
        pairs = [] if wmi else [("__cimnamespace", cls.space)]
        if with_keys:
            if known and self.chance(0.85):
                pairs += [(n, v) for n, v in r.choice(known).selectors.items() if n != "__cimnamespace"]
            else:
                pairs += [(p.name, self.key(cls, p)) for p in cls.keys]
        if self.odd(0.08) and pairs:
            pairs.pop(r.randrange(len(pairs)))
        if self.odd(0.04):
            pairs.append((r.choice(list(cls.properties) or ["x"]), r.choice(ODD)))
        if self.odd(0.03) and pairs:
            pairs.append(r.choice(pairs))
        if self.odd(0.03):
            pairs.append((r.choice(["Nothing", "", "é", "__cimnamespace", "__CLASS"]), r.choice(ODD + STATIC_NAMESPACES)))
        if self.odd(0.02) and pairs:
            n = r.randrange(len(pairs))
            pairs[n] = (pairs[n][0], r.choice(ODD))
        if self.odd(0.002):
            pairs += [(f"k{n}", "v") for n in range(70)]
        if self.odd(0.02):
            uri = r.choice([uri + "x", uri.lower(), uri.upper(), uri + "?a=b", uri + "/", k.ALL, k.WMI + cls.space + "/*", "", "urn:x",
                            k.METADATA + cls.name, k.DMTF, "x" * 2100, uri + "#é"])
        r.random() < 0.2 and r.shuffle(pairs)
        return uri, pairs

    def key(self, cls, p):
        if p.type == "reference":
            return self.live.epr(cls.space, p.target)
        return self.values.scalar(p)

    def option_set(self):
        r = self.rng
        names = OPTIONS if self.odd(0.3) else OPTIONS[:7]
        values = ["true", "false", "", "1", "x", "TRUE", ODD[3]] if self.odd(0.2) else ["true", "false"]
        must = ["", ' MustComply="true"', ' MustComply="0"'] + [' MustComply="x"'] * self.odd(0.1)
        options = "".join(f"<w:Option Name={quoteattr(r.choice(names))}{r.choice(must)}>{escape(r.choice(values))}</w:Option>"
                          for _ in range(r.choice([1, 1, 2, 5])))
        return f"<w:OptionSet>{options}</w:OptionSet>"

    def control(self, request):
        """Further header blocks, some with content that is wrong."""
        r, out = self.rng, []
        mu = lambda: r.choice(["", ' s:mustUnderstand="true"', ' s:mustUnderstand="1"', ' s:mustUnderstand="false"'])
        if self.chance(0.5):
            size = r.choice([8192, 32767, 153600, 512000, 1048576, 8191, 0, -1, 2**31, 2**64, "x", ""] if self.odd(0.2)
                            else [8192, 10000, 32767, 153600, 512000])
            if isinstance(size, int) and size >= 8192:
                request.limit = size
            out.append(f"<w:MaxEnvelopeSize{mu()}>{size}</w:MaxEnvelopeSize>")
        if self.chance(0.5):
            time = r.choice(["PT60S", "PT60.000S", "P0DT0H1M0S", "PT0.001S", "PT0S", "P", "60", "-PT1S", "P99999999999Y", "PT1M1M"]
                            if self.odd(0.15) else ["PT60S", "PT60.000S"])
            out.append(f"<w:OperationTimeout>{time}</w:OperationTimeout>")
        if self.chance(0.4):
            out.append(f'<w:Locale xml:lang="{r.choice(["en-US", "de", "x-none", "", "en-US-" + "x" * 50])}"'
                       f'{mu() if self.odd(0.05) else ""}/>')
        if self.chance(0.3):
            out.append(f'<p:DataLocale xml:lang="en-US" s:mustUnderstand="false"/><p:SessionId>uuid:{uuid.UUID(int=r.getrandbits(128))}</p:SessionId>')
        if self.chance(0.3):
            out.append(f"<p:OperationID>{r.choice(['uuid:1', ''])}</p:OperationID><p:SequenceId>{r.choice([1, 0, -1, 'x', 2**70])}</p:SequenceId>")
        if self.chance(0.2):
            out.append(self.option_set())
        if self.chance(0.05):
            out.append("<w:RequestEPR/>")
        if self.chance(0.1):
            out.append("<w:RequestTotalItemsCountEstimate/>")
        if self.odd(0.02):
            out.append(f'<z:Own xmlns:z="urn:z"{mu()}>{r.choice(["", "<z:a/>", "text"])}</z:Own>')
        return out

    def envelope(self, request, action, uri, pairs, body, extra=()):
        r = self.rng
        newer = self.chance(0.15)
        a = k.A5 if newer else k.A
        anonymous = k.ANONYMOUS5 if newer else k.ANONYMOUS
        message_id = f"uuid:{str(uuid.UUID(int=r.getrandbits(128))).upper()}"
        request.message_id, request.action = message_id, action
        if self.odd(0.01):
            message_id = r.choice(["", "x", "urn:" + "y" * 3000, "uuid: 1", "<x/>"])
            request.message_id = None
        mu = r.choice(["", ' s:mustUnderstand="true"'])
        inner = message_id if message_id == "<x/>" else escape(message_id)
        blocks = [f"<a:Action{mu}>{escape(action)}</a:Action>", f"<a:To{mu}>http://host:5985/wsman</a:To>",
                  f"<a:MessageID{mu}>{inner}</a:MessageID>",
                  f"<a:ReplyTo><a:Address{mu}>{r.choice(['http://127.0.0.1:1/', k.A5, '']) if self.odd(0.05) else anonymous}</a:Address>"
                  + r.choice([""] * 15 + ["<a:ReferenceParameters><z:p xmlns:z='urn:z'>é<z:q/></z:p></a:ReferenceParameters>"])
                  + "</a:ReplyTo>"]
        if uri is not None:
            blocks.append(f"<w:ResourceURI{mu}>{escape(uri)}</w:ResourceURI>")
        if pairs:
            blocks.append(k.selector_set(pairs))
        blocks += self.control(request) + list(extra)
        if self.odd(0.03):
            gone = r.randrange(len(blocks))
            if "MessageID" in blocks.pop(gone):
                request.message_id = None
        if self.odd(0.02):
            twice = r.choice(blocks)
            blocks.append(twice)
            request.message_id = None if "MessageID" in twice else request.message_id
        r.random() < 0.2 and r.shuffle(blocks)
        headers = "".join(blocks)
        text = (f'<s:Envelope xmlns:s="{k.S}" xmlns:a="{a}" xmlns:w="{k.W}" xmlns:n="{k.N}" xmlns:x="{k.X}" xmlns:p="{k.P}" '
                f'xmlns:xsi="{k.XSI}"><s:Header>{headers}</s:Header><s:Body>{body}</s:Body></s:Envelope>')
        request.text = text
        return request

    # --- the operations ---------------------------------------------------------------------------------------------
    def a_class(self):
        return self.rng.choice(self.served) if self.chance(0.8) else self.rng.choice(self.model.classes)

    def representation(self, cls, content):
        uri = self.forms.class_uri(cls)
        if self.odd(0.03):
            uri = self.rng.choice(["", "urn:x", k.DMTF + "CIM_Nothing", k.METADATA + cls.name])
        body = f'<i:{cls.name} xmlns:i={quoteattr(uri)}>{self.forms.elements((cls, content), "i")}</i:{cls.name}>'
        return body if uri else body.replace("i:", "").replace("xmlns:i", "xmlns")

    def fragment(self, cls):
        r = self.rng
        name = r.choice(list(cls.properties) or ["x"])
        text = r.choice(FRAGMENTS).replace("{p}", name).replace("{c}", cls.name)
        dialect = r.choice(["", "", f' Dialect="{k.XPATH}"', f' Dialect="{k.W.rsplit("/", 1)[0]}/wsman/dialect"', ' Dialect=""'])
        return f'<w:FragmentTransfer s:mustUnderstand="true"{dialect}>{escape(text)}</w:FragmentTransfer>', name

    def transfer(self, kind):
        r, request, cls = self.rng, Request(kind, ""), self.a_class()
        request.target = cls
        uri, pairs = self.selectors(cls, kind != "Create")
        extra, body = [], ""
        fragment = self.chance(0.2)
        if kind in ("Put", "Create"):
            real, content = self.instances.random(cls.space, cls.name)
            if kind == "Create" and cls.space == "root/test":
                content.update({p.name: self.live.epr(cls.space, p.target) if p.type == "reference" else f"f{r.randrange(99)}"
                                for p in real.keys})
            body = self.representation(real, content)
        if fragment:
            header, name = self.fragment(cls)
            extra.append(header)
            f = cls.properties.get(name)
            if body and f is not None:
                inner = self.forms.element(f, name, self.instances.value(cls.space, f))
                body = f'<w:XmlFragment xmlns:p="{k.DMTF}{cls.name}">{r.choice([inner, escape(r.choice(ODD)), ""])}</w:XmlFragment>'
        if self.odd(0.01):
            body += r.choice(["<x/>", "text", body])
        request.label = f"{cls.space} {cls.name}{' fragment' if fragment else ''}"
        return self.envelope(request, k.ACTIONS[kind], uri, pairs, body, extra)

    def metadata(self):
        r, request, cls = self.rng, Request("metadata", ""), self.rng.choice(self.model.classes)
        uri = k.METADATA + r.choice([cls.name] * 9 + ["*", "CIM_Nothing", ""])
        pairs = [("__cimnamespace", cls.space if self.chance(0.95) else r.choice(STATIC_NAMESPACES))]
        request.label = f"{cls.space} {cls.name}"
        if self.chance(0.7):
            action = k.ACTIONS[r.choice(["Get"] * 9 + ["Put", "Delete"])]
            return self.envelope(request, action, uri, pairs, "", [self.option_set()] if self.chance(0.4) else [])
        body = k.enumerate_body(optimize=self.chance(0.8), max_elements=r.choice([None, 1, 20, 3]),
                                mode=r.choice([None, "EnumerateEPR", "EnumerateObjectAndEPR"]))
        return self.envelope(request, k.ACTIONS["Enumerate"], uri, pairs, body, [self.option_set()] if self.chance(0.4) else [])

    def literal(self, f):
        text = self.values.scalar(f)
        if f.type in ("string", "datetime", "char16", "reference") or self.chance(0.1):
            return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
        return text or "NULL"

    def condition(self, cls, depth=0):
        r = self.rng
        names = list(cls.properties) or ["x"]
        if depth < 3 and self.chance(0.35):
            return r.choice(["({} AND {})", "{} OR {}", "NOT ({}) AND {}"]).format(self.condition(cls, depth + 1), self.condition(cls, depth + 1))
        name = r.choice(names) if self.chance(0.95) else r.choice(["__CLASS", "__PATH", "__SERVER", "Nothing", "a.b", "[x]"])
        f = cls.properties.get(name)
        if f is None or self.chance(0.15):
            return r.choice([f"{name} IS NULL", f"{name} IS NOT NULL", f"{name} LIKE '%[a-z_^]%'", f"{name} ISA '{cls.name}'", f"{name} = ''",
                             f"{name} LIKE '[", f"'a' = {name}"])
        return f"{name} {r.choice(['=', '<>', '!=', '<', '>', '<=', '>=', 'LIKE'])} {self.literal(f)}"

    def query(self, cls):
        r = self.rng
        if self.chance(0.3):
            object_path = path_of(self.live.epr(cls.space, cls.name)).replace('"', "'")
            where = " ".join(r.sample([f"AssocClass = {r.choice(self.served).name}", f"ResultClass = {r.choice(self.served).name}",
                                       "Role = Antecedent", "ResultRole = Dependent", "ClassDefsOnly", "KeysOnly",
                                       "RequiredQualifier = Dynamic", "ClassDefsOnly KeysOnly", "Nothing = 1"], r.randrange(4)))
            return f"{r.choice(['ASSOCIATORS', 'REFERENCES'])} OF {{{object_path}}}{' WHERE ' + where if where else ''}"
        names = list(cls.properties) or ["x"]
        what = "*" if self.chance(0.5) else ", ".join(r.choice(names + ["__PATH", "Nothing"]) for _ in range(r.randrange(1, 5)))
        text = f"SELECT {what} FROM {cls.name if self.chance(0.95) else r.choice(['Nothing', 'meta_class', '', '*'])}"
        if self.chance(0.7):
            text += " WHERE " + self.condition(cls)
        if self.chance(0.05):
            at = r.randrange(len(text))
            text = text[:at] + r.choice(["'", '"', "(", ")", " ", "\\", "é", ""]) + text[at + r.randrange(4):]
        return text if not self.chance(0.002) else text + " AND (" * 3000

    def filter(self, cls):
        r = self.rng
        dialect = r.choice(DIALECTS[:5]) if not self.odd(0.05) else r.choice(DIALECTS)
        tag = r.choice(["w:Filter", "w:Filter", "n:Filter"])
        content = escape(self.query(cls))
        if dialect == k.XPATH:
            name = r.choice(list(cls.properties) or ["x"])
            content = escape(r.choice([f"../{cls.name}[{name}='1']", f"/{cls.name}/{name}", f"*[{name}]", "//*", "(", f"count(//{name})>0",
                                       "..", "text()", f"{name}[1]|{name}[2]", "/" * 50, "a" + "[b" * 200, "string-length(.) > 3"]))
        elif dialect == k.SELECTOR:
            _, pairs = self.selectors(cls)
            content = k.selector_set(pairs)
        elif dialect == k.ASSOCIATION:
            kind = r.choice(["AssociatedInstances", "AssociationInstances", "Nothing"])
            parts = [f"<b:Object>{self.live.epr(cls.space, cls.name).content()}</b:Object>"]
            for name in ("AssociationClassName", "Role", "ResultClassName", "ResultRole", "IncludeResultProperty"):
                if self.chance(0.2):
                    parts.append(f"<b:{name}>{escape(r.choice([r.choice(self.served).name, 'Dependent', 'Name', 'Nothing', '']))}</b:{name}>")
            content = f'<b:{kind} xmlns:b="{k.B}">{"".join(parts)}</b:{kind}>'
        return k.filter_(dialect, content, tag)

    def enumerate(self):
        r, request, cls = self.rng, Request("Enumerate", ""), self.a_class()
        request.target = cls
        uri, pairs = self.selectors(cls, self.chance(0.03))
        filtered = self.chance(0.55)
        if filtered and self.chance(0.3):
            uri, pairs = (k.WMI + cls.space + "/*", []) if self.chance(0.5) else (k.ALL, [("__cimnamespace", cls.space)])
        body = k.enumerate_body(
            optimize=self.chance(0.7), max_elements=r.choice([None, 1, 5, 100, 100000] if not self.odd(0.05) else [0, -1, "x", 2**64]),
            mode=r.choice([None, None, "EnumerateObject", "EnumerateEPR", "EnumerateObjectAndEPR"] if not self.odd(0.03) else ["x", "é"]),
            filter=self.filter(cls) if filtered else None,
            polymorphism=r.choice([None, None, "IncludeSubClassProperties", "ExcludeSubClassProperties", "None"]
                                  if not self.odd(0.03) else ["x"]),
            expires=r.choice([None] * 8 + (["PT0S", "2001-01-01T00:00:00Z", "x", "P1000Y", "-PT1S"] if self.odd(0.3)
                                   else ["PT10S", "2099-01-01T00:00:00Z"])),
            extra=r.choice(["<n:EndTo/>", "<z xmlns='urn:z'/>", "<w:OptimizeEnumeration/>"]) if self.odd(0.04) else "")
        request.label = f"{cls.space} {cls.name}"
        return self.envelope(request, k.ACTIONS["Enumerate"], uri, pairs, body)

    def pull(self, kind):
        r, request = self.rng, Request(kind, "")
        contexts = self.live.contexts
        uri, pairs, context = r.choice(contexts) if contexts else (k.ALL, [], "none")
        if self.odd(0.05):
            context = r.choice(["", "x", context + "1", str(uuid.UUID(int=1)), "é", "<a/>"])
        if self.odd(0.03):
            uri = k.WMI + "root/cimv2/*"
        request.target = (uri, pairs, context)
        if kind == "Release":
            return self.envelope(request, k.ACTIONS[kind], uri, pairs, k.release_body(context))
        body = k.pull_body(context, max_elements=r.choice([None, 1, 3, 50] if not self.odd(0.05) else [0, "x", 2**70]),
                           max_characters=r.choice([None] * 5 + [1, 100, 10000, 0, -1]),
                           max_time=r.choice([None] * 8 + ["PT1S", "PT0S", "x", "PT0.000001S"]))
        return self.envelope(request, k.ACTIONS[kind], uri, pairs, body)

    def invoke(self):
        r, request = self.rng, Request("Invoke", "")
        cls, method = r.choice(self.served_methods) if self.chance(0.85) and self.served_methods else r.choice(self.methods)
        request.target, request.method = cls, method
        uri, pairs = self.selectors(cls, not method.static or self.chance(0.2))
        given = []
        for p in method.parameters:
            if p.is_in and not self.chance(0.08) or self.odd(0.02):
                given.append(self.forms.element(p, p.name, self.instances.value(cls.space, p)))
        if self.odd(0.03):
            name = r.choice(["Nothing", "Job", "ReturnValue"])
            given.append(f"<p:{name}>1</p:{name}>")
        if self.odd(0.03) and given:
            given.append(r.choice(given))
        r.random() < 0.1 and r.shuffle(given)
        name = method.name if not self.odd(0.02) else r.choice(["Nothing", method.name.lower(), "é"])
        base = uri if not self.odd(0.03) else k.DMTF + r.choice(["CIM_Nothing", cls.above or "x"])
        tag = f"{method.name}_INPUT" if not self.odd(0.02) else r.choice([method.name, "x", "INPUT"])
        body = f"<p:{tag} xmlns:p={quoteattr(base)}>{''.join(given)}</p:{tag}>"
        if self.odd(0.02):
            body = r.choice(["", "<x/>", "text", body * 2])
        request.label = f"{cls.space} {cls.name}.{method.name}"
        self.envelope(request, f"{base}/{name}", uri if not self.odd(0.02) else None, pairs, body)
        if not base:  # a prefix may not be bound to nothing: the text is not well-formed
            request.broken, request.message_id = True, None
        return request

    def odd_action(self):
        r, request, cls = self.rng, Request("other", ""), self.a_class()
        uri, pairs = self.selectors(cls)
        action = r.choice(["urn:x", "", k.X + "/Get ", k.X + "/get", k.E + "/Subscribe", k.N + "/GetStatus", k.N + "/Renew",
                           "http://schemas.dmtf.org/wbem/wsman/1/wsman/Ack", uri + "/", "/", "x" * 3000, k.X + "/GetResponse"])
        self.envelope(request, action, uri, pairs, r.choice(["", "<x/>"]))
        if action.endswith("/Ack"):
            request.message_id = None
        return request

    def identify(self):
        request = Request("Identify", k.identify())
        if self.chance(0.5):
            request.text = request.text.replace("<s:Header/>", self.rng.choice(["", "<s:Header></s:Header>", "<s:Header><x xmlns='urn:x'/></s:Header>"]))
        return request

    # --- broken text ------------------------------------------------------------------------------------------------
    def spoil(self, request):
        r, t = self.rng, request.text
        at = r.randrange(len(t))
        tags = [m.span() for m in re.finditer(r"<[^<>]*>", t)]
        tag = r.choice(tags)
        how = r.randrange(14)
        if how == 0:
            t = t[:at + 1]  # nothing at all is no message, but the start of a sign-in
        elif how == 1:
            t = t[:tag[0]] + t[tag[1]:]
        elif how == 2:
            t = t[:tag[1]] + t[tag[0]:]
        elif how == 3:
            t = t[:at] + r.choice(["<", ">", "&", "&#0;", "&#x110000;", "&lt;", "&unknown;", "<!--", "-->", "<![CDATA[", "]]>", "<?pi?>", "\x01", "\ufffe"]) + t[at:]
        elif how == 4:
            t = r.choice(['<!DOCTYPE a [<!ENTITY b "c">]>', '<?xml version="1.1"?>', '<?xml version="1.0" encoding="latin1"?>', " \n", "\ufeff"]) + t
        elif how == 5:
            t = t.replace(k.S, r.choice(["http://schemas.xmlsoap.org/soap/envelope/", "urn:x"]), 1)
        elif how == 6:
            a, b = sorted((r.choice(tags)[0], r.choice(tags)[0]))
            t = t[:b] + t[a:b] + t[b:]
        elif how == 7:
            t = t[:tag[1]] + "<d>" * r.choice([10, 60, 5000]) + t[tag[1]:]
        elif how == 8:
            n = r.choice([70, 3000])
            t = t[:tag[1]] + "<d " + " ".join(f'a{i}="{i}"' for i in range(n)) + "/>" + t[tag[1]:]
        elif how == 9:
            n = r.choice([10, 62, 70])
            t = t[:tag[1]] + "<d>" * n + "x" + "</d>" * n + t[tag[1]:]
        elif how == 10:
            a, b = r.choice(tags), r.choice(tags)
            t = t.replace(t[a[0]:a[1]], t[b[0]:b[1]])
        elif how == 11:
            t = t.replace('="', r.choice(["='", "=", '="&amp;']), r.choice([1, 5]))
        elif how == 12:
            t = t[:tag[1]] + "x" * r.choice([1000, 70000, 600000]) + t[tag[1]:]
        else:
            data = bytearray(t.encode("utf-8", "surrogatepass"))
            for _ in range(r.choice([1, 3, 20])):
                data[r.randrange(len(data))] = r.choice([0, 0x80, 0xC0, 0xFF, 0xED, r.randrange(256)])
            request.raw = bytes(data)
        request.text, request.broken, request.message_id = t, True, None

    def encode(self, request):
        r = self.rng
        encoding = r.choice(["utf-16", "utf-16-be", "utf-8-sig", "utf-16-mismatch", "latin", "media"])
        text = request.text
        if encoding == "utf-16-mismatch":
            request.raw = r.choice([b"\xff\xfe", b""]) + text.encode("utf-16-be", "surrogatepass") + r.choice([b"", b"\x00"])
            request.content_type = r.choice([request.content_type, "application/soap+xml;charset=UTF-16"])
        elif encoding == "latin":
            request.content_type = "application/soap+xml;charset=" + r.choice(["iso-8859-1", "utf-32", '"UTF-8', "x" * 300])
        elif encoding == "media":
            request.content_type = r.choice(["text/plain", "application/json", "", "multipart/related", "application/soap+xml;;;="])
        elif encoding == "utf-8-sig":
            request.encoding = encoding
            return
        else:
            request.encoding = "utf-16"
            request.content_type = "application/soap+xml;charset=UTF-16"
            if encoding == "utf-16-be" and not request.broken:
                request.raw = b"\xfe\xff" + text.encode(encoding, "surrogatepass")
            return
        request.broken, request.message_id = True, None

    def next(self):
        r = self.rng
        self.oddness = r.choice([0.05, 0.1, 0.1, 1])
        kind = r.choices(["Get", "Put", "Create", "Delete", "Enumerate", "Pull", "Release", "Invoke", "metadata", "Identify", "other"],
                         [14, 10, 6, 4, 18, 8, 2, 32, 4, 1, 1])[0]
        if kind in ("Get", "Put", "Create", "Delete"):
            request = self.transfer(kind)
        elif kind in ("Pull", "Release"):
            request = self.pull(kind)
        else:
            request = {"Enumerate": self.enumerate, "Invoke": self.invoke, "metadata": self.metadata, "Identify": self.identify,
                       "other": self.odd_action}[kind]()
        if XML_ILLEGAL.search(request.text):
            request.broken, request.message_id = True, None
        if self.chance(0.08):
            self.spoil(request)
        elif self.chance(0.06):
            self.encode(request)
        if self.chance(0.06):
            request.user = r.choice(["operator", "viewer"])
        return request

"""Envelopes for WS-Management as the different clients write them, answers as objects, and checks of faults.

Only Python's own library. A test builds a request with envelope() (or get(), enumerate_(), ... below), sends it with
Service.send(), and looks at the Reply. Service keeps one connection per thread of use; it is not shared.
"""
import base64
import http.client
import io
import itertools
import ssl
import uuid
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

S = "http://www.w3.org/2003/05/soap-envelope"
A = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
A5 = "http://www.w3.org/2005/08/addressing"
W = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
X = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
N = "http://schemas.xmlsoap.org/ws/2004/09/enumeration"
E = "http://schemas.xmlsoap.org/ws/2004/08/eventing"
P = "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"
F = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"
B = "http://schemas.dmtf.org/wbem/wsman/1/cimbinding.xsd"
I = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"
CIM = "http://schemas.dmtf.org/wbem/wscim/1/common"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
ANONYMOUS = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
ANONYMOUS5 = "http://www.w3.org/2005/08/addressing/anonymous"
FD = "http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/"
DMTF = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/"
ALL = "http://schemas.dmtf.org/wbem/wscim/1/*"
WMI = "http://schemas.microsoft.com/wbem/wsman/1/wmi/"
METADATA = "http://schemas.dmtf.org/wbem/cim-xml/2/cim-schema/2/"
WQL = "http://schemas.microsoft.com/wbem/wsman/1/WQL"
CQL = "http://schemas.dmtf.org/wbem/cql/1/dsp0202.pdf"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
SELECTOR = "http://schemas.dmtf.org/wbem/wsman/1/wsman/SelectorFilter"
ASSOCIATION = "http://schemas.dmtf.org/wbem/wsman/1/cimbinding/associationFilter"

ACTIONS = {
    "Get": X + "/Get", "Put": X + "/Put", "Create": X + "/Create", "Delete": X + "/Delete",
    "Enumerate": N + "/Enumerate", "Pull": N + "/Pull", "Release": N + "/Release",
}
FAULT_ACTIONS = {
    "wsa": A + "/fault", "wsman": "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault", "wxf": X + "/fault",
    "wsen": N + "/fault", "wse": E + "/fault", "wsmb": "http://schemas.dmtf.org/wbem/wsman/1/cimbinding/fault",
}
NAMESPACES = {"wsa": A, "wsman": W, "wxf": X, "wsen": N, "wse": E, "wsmb": B, "s": S, "wsa10": A5}
CONTENT_TYPE = "application/soap+xml;charset=UTF-8"


class Client:
    """How one kind of client writes its requests: prefixes, URI family, control headers."""

    def __init__(self, name, prefixes, family, control):
        self.name, self.family, self.control = name, family, control
        self.s, self.a, self.w, self.n, self.x = prefixes

    def class_uri(self, cls, namespace):
        return DMTF + cls if self.family == "dmtf" else WMI + namespace + "/" + cls

    def __repr__(self):
        return self.name


WINRM = Client("winrm", ("s", "a", "w", "n", "x"), "wmi",
               '<w:MaxEnvelopeSize s:mustUnderstand="true">512000</w:MaxEnvelopeSize>'
               '<w:Locale xml:lang="en-US" s:mustUnderstand="false"/>'
               '<p:DataLocale xml:lang="en-US" s:mustUnderstand="false"/>'
               '<p:SessionId s:mustUnderstand="false">uuid:{uuid}</p:SessionId>'
               '<p:OperationID s:mustUnderstand="false">uuid:{uuid}</p:OperationID>'
               '<p:SequenceId s:mustUnderstand="false">1</p:SequenceId>'
               '<w:OperationTimeout>PT60S</w:OperationTimeout>')
OPENWSMAN = Client("openwsman", ("s", "wsa", "wsman", "wsen", "wxf"), "wmi", "")
DMTF_CLIENT = Client("dmtf", ("env", "wsa", "wsman", "wsen", "wxf"), "dmtf",
                     "<wsman:OperationTimeout>PT60.000S</wsman:OperationTimeout>")
CLIENTS = [WINRM, OPENWSMAN, DMTF_CLIENT]


def selector(name, value):
    if isinstance(value, Epr):
        value = value.xml("wsa:EndpointReference", A)
        return f'<w:Selector Name={quoteattr(name)} xmlns:w="{W}">{value}</w:Selector>'
    return f'<w:Selector Name={quoteattr(name)} xmlns:w="{W}">{escape(str(value))}</w:Selector>'


def selector_set(selectors):
    if selectors is None:
        return ""
    items = selectors.items() if isinstance(selectors, dict) else selectors
    return f'<w:SelectorSet xmlns:w="{W}">' + "".join(selector(k, v) for k, v in items) + "</w:SelectorSet>"


class Epr:
    def __init__(self, uri, selectors, address=ANONYMOUS):
        self.uri, self.selectors, self.address = uri, selectors, address

    def content(self, a=A):
        return (f'<wsa:Address xmlns:wsa="{a}">{escape(self.address)}</wsa:Address>'
                f'<wsa:ReferenceParameters xmlns:wsa="{a}"><w:ResourceURI xmlns:w="{W}">{escape(self.uri)}'
                f"</w:ResourceURI>{selector_set(self.selectors)}</wsa:ReferenceParameters>")

    def xml(self, tag="wsa:EndpointReference", a=A):
        return f'<{tag} xmlns:wsa="{a}">{self.content(a)}</{tag}>'

    @staticmethod
    def read(node):
        parameters = next(n for n in node if n.tag.endswith("}ReferenceParameters"))
        address = next(n for n in node if n.tag.endswith("}Address")).text
        selectors = {}
        for s in parameters.findall(f"{{{W}}}SelectorSet/{{{W}}}Selector"):
            nested = next((n for n in s if n.tag.endswith("}EndpointReference")), None)
            selectors[s.get("Name")] = Epr.read(nested) if nested is not None else (s.text or "")
        return Epr(parameters.find(f"{{{W}}}ResourceURI").text, selectors, address)


_unset = object()


def envelope(action, uri=None, selectors=None, body="", *, client=WINRM, message_id=_unset, to="http://host:5985/wsman",
             reply_to=ANONYMOUS, headers="", control=None, addressing=A, soap=S, options=None, fragment=None,
             fragment_dialect=None, max_size=None, timeout=None):
    """One request. None leaves a header out; `headers` is raw and is put at the end of s:Header."""
    c = client
    if message_id is _unset:
        message_id = f"uuid:{str(uuid.uuid4()).upper()}"
    mu = f'{c.s}:mustUnderstand="true"'
    h = []
    if action is not None:
        h.append(f"<{c.a}:Action {mu}>{escape(action)}</{c.a}:Action>")
    if to is not None:
        h.append(f"<{c.a}:To>{escape(to)}</{c.a}:To>")
    if uri is not None:
        h.append(f"<{c.w}:ResourceURI {mu}>{escape(uri)}</{c.w}:ResourceURI>")
    if message_id is not None:
        h.append(f"<{c.a}:MessageID>{escape(message_id)}</{c.a}:MessageID>")
    if reply_to is not None:
        address = reply_to if reply_to.startswith("<") else f"<{c.a}:Address>{escape(reply_to)}</{c.a}:Address>"
        h.append(f"<{c.a}:ReplyTo>{address}</{c.a}:ReplyTo>")
    ctl = c.control if control is None else control
    ctl = ctl.replace("{uuid}", str(uuid.uuid4()))
    for name, value, tag in (("MaxEnvelopeSize", max_size, "MaxEnvelopeSize"), ("OperationTimeout", timeout, "OperationTimeout")):
        if value is not None:
            ctl = _without(ctl, tag)
            h.append(f"<{c.w}:{name} {mu}>{escape(str(value))}</{c.w}:{name}>")
    h.append(ctl)
    if selectors is not None:
        h.append(selector_set(selectors))
    if options is not None:
        h.append(f"<{c.w}:OptionSet>" + "".join(
            f"<{c.w}:Option Name={quoteattr(k)}{' MustComply=' + quoteattr('true') if must else ''}>{escape(v)}</{c.w}:Option>"
            for k, v, must in options) + f"</{c.w}:OptionSet>")
    if fragment is not None:
        dialect = f" Dialect={quoteattr(fragment_dialect)}" if fragment_dialect else ""
        ns = f' xmlns:q={quoteattr(uri)}' if uri else ""
        h.append(f"<{c.w}:FragmentTransfer {mu}{dialect}{ns}>{escape(fragment)}</{c.w}:FragmentTransfer>")
    h.append(headers)
    return (f'<{c.s}:Envelope xmlns:{c.s}="{soap}" xmlns:{c.a}="{addressing}" xmlns:{c.w}="{W}" xmlns:{c.n}="{N}" '
            f'xmlns:{c.x}="{X}" xmlns:p="{P}" xmlns:wsmb="{B}" xmlns:xsi="{XSI}">'
            f"<{c.s}:Header>{''.join(h)}</{c.s}:Header><{c.s}:Body>{body}</{c.s}:Body></{c.s}:Envelope>")


def _without(control, tag):
    import re
    return re.sub(rf"<(\w+:)?{tag}\b[^>]*>[^<]*</(\w+:)?{tag}>", "", control)


def filter_(dialect, content, tag="w:Filter"):
    d = f" Dialect={quoteattr(dialect)}" if dialect else ""
    return f'<{tag} xmlns:w="{W}" xmlns:n="{N}"{d}>{content}</{tag}>'


def enumerate_body(*, optimize=False, max_elements=None, mode=None, filter=None, polymorphism=None, expires=None, extra=""):
    b = f'<n:Enumerate xmlns:n="{N}" xmlns:w="{W}" xmlns:wsmb="{B}">'
    if expires:
        b += f"<n:Expires>{expires}</n:Expires>"
    if filter:
        b += filter
    if optimize:
        b += "<w:OptimizeEnumeration/>"
    if max_elements is not None:
        b += f"<w:MaxElements>{max_elements}</w:MaxElements>"
    if mode:
        b += f"<w:EnumerationMode>{mode}</w:EnumerationMode>"
    if polymorphism:
        b += f"<wsmb:PolymorphismMode>{polymorphism}</wsmb:PolymorphismMode>"
    return b + extra + "</n:Enumerate>"


def pull_body(context, *, max_elements=None, max_characters=None, max_time=None, extra=""):
    b = f'<n:Pull xmlns:n="{N}"><n:EnumerationContext>{escape(context)}</n:EnumerationContext>'
    if max_time:
        b += f"<n:MaxTime>{max_time}</n:MaxTime>"
    if max_elements is not None:
        b += f"<n:MaxElements>{max_elements}</n:MaxElements>"
    if max_characters is not None:
        b += f"<n:MaxCharacters>{max_characters}</n:MaxCharacters>"
    return b + extra + "</n:Pull>"


def release_body(context):
    return f'<n:Release xmlns:n="{N}"><n:EnumerationContext>{escape(context)}</n:EnumerationContext></n:Release>'


def identify():
    return f'<s:Envelope xmlns:s="{S}" xmlns:i="{I}"><s:Header/><s:Body><i:Identify/></s:Body></s:Envelope>'


class Fault:
    def __init__(self, node, prefixes):
        find = lambda path: node.find(path, {"s": S})

        def qname(text):
            prefix, _, local = text.strip().rpartition(":")
            return f"{{{prefixes[prefix]}}}{local}"

        self.node = node
        self.code = qname(find("s:Code/s:Value").text)
        sub = find("s:Code/s:Subcode/s:Value")
        self.subcode = qname(sub.text) if sub is not None else None
        text = find("s:Reason/s:Text")
        self.reason = text.text
        self.lang = text.get("{http://www.w3.org/XML/1998/namespace}lang")
        self.detail_node = find("s:Detail")
        details = [] if self.detail_node is None else self.detail_node.findall(f"{{{W}}}FaultDetail")
        self.details = [d.text for d in details]
        wf = None if self.detail_node is None else self.detail_node.find(f"{{{F}}}WSManFault")
        self.windows_code = int(wf.get("Code")) if wf is not None else None
        self.machine = wf.get("Machine") if wf is not None else None
        self.message = "".join(wf.itertext()) if wf is not None else None
        self.cim_error = None
        for n in [] if self.detail_node is None else self.detail_node:
            if n.tag.endswith("}CIM_Error"):
                self.cim_error = {c.tag.split("}")[1]: c.text for c in n}

    def __repr__(self):
        return f"<Fault {self.code} {self.subcode} {self.details} {self.reason!r}>"


class Reply:
    """A response: HTTP status and headers, and the envelope when it is one."""

    def __init__(self, status, headers, raw):
        self.status, self.headers, self.raw = status, headers, raw
        self.type = headers.get("Content-Type", "")
        self.envelope = None
        self.prefixes = {}
        if "soap+xml" in self.type and raw:
            events = ET.iterparse(io.BytesIO(raw), events=("start-ns", "end"))
            for kind, what in events:
                if kind == "start-ns":
                    self.prefixes.setdefault(*what)
            self.envelope = events.root
            assert self.envelope.tag == f"{{{S}}}Envelope", self.envelope.tag
        self.text = raw.decode("utf-16" if "16" in self.type else "utf-8", "replace")

    @property
    def header(self):
        return self.envelope.find(f"{{{S}}}Header")

    @property
    def body(self):
        return self.envelope.find(f"{{{S}}}Body")

    @property
    def content(self):
        children = list(self.body)
        assert len(children) == 1, [c.tag for c in children]
        return children[0]

    def header_text(self, name, ns=A):
        found = self.header.findall(f"{{{ns}}}{name}")
        assert len(found) <= 1, f"{name} is there {len(found)} times"
        return found[0].text if found else None

    @property
    def action(self):
        return self.header_text("Action") or self.header_text("Action", A5)

    @property
    def relates_to(self):
        return self.header_text("RelatesTo") or self.header_text("RelatesTo", A5)

    @property
    def message_id(self):
        return self.header_text("MessageID") or self.header_text("MessageID", A5)

    @property
    def fault(self):
        node = None if self.envelope is None else self.body.find(f"{{{S}}}Fault")
        return None if node is None else Fault(node, self.prefixes)

    def ok(self):
        assert self.status == 200 and self.fault is None, f"{self.status} {self.text[:3000]}"
        return self

    # enumeration
    @property
    def items(self):
        for ns in (W, N):
            found = self.content.find(f"{{{ns}}}Items")
            if found is not None:
                return list(found)
        return []

    @property
    def context(self):
        found = self.content.find(f"{{{N}}}EnumerationContext")
        return None if found is None else (found.text or "")

    @property
    def ended(self):
        return any(self.content.find(f"{{{ns}}}EndOfSequence") is not None for ns in (W, N))

    def __repr__(self):
        return f"<Reply {self.status} {self.text[:1500]}>"


def local(node):
    return node.tag.split("}")[-1]


def properties(node):
    """The children of an instance as a dictionary; arrays as lists, nil as None, complex content as the node."""
    out = {}
    for c in node:
        nil = c.get(f"{{{XSI}}}nil") in ("true", "1")
        value = None if nil else (c if len(c) else (c.text or ""))
        name = local(c)
        if name in out:
            out[name] = (out[name] if isinstance(out[name], list) else [out[name]]) + [value]
        else:
            out[name] = value
    return out


def assert_fault(reply, subcode, detail=None, code=None, status=(400, 500)):
    """`subcode` as "wsman:AccessDenied" (or several); `detail` the last part of FaultDetail, "" = there is none."""
    fault = reply.fault
    assert fault is not None, f"no fault: {reply.status} {reply.text[:2000]}"
    wanted = [subcode] if isinstance(subcode, str) else list(subcode)
    names = []
    for w in wanted:
        prefix, _, name = w.partition(":")
        names.append(f"{{{NAMESPACES[prefix]}}}{name}")
    assert fault.subcode in names, f"{fault} is none of {wanted}"
    prefix = wanted[names.index(fault.subcode)].partition(":")[0]
    if detail is not None:
        allowed = [detail] if isinstance(detail, str) else list(detail)
        have = [d[len(FD):] if d and d.startswith(FD) else d for d in fault.details] or [""]
        assert have[0] in allowed, f"{fault} has detail {have}, not {allowed}"
    if code is not None:
        assert fault.code == f"{{{S}}}{code}", fault
    action = FAULT_ACTIONS.get(prefix, A5 + "/fault" if prefix == "wsa10" else None)
    assert reply.action == action, f"action {reply.action} for {fault}"
    assert reply.status in ((status,) if isinstance(status, int) else status), reply.status
    assert fault.reason and fault.lang, fault
    return fault


class Service:
    """One client connection. `auth`: (user, password) or None."""

    def __init__(self, host, port, path="/wsman", tls=None, auth=None, timeout=30, encoding="utf-8"):
        self.host, self.port, self.path, self.tls, self.timeout = host, port, path, tls, timeout
        self.auth, self.encoding = auth, encoding
        self.connection = None

    def connect(self):
        if self.tls is not None:
            context = ssl.create_default_context(cafile=self.tls) if isinstance(self.tls, str) else self.tls
            return http.client.HTTPSConnection(self.host, self.port, timeout=self.timeout, context=context)
        return http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)

    def post(self, data, headers=None, path=None, content_type=None, auth=_unset):
        """Raw octets, as they are."""
        h = {"Content-Type": content_type or CONTENT_TYPE}
        auth = self.auth if auth is _unset else auth
        if auth:
            h["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode()
        h.update(headers or {})
        for attempt in (1, 2):
            if self.connection is None:
                self.connection = self.connect()
            try:
                self.connection.request("POST", path or self.path, body=data, headers=h)
                r = self.connection.getresponse()
                raw = r.read()
                if r.will_close:
                    self.close()
                return Reply(r.status, {k.title(): v for k, v in r.getheaders()}, raw)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                self.close()
                if attempt == 2:
                    raise

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def send(self, text, headers=None, path=None, auth=_unset):
        if self.encoding == "utf-16":
            return self.post(text.encode("utf-16"), headers, path, "application/soap+xml;charset=UTF-16", auth)
        return self.post(text.encode("utf-8"), headers, path, None, auth)

    # --- the operations -----------------------------------------------------------------------------------
    def call(self, operation, uri, selectors=None, body="", **more):
        return self.send(envelope(ACTIONS.get(operation, operation), uri, selectors, body, **more))

    def get(self, uri, selectors=None, **more):
        return self.call("Get", uri, selectors, **more)

    def put(self, uri, selectors, body, **more):
        return self.call("Put", uri, selectors, body, **more)

    def create(self, uri, body, selectors=None, **more):
        return self.call("Create", uri, selectors, body, **more)

    def delete(self, uri, selectors=None, **more):
        return self.call("Delete", uri, selectors, **more)

    def enumerate(self, uri, selectors=None, *, body=None, client=WINRM, **more):
        keys = ("optimize", "max_elements", "mode", "filter", "polymorphism", "expires", "extra")
        args = {k: more.pop(k) for k in keys if k in more}
        return self.call("Enumerate", uri, selectors, body or enumerate_body(**args), client=client, **more)

    def pull(self, uri, context, selectors=None, **more):
        keys = ("max_elements", "max_characters", "max_time", "extra")
        args = {k: more.pop(k) for k in keys if k in more}
        return self.call("Pull", uri, selectors, pull_body(context, **args), **more)

    def release(self, uri, context, selectors=None, **more):
        return self.call("Release", uri, selectors, release_body(context), **more)

    def all(self, uri, selectors=None, *, per_pull=100, **more):
        """Every item of an enumeration, through Pulls."""
        reply = self.enumerate(uri, selectors, **more).ok()
        items, context = list(reply.items), reply.context
        keep = {k: v for k, v in more.items() if k in ("client", "addressing", "max_size")}
        while not reply.ended:
            reply = self.pull(uri, context, selectors, max_elements=per_pull, **keep).ok()
            items += reply.items
            context = reply.context or context
        return items

    def query(self, namespace, text, dialect=WQL, **more):
        return self.all(WMI + namespace + "/*", filter=filter_(dialect, escape(text)), optimize=True,
                        max_elements=1000, **more)

    def invoke(self, uri, method, parameters="", selectors=None, **more):
        body = f'<p:{method}_INPUT xmlns:p="{uri}">{parameters}</p:{method}_INPUT>'
        return self.send(envelope(uri + "/" + method, uri, selectors, more.pop("body", body), **more))


counter = itertools.count(1)


def unique(prefix="t"):
    return f"{prefix}-{next(counter)}-{uuid.uuid4().hex[:8]}"

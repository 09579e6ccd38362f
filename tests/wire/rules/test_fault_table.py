"""Every row of the service's fault table (wsman/soap/fault.cpp), which is the master fault table of DSP0226 14.6 with the rows
of DSP0227 and SOAP, provoked over the wire: code, subcode, action, detail, reason in the language asked, HTTP status in both
configurations, Windows' number, CIM status. A row without a request that provokes it fails the last test."""
import pathlib
import re

import pytest

import soapkit as k
from faults import FaultDaemon
from soapkit import assert_fault

HERE = pathlib.Path(__file__).resolve().parent
MOFS = HERE.parent / "mof"
SOURCE = HERE.parents[2] / "wsman" / "soap"
LIMITS = "[wsman]\nsender_fault_status = {status}\n[wsman.limits]\nmax_contexts_per_user = 2\nmax_envelope_size = \"64KiB\"\n"
SPACE, ECHO = {"__cimnamespace": "root/test"}, {"__cimnamespace": "root/echo"}
BASE, TYPES, STRICT, PAIR = (k.DMTF + name for name in ("T_Base", "T_Types", "T_Strict", "T_Pair"))
NUMBERED, READ_ONLY, METHODS = k.DMTF + "T_Numbered", k.DMTF + "T_ReadOnly", k.DMTF + "T_Echo"
ONE = {**SPACE, "Id": "one"}


def xml(uri, **values):
    name = uri.rpartition("/")[2]
    return f'<p:{name} xmlns:p="{uri}">' + "".join(f"<p:{n}>{v}</p:{n}>" for n, v in values.items()) + f"</p:{name}>"


def method(s, name, inner="", **more):
    return s.invoke(METHODS, name, inner, {**ECHO, "Id": "one"}, **more)


def header(text):
    return lambda s, **more: s.get(BASE, ONE, headers=text, **more)


def quota(s, **more):
    opened = []
    try:
        for _ in range(4):
            reply = s.enumerate(BASE, SPACE, **more)
            if reply.fault is not None:
                return reply
            opened.append(reply.context)
    finally:
        for context in opened:
            s.release(BASE, context, SPACE)
    return reply


def character_set(s, **more):
    return s.post(k.envelope(k.ACTIONS["Get"], BASE, ONE, **more).encode(), content_type="application/soap+xml;charset=EBCDIC")


CLOSED = '<{0}:ReplyTo xmlns:{0}="{1}"><{0}:Address>http://other/</{0}:Address></{0}:ReplyTo>'
# (subcode, detail as fault.cpp names them): (how, fault code, subcode on the wire, FaultDetail, CIM status)
ROWS = {
    ("access_denied", ""): (lambda s, **m: s.viewer.delete(BASE, ONE, **m), "Sender", "wsman:AccessDenied", "", 2),
    ("action_not_supported", "action_mismatch"): (lambda s, **m: s.get(k.ALL, SPACE, **m), "Sender", "wsa:ActionNotSupported",
                                                  "ActionMismatch", None),
    ("action_not_supported", ""): (lambda s, **m: s.send(k.envelope("urn:what", BASE, ONE, **m)), "Sender", "wsa:ActionNotSupported",
                                   "", None),
    ("already_exists", ""): (lambda s, **m: s.create(BASE, xml(BASE, Id="one"), SPACE, **m), "Sender", "wsman:AlreadyExists", "", 11),
    ("enumeration_cannot_process_filter", ""): (lambda s, **m: s.enumerate(BASE, SPACE, filter=k.filter_(k.WQL, "SELECT"), **m),
                                                "Sender", "wsen:CannotProcessFilter", "", 15),
    ("cannot_process_filter", ""): (lambda s, **m: s.get(TYPES, {**SPACE, "Id": "types"}, fragment="Texts[", **m), "Sender",
                                    "wsman:CannotProcessFilter", "", None),
    ("concurrency", ""): (lambda s, **m: s.delete(METHODS, {**ECHO, "Id": "locked"}, **m), "Sender", "wsman:Concurrency", "", 1),
    ("destination_unreachable", "invalid_resource_uri"): (lambda s, **m: s.get(k.DMTF + "T_None", SPACE, **m), "Sender",
                                                          "wsa:DestinationUnreachable", "InvalidResourceURI", None),
    ("destination_unreachable", ""): (lambda s, **m: s.get(BASE, {**SPACE, "Id": "nobody"}, **m), "Sender",
                                      "wsa:DestinationUnreachable", "", 6),
    ("encoding_limit", "character_set"): (character_set, "Sender", "wsman:EncodingLimit", "CharacterSet", None),
    ("encoding_limit", "max_envelope_size"): (lambda s, **m: s.get(BASE, {**SPACE, "Id": "large"}, max_size=8192, **m), "Sender",
                                              "wsman:EncodingLimit", "MaxEnvelopeSize", None),
    ("encoding_limit", "minimum_envelope_limit"): (lambda s, **m: s.get(BASE, ONE, max_size=100, **m), "Sender",
                                                   "wsman:EncodingLimit", "MinimumEnvelopeLimit", None),
    ("encoding_limit", "option_limit"): (lambda s, **m: s.get(BASE, ONE, options=[(f"o{i}", "1", False) for i in range(300)], **m),
                                         "Sender", "wsman:EncodingLimit", "OptionLimit", None),
    ("encoding_limit", "selector_limit"): (lambda s, **m: s.get(BASE, {f"s{i}": "1" for i in range(300)}, **m), "Sender",
                                           "wsman:EncodingLimit", "SelectorLimit", None),
    ("encoding_limit", "service_envelope_limit"): (lambda s, **m: s.get(BASE, {**SPACE, "Id": "giant"}, **m), "Sender",
                                                   "wsman:EncodingLimit", "ServiceEnvelopeLimit", None),
    ("encoding_limit", "unreportable_success"): (lambda s, **m: s.put(BASE, ONE, xml(BASE, Name="y" * 9000), max_size=8192, **m),
                                                 "Sender", "wsman:EncodingLimit", "UnreportableSuccess", None),
    ("encoding_limit", "uri_limit"): (lambda s, **m: s.get(k.DMTF + "x" * 2100, ONE, **m), "Sender", "wsman:EncodingLimit",
                                      "URILimitExceeded", None),
    ("encoding_limit", ""): (lambda s, **m: s.get(BASE, ONE, headers="<q:h xmlns:q='urn:q' " + " ".join(
        f"a{i}='1'" for i in range(1000)) + "/>", **m), "Sender", "wsman:EncodingLimit", "", None),
    ("endpoint_unavailable", ""): (lambda s, **m: s.get(METHODS, {**ECHO, "Id": "offline"}, **m), "Receiver",
                                   "wsa:EndpointUnavailable", "ResourceOffline", 1),
    ("filter_dialect_unavailable", ""): (lambda s, **m: s.enumerate(BASE, SPACE, filter=k.filter_("urn:x", "y"), **m), "Sender",
                                         "wsen:FilterDialectRequestedUnavailable", "", None),
    ("filtering_not_supported", ""): (lambda s, **m: s.enumerate(k.METADATA + "*", SPACE, filter=k.filter_(k.XPATH, "a"), **m),
                                      "Sender", "wsen:FilteringNotSupported", "", None),
    ("fragment_dialect_not_supported", ""): (lambda s, **m: s.get(BASE, ONE, fragment="Name", fragment_dialect="urn:x", **m),
                                             "Sender", "wsman:FragmentDialectNotSupported", "", None),
    ("internal_error", ""): (lambda s, **m: method(s, "Throws", **m), "Receiver", "wsman:InternalError", "", 1),
    ("invalid_enumeration_context", ""): (lambda s, **m: s.pull(BASE, "uuid:none", SPACE, **m), "Receiver",
                                          "wsen:InvalidEnumerationContext", "", 21),
    ("invalid_expiration_time", ""): (lambda s, **m: s.enumerate(BASE, SPACE, expires="tomorrow", **m), "Sender",
                                      "wsen:InvalidExpirationTime", "", None),
    ("invalid_header", ""): (lambda s, **m: s.get(BASE, ONE, timeout="soon", **m), "Sender", "wsa:InvalidMessageInformationHeader",
                             "", None),
    ("invalid_options", "not_supported"): (lambda s, **m: s.get(BASE, ONE, options=[("ShowExtensions", "true", True)], **m),
                                           "Sender", "wsman:InvalidOptions", "NotSupported", None),
    ("invalid_options", "invalid_name"): (lambda s, **m: s.get(BASE, ONE, options=[("Odd", "1", True)], **m), "Sender",
                                          "wsman:InvalidOptions", "InvalidName", None),
    ("invalid_options", "invalid_value"): (lambda s, **m: s.get(k.METADATA + "T_Base", SPACE, options=[
        ("IncludeQualifiers", "perhaps", False)], **m), "Sender", "wsman:InvalidOptions", "InvalidValue", None),
    ("invalid_parameter", "type_mismatch"): (lambda s, **m: method(s, "Echo", "<p:U8>x</p:U8>", **m), "Sender",
                                             "wsman:InvalidParameter", "TypeMismatch", 13),
    ("invalid_parameter", "invalid_name"): (lambda s, **m: method(s, "Echo", "<p:Odd>x</p:Odd>", **m), "Sender",
                                            "wsman:InvalidParameter", "InvalidName", None),
    ("invalid_parameter", ""): (lambda s, **m: method(s, "Needs", **m), "Sender", "wsman:InvalidParameter", "", 4),
    ("invalid_representation", "invalid_values"): (lambda s, **m: s.put(BASE, ONE, xml(BASE, Number="many"), **m), "Sender",
                                                   "wxf:InvalidRepresentation", "InvalidValues", 13),
    ("invalid_representation", "missing_values"): (lambda s, **m: s.create(STRICT, xml(STRICT, Id="x"), SPACE, **m), "Sender",
                                                   "wxf:InvalidRepresentation", "MissingValues", 4),
    ("invalid_representation", "invalid_namespace"): (lambda s, **m: s.put(BASE, ONE, xml(PAIR, Name="x"), **m), "Sender",
                                                      "wxf:InvalidRepresentation", "InvalidNamespace", None),
    ("invalid_representation", "invalid_fragment"): (lambda s, **m: s.put(BASE, ONE, xml(BASE, Name="x"), fragment="Name", **m),
                                                     "Sender", "wxf:InvalidRepresentation", "InvalidFragment", None),
    ("invalid_selectors", "insufficient_selectors"): (lambda s, **m: s.get(BASE, SPACE, **m), "Sender", "wsman:InvalidSelectors",
                                                      ("InsufficientSelectors", "AmbiguousSelectors"), 4),
    ("invalid_selectors", "unexpected_selectors"): (lambda s, **m: s.get(BASE, {**ONE, "Odd": "1"}, **m), "Sender",
                                                    "wsman:InvalidSelectors", "UnexpectedSelectors", 4),
    ("invalid_selectors", "type_mismatch"): (lambda s, **m: s.get(NUMBERED, {**SPACE, "N": "abc"}, **m), "Sender",
                                             "wsman:InvalidSelectors", "TypeMismatch", 13),
    ("invalid_selectors", "invalid_value"): (lambda s, **m: s.get(k.WMI + "root/test/T_Base", {**ONE, **ECHO}, **m), "Sender",
                                             "wsman:InvalidSelectors", "InvalidValue", None),
    ("invalid_selectors", "ambiguous_selectors"): (lambda s, **m: s.get(PAIR, {**SPACE, "A": "a"}, **m), "Sender",
                                                   "wsman:InvalidSelectors", "AmbiguousSelectors", None),
    ("invalid_selectors", "duplicate_selectors"): (lambda s, **m: s.get(BASE, [*ONE.items(), ("id", "one")], **m), "Sender",
                                                   "wsman:InvalidSelectors", "DuplicateSelectors", None),
    ("header_required", ""): (lambda s, **m: s.get(BASE, ONE, to=None, **m), "Sender", "wsa:MessageInformationHeaderRequired", "", None),
    ("polymorphism_not_supported", ""): (lambda s, **m: s.enumerate(BASE, SPACE, polymorphism="Some", **m), "Sender",
                                         "wsmb:PolymorphismModeNotSupported", "", None),
    ("quota_limit", ""): (quota, "Sender", "wsman:QuotaLimit", "", 27),
    ("schema_validation", ""): (lambda s, **m: s.call("Enumerate", BASE, SPACE, "<x/>", **m), "Sender",
                                "wsman:SchemaValidationError", "", None),
    ("timed_out", ""): (lambda s, **m: s.get(BASE, ONE, timeout="PT0.000001S", **m), "Receiver", "wsman:TimedOut", "", None),
    ("unsupported_feature", "addressing_mode"): (lambda s, **m: s.get(BASE, ONE, reply_to="http://other/", **m), "Sender",
                                                 "wsman:UnsupportedFeature", "AddressingMode", None),
    ("unsupported_feature", "enumeration_mode"): (lambda s, **m: s.enumerate(BASE, SPACE, mode="EnumerateMost", **m), "Sender",
                                                  "wsman:UnsupportedFeature", "EnumerationMode", None),
    ("unsupported_feature", "locale"): (lambda s, **m: s.get(BASE, ONE, **{
        **m, "control": m.get("control", '<w:Locale xml:lang="en-US"/>').replace("/>", ' s:mustUnderstand="true"/>')}), "Sender",
        "wsman:UnsupportedFeature", "Locale", None),
    ("unsupported_feature", ""): (lambda s, control="", **m: header('<p:DataLocale xml:lang="de" s:mustUnderstand="true"/>')(
        s, control=control, **m), "Sender", "wsman:UnsupportedFeature", "DataLocale", None),
    ("must_understand", ""): (header('<q:odd xmlns:q="urn:q" s:mustUnderstand="true"/>'), "MustUnderstand", None, "", None),
    ("version_mismatch", ""): (lambda s, **m: s.get(BASE, ONE, soap="http://schemas.xmlsoap.org/soap/envelope/", **m),
                               "VersionMismatch", None, "", None),
}
# What no request gets: every place that sends such a fault gives a detail.
NEVER = {("invalid_options", ""), ("invalid_representation", ""), ("invalid_selectors", "")}
# Of what is refused before its headers are read the language is not known.
ENGLISH_ONLY = {("encoding_limit", "character_set"), ("encoding_limit", ""), ("version_mismatch", "")}


def service(daemon, transport, user):
    scheme, _, encoding = transport.partition("-")
    auth = (user, daemon.users[user][0])
    if scheme == "https":
        return k.Service("localhost", daemon.https_port, tls=str(daemon.ca), auth=auth, encoding=encoding)
    return k.Service("127.0.0.1", daemon.http_port, auth=auth, encoding=encoding)


@pytest.fixture(scope="module", params=[500, 400])
def svc(request, transport):
    spaces = "".join(f'[[namespace]]\nname = "root/{n}"\nmof = ["{MOFS / f"root_{n}.mof"}"]\n' for n in ("test", "echo"))
    users = {"admin": ("secret-a", "administrator"), "viewer": ("secret-v", "viewer")}
    with FaultDaemon(users=users, more=LIMITS.format(status=request.param) + spaces) as running:
        s = service(running, transport, "admin")
        s.viewer, s.sender_status = service(running, transport, "viewer"), request.param
        for key, name in (("one", "n"), ("two", "n"), ("large", "x" * 20_000), ("giant", "x" * 100_000)):
            s.create(BASE, xml(BASE, Id=key, Name=name), SPACE, control="").ok()
        s.create(TYPES, xml(TYPES, Id="types"), SPACE).ok()
        for b in "bc":
            s.create(PAIR, xml(PAIR, A="a", B=b), SPACE).ok()
        yield s
        s.close()
        s.viewer.close()


def table():
    """(subcode, detail) -> (Windows' number, text) from the source."""
    text = (SOURCE / "fault.cpp").read_text()
    rows = re.findall(r'TextRow\{\s*Subcode::(\w+),\s*(?:fd::(\w+)|\{\}),\s*(\d+),\s*"((?:[^"]|"\s*")*)"', text)
    return {(subcode, detail): (int(number), re.sub(r'"\s*"', "", reason)) for subcode, detail, number, reason in rows}


TABLE = table()


def check(reply, row, status):
    _, code, subcode, detail, cim = ROWS[row]
    if subcode is None:
        fault = reply.fault
        assert fault is not None and fault.subcode is None and reply.action == k.FAULT_ACTIONS["wsa"], reply
        assert fault.code == f"{{{k.S}}}{code}" and reply.status == 500
    else:
        fault = assert_fault(reply, subcode, detail, code=code, status=status if code == "Sender" else 500)
    assert fault.windows_code == TABLE[row][0]
    assert fault.machine == "TESTHOST" and fault.message
    if cim is not None:
        assert fault.cim_error is not None and int(fault.cim_error["CIMStatusCode"]) == cim
    return fault


@pytest.mark.parametrize("row", ROWS, ids=["-".join(filter(None, row)) for row in ROWS])
def test_W_SOAP_19_W_HTTP_09_C_ERR_03_row_of_the_fault_table(svc, row):
    how = ROWS[row][0]
    english = check(how(svc), row, svc.sender_status)
    assert english.lang == "en-US" and len(english.reason) >= 10 and english.reason.endswith((".", ")"))
    if row not in ENGLISH_ONLY:
        german = check(how(svc, control='<w:Locale xml:lang="de-DE"/>'), row, svc.sender_status)
        assert german.lang == "de" and german.reason != english.reason


def test_W_SOAP_19_every_row_is_provoked():
    assert len(TABLE) > 50, "the table was not read"
    assert set(TABLE) == set(ROWS) | NEVER
    used = "".join(p.read_text() for folder in ("soap", "ops") for p in (SOURCE.parent / folder).glob("*.cpp")
                   if not p.name.startswith("fault"))
    for subcode, _ in NEVER:
        assert not re.search(rf"Subcode::{subcode}\s*(?:,\s*\{{\}}|\)|\}})", used), subcode

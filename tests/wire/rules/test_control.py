"""Control headers: timeout, envelope size, locale, options, RequestEPR (DSP0226 clause 6)."""
import time

import pytest

import soapkit as k
from soapkit import assert_fault


@pytest.mark.parametrize("timeout", ["PT60S", "PT60.000S", "P0DT0H0M60S", "PT1M"])
def test_W_TMO_01_forms_of_timeout(svc, uri, base, timeout):
    svc.get(uri("T_Base"), base, timeout=timeout).ok()


@pytest.mark.parametrize("timeout", ["2026-01-01T00:00:00Z", "PT0S", "-PT5S", "", "60", "soon"])
def test_W_TMO_02_invalid_timeout(svc, uri, base, timeout):
    assert_fault(svc.get(uri("T_Base"), base, timeout=timeout), "wsa:InvalidMessageInformationHeader", code="Sender")


def test_W_TMO_04_07_huge_or_absent_timeout(svc, uri, base):
    svc.get(uri("T_Base"), base, timeout="P999D").ok()
    svc.get(uri("T_Base"), base, control="").ok()


def test_W_TMO_05_08_timeout_is_observed(svc, uri, base):
    start = time.monotonic()
    fault = assert_fault(svc.get(uri("T_Base"), base, timeout="PT0.000001S"), "wsman:TimedOut", code="Receiver")
    assert time.monotonic() - start < 5
    assert fault.windows_code == 2150858793


def test_W_TMO_06_nothing_is_begun_after_the_timeout(svc, uri, make):
    keys = make("T_Base", Name="before")
    body = f'<p:T_Base xmlns:p="{uri("T_Base")}"><p:Name>after</p:Name></p:T_Base>'
    assert_fault(svc.put(uri("T_Base"), keys, body, timeout="PT0.000001S"), "wsman:TimedOut")
    assert k.properties(svc.get(uri("T_Base"), keys).ok().content)["Name"] == "before"


def test_W_ENV_02_answer_over_the_clients_limit(svc, uri, make):
    keys = make("T_Base", Name="x" * 10_000)
    assert_fault(svc.get(uri("T_Base"), keys, max_size=8192), "wsman:EncodingLimit", "MaxEnvelopeSize", code="Sender")
    svc.get(uri("T_Base"), keys, max_size=60_000).ok()


def test_W_ENV_03_W_PUT_10_unreportable_success(svc, uri, make):
    keys = make("T_Base", Name="small")
    name = "y" * 10_000
    body = f'<p:T_Base xmlns:p="{uri("T_Base")}"><p:Name>{name}</p:Name></p:T_Base>'
    assert_fault(svc.put(uri("T_Base"), keys, body, max_size=8192), "wsman:EncodingLimit", "UnreportableSuccess")
    assert k.properties(svc.get(uri("T_Base"), keys).ok().content)["Name"] == name


def test_W_CRE_08_created_but_not_reported(svc, uri, space, new_instance):
    key = "k" * 9000
    reply = svc.create(uri("T_Base"), new_instance("T_Base", {"Id": key}), space, max_size=8192)
    assert_fault(reply, "wsman:EncodingLimit", "UnreportableSuccess")
    svc.delete(uri("T_Base"), {**space, "Id": key}).ok()


def test_W_ENV_04_limit_without_must_understand(svc, uri, make):
    keys = make("T_Base", Name="x" * 10_000)
    reply = svc.get(uri("T_Base"), keys, control="<w:MaxEnvelopeSize>8192</w:MaxEnvelopeSize>")
    assert reply.fault is None or assert_fault(reply, "wsman:EncodingLimit", "MaxEnvelopeSize")


def test_W_ENV_05_least_size(svc, uri, base):
    assert_fault(svc.get(uri("T_Base"), base, max_size=8191), "wsman:EncodingLimit", "MinimumEnvelopeLimit")
    svc.get(uri("T_Base"), base, max_size=8192).ok()


@pytest.mark.parametrize("size", ["10000000", "4294967296", "99999999999999999999999"])
def test_W_ENV_06_size_beyond_ours(svc, uri, base, size):
    svc.get(uri("T_Base"), base, max_size=size).ok()


def test_W_ENV_09_policy_is_ignored(svc, uri, base):
    svc.get(uri("T_Base"), base, control='<w:MaxEnvelopeSize Policy="Skip">100000</w:MaxEnvelopeSize>').ok()


def test_W_LOC_01_04_locale_is_a_hint(svc, uri, base):
    reply = svc.get(uri("T_Base"), base, control='<w:Locale xml:lang="fr-FR" s:mustUnderstand="false"/>').ok()
    assert reply.envelope.get("{http://www.w3.org/XML/1998/namespace}lang")


def in_language(tag):
    return f'<w:Locale xml:lang="{tag}" s:mustUnderstand="false"/>'


@pytest.mark.parametrize("asked, given", [("de-DE", "de"), ("de", "de"), ("DE-at", "de"), ("en-GB", "en-US"), ("fr-FR", "en-US"),
                                          ("den", "en-US"), ("??", "en-US")])
def test_W_LOC_01_04_reasons_in_the_language_asked(svc, uri, space, asked, given):
    reply = svc.get(uri("T_None"), space, control=in_language(asked))
    fault = assert_fault(reply, "wsa:DestinationUnreachable", "InvalidResourceURI")
    assert fault.lang == given and reply.envelope.get("{http://www.w3.org/XML/1998/namespace}lang") == given
    texts = fault.node.findall(f"{{{k.S}}}Reason/{{{k.S}}}Text")
    languages = [t.get("{http://www.w3.org/XML/1998/namespace}lang") for t in texts]
    assert len(set(languages)) == len(languages) and "en-US" in languages
    assert any("T_None" in t.text for t in texts), "what only this fault can say is never lost"
    assert "T_None" in fault.message and fault.message.startswith(fault.reason)


def test_W_LOC_04_answers_that_are_no_faults_are_english(svc, uri, base):
    reply = svc.get(uri("T_Base"), base, control=in_language("de-DE")).ok()
    assert reply.envelope.get("{http://www.w3.org/XML/1998/namespace}lang") == "en-US"


def test_W_LOC_05_the_language_of_the_first_message_counts(svc, uri, space, make):
    make("T_Base", Name="x" * 20_000)
    opened = svc.enumerate(uri("T_Base"), space, filter=k.filter_(k.WQL, "SELECT * FROM T_Base WHERE Name LIKE 'xxxxxxxxxx%'"),
                           control=in_language("de")).ok()
    reply = svc.pull(uri("T_Base"), opened.context, space, max_size=8192, control=in_language("en-US"))
    assert assert_fault(reply, "wsman:EncodingLimit", "MaxEnvelopeSize").lang == "de"
    svc.release(uri("T_Base"), opened.context, space).ok()


def test_W_LOC_02_MS_08_locale_with_must_understand(svc, uri, base):
    reply = svc.get(uri("T_Base"), base, control='<w:Locale xml:lang="en-US" s:mustUnderstand="true"/>')
    assert_fault(reply, "wsman:UnsupportedFeature", "Locale", code="Sender")


@pytest.mark.parametrize("locale", ['<w:Locale xml:lang="??"/>', "<w:Locale/>"])
def test_W_LOC_03_invalid_language(svc, uri, base, locale):
    reply = svc.get(uri("T_Base"), base, control=locale)
    assert reply.fault is None or assert_fault(reply, "wsman:SchemaValidationError")


def test_W_LOC_05_W_OPT_07_later_headers_do_not_count(svc, uri, space, three):
    reply = svc.enumerate(uri("T_Base"), space).ok()
    svc.pull(uri("T_Base"), reply.context, space, control='<w:Locale xml:lang="de-DE"/>',
             options=[("nonsense", "1", True)]).ok()


def test_W_OPT_01_05_08_11_forms_of_options(svc, uri, base):
    svc.get(uri("T_Base"), base, options=[("wmi:x", "1", True), ("http://x/y", "2", False), ("wmi:x", "3", False),
                                          ("o" * 2048, "v" * 4096, False)]).ok()


def test_W_OPT_02_option_set_as_a_whole(svc, uri, base):
    svc.get(uri("T_Base"), base, headers='<w:OptionSet s:mustUnderstand="true"><w:Option Name="a">1</w:Option></w:OptionSet>').ok()


def test_W_OPT_03_must_comply(svc, uri, base):
    assert_fault(svc.get(uri("T_Base"), base, options=[("Frobnicate", "1", True)]), "wsman:InvalidOptions",
                 ["InvalidName", "NotSupported"])
    svc.get(uri("T_Base"), base, options=[("Frobnicate", "1", False)]).ok()


def test_W_OPT_04_C_XML_18_bad_option_value(svc, uri, base):
    assert_fault(svc.get(uri("T_Base"), base, options=[("ShowExtensions", "maybe", True)]), "wsman:InvalidOptions", "InvalidValue")
    assert_fault(svc.get(uri("T_Base"), base, options=[("ShowExtensions", "true", True)]), "wsman:InvalidOptions", "NotSupported")
    svc.get(uri("T_Base"), base, options=[("ShowExtensions", "true", False)]).ok()


def test_W_OPT_06_too_many_options(svc, uri, base):
    many = [(f"o{i}", "", False) for i in range(600)]
    assert_fault(svc.get(uri("T_Base"), base, options=many, control=""), "wsman:EncodingLimit", "OptionLimit")


def test_W_OPT_09_no_options_in_answers(svc, uri, base):
    reply = svc.get(uri("T_Base"), base, options=[("a", "1", False)]).ok()
    assert reply.header.find(f"{{{k.W}}}OptionSet") is None


def test_W_OPT_12_empty_option_is_true(svc, uri, space):
    with_qualifiers = svc.get(k.METADATA + "T_Base", space, options=[("IncludeQualifiers", "", False)]).ok()
    without = svc.get(k.METADATA + "T_Base", space, options=[("IncludeQualifiers", "false", False)]).ok()
    assert with_qualifiers.content.findall(".//QUALIFIER") and not without.content.findall(".//QUALIFIER")


@pytest.mark.parametrize("mu", ["", ' s:mustUnderstand="true"'])
def test_W_EPR_01_03_MS_37_request_epr(svc, uri, base, mu):
    reply = svc.get(uri("T_Base"), base, headers=f"<w:RequestEPR{mu}/>").ok()
    epr = k.Epr.read(reply.header.find(f"{{{k.W}}}RequestedEPR")[0])
    assert epr.uri == uri("T_Base") and epr.selectors == base
    assert svc.get(uri("T_Base"), base).ok().header.find(f"{{{k.W}}}RequestedEPR") is None


def test_W_EPR_02_epr_invalid_after_delete(svc, uri, make):
    reply = svc.delete(uri("T_Base"), make("T_Base"), headers="<w:RequestEPR/>").ok()
    assert reply.header.find(f"{{{k.W}}}RequestedEPR/{{{k.W}}}EPRInvalid") is not None


@pytest.mark.parametrize("header", [
    '<p:DataLocale xml:lang="de-DE" s:mustUnderstand="false"/>', '<p:ActivityId s:mustUnderstand="true">uuid:1</p:ActivityId>',
    '<p:SessionId s:mustUnderstand="true">uuid:1</p:SessionId>', '<p:OperationID s:mustUnderstand="true">uuid:1</p:OperationID>',
    '<p:SequenceId s:mustUnderstand="true">2</p:SequenceId>'])
def test_MS_09_10_11_12_31_headers_of_windows_clients(svc, uri, base, header):
    reply = svc.get(uri("T_Base"), base, control=header).ok()
    for name in ("OperationID", "SequenceId", "SessionId"):
        assert reply.header.find(f"{{{k.P}}}{name}") is None


def test_MS_09_data_locale_with_must_understand(svc, uri, base):
    reply = svc.get(uri("T_Base"), base, control='<p:DataLocale xml:lang="en-US" s:mustUnderstand="true"/>')
    assert_fault(reply, "wsman:UnsupportedFeature", "DataLocale")


def test_MS_10_long_activity_id(svc, uri, base):
    reply = svc.get(uri("T_Base"), base, headers=f"<p:ActivityId>{'x' * 2049}</p:ActivityId>")
    assert_fault(reply, "wsa:InvalidMessageInformationHeader")


def test_MS_13_options_of_windows_clients(svc, uri, base):
    svc.get(uri("T_Base"), base, options=[("__MI_OPERATIONOPTIONS_X", "1", True), ("__MI_CallbackRegistration", "1", True),
                                          ("wmi:y", "z", True), ("wmiarray:a", "1", True)]).ok()

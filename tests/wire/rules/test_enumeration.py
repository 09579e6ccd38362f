"""Enumerate, Pull, Release (DSP0226 clause 8, DSP0227 9.3)."""
import datetime
import re
import threading

import pytest

import soapkit as k
from soapkit import assert_fault


def seconds(duration):
    d, h, m, s = (float(x or 0) for x in re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?", duration).groups())
    return ((d * 24 + h) * 60 + m) * 60 + s


def numbers(items):
    return [int(k.properties(i)["N"]) for i in items]


@pytest.fixture
def marked(svc, three):
    """WQL filter text that selects exactly the three instances."""
    name = "SELECT * FROM T_Base WHERE Name = '%s'"
    mark = k.properties(svc.get(k.DMTF + "T_Base", three[0]).ok().content)["Name"]
    return k.filter_(k.WQL, name % mark)


def test_W_ENU_01_36_C_OP_06_plain_enumeration(svc, uri, space, many):
    first = svc.enumerate(uri("T_Many"), space).ok()
    assert first.action == k.ACTIONS["Enumerate"] + "Response"
    assert first.context and not first.items and not first.ended
    seen = []
    reply = None
    while reply is None or not reply.ended:
        reply = svc.pull(uri("T_Many"), (reply or first).context or first.context, space, max_elements=60).ok()
        assert reply.action == k.ACTIONS["Pull"] + "Response"
        seen += numbers(reply.items)
    assert sorted(seen) == list(range(many))


@pytest.mark.parametrize("action", ["Renew", "GetStatus", "EnumerationEnd"])
def test_W_ENU_02_no_renew(svc, uri, space, action):
    assert_fault(svc.send(k.envelope(f"{k.N}/{action}", uri("T_Base"), space)), "wsa:ActionNotSupported")


def test_W_ENU_03_end_to(svc, uri, space):
    reply = svc.enumerate(uri("T_Base"), space, extra=f"<n:EndTo><a:Address xmlns:a='{k.A}'>{k.ANONYMOUS}</a:Address></n:EndTo>")
    assert_fault(reply, "wsman:UnsupportedFeature", "AddressingMode")


def test_W_ENU_04_context_in_the_answer(svc, uri, space, three):
    assert svc.enumerate(uri("T_Base"), space).ok().context


def test_W_ENU_05_one_user(svc, connect, uri, space, three):
    other = connect("second")
    reply = svc.enumerate(uri("T_Base"), space).ok()
    for f in (other.pull, other.release):
        assert_fault(f(uri("T_Base"), reply.context, space), ["wsman:AccessDenied", "wsen:InvalidEnumerationContext"])
    svc.pull(uri("T_Base"), reply.context, space).ok()


@pytest.mark.parametrize("expires", ["PT0S", "-PT5S", "2001-01-01T00:00:00Z", "tomorrow"])
def test_W_ENU_06_bad_expiry(svc, uri, space, expires):
    assert_fault(svc.enumerate(uri("T_Base"), space, expires=expires), "wsen:InvalidExpirationTime", code="Sender")


def test_W_ENU_07_08_09_granted_expiry(svc, uri, space, three):
    reply = svc.enumerate(uri("T_Base"), space, expires="PT10M").ok()
    assert seconds(reply.content.find(f"{{{k.N}}}Expires").text) == 600
    asked = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    granted = svc.enumerate(uri("T_Base"), space, expires=asked).ok().content.find(f"{{{k.N}}}Expires").text
    assert granted.startswith(asked[:16])
    long = svc.enumerate(uri("T_Base"), space, expires="P99D").ok().content.find(f"{{{k.N}}}Expires").text
    assert seconds(long) == 3600


def test_W_ENU_10_31_stale_contexts(svc, uri, space, three):
    fault = assert_fault(svc.pull(uri("T_Base"), "uuid:never-was", space), "wsen:InvalidEnumerationContext", code="Receiver")
    assert fault.details == []
    assert_fault(svc.release(uri("T_Base"), "uuid:never-was", space), "wsen:InvalidEnumerationContext", code="Receiver")


def test_W_ENU_11_expired_context(svc, uri, space, three):
    import time
    reply = svc.enumerate(uri("T_Base"), space, expires="PT0.2S").ok()
    time.sleep(0.4)
    assert_fault(svc.pull(uri("T_Base"), reply.context, space), "wsen:InvalidEnumerationContext", code="Receiver")


def test_W_ENU_12_MS_37_total(svc, uri, space, many):
    ask = "<w:RequestTotalItemsCountEstimate/>"
    reply = svc.enumerate(uri("T_Many"), space, headers=ask).ok()
    total = reply.header.find(f"{{{k.W}}}TotalItemsCountEstimate")
    assert total.get(f"{{{k.XSI}}}nil") == "true" or int(total.text) == many
    pulled = svc.pull(uri("T_Many"), reply.context, space, max_elements=3, headers=ask).ok()
    assert pulled.header.find(f"{{{k.W}}}TotalItemsCountEstimate").text == total.text
    assert svc.pull(uri("T_Many"), reply.context, space).ok().header.find(f"{{{k.W}}}TotalItemsCountEstimate") is None
    svc.release(uri("T_Many"), reply.context, space).ok()


def test_W_ENU_13_14_15_modes(svc, uri, space, namespace, marked, three):
    args = dict(filter=marked, optimize=True, max_elements=10)
    ids = {t["Id"] for t in three}
    objects = svc.enumerate(uri("T_Base"), space, **args).ok().items
    assert {k.properties(o)["Id"] for o in objects} == ids
    same = svc.enumerate(uri("T_Base"), space, mode="EnumerateObject", **args).ok().items
    assert len(same) == 3
    eprs = svc.enumerate(uri("T_Base"), space, mode="EnumerateEPR", **args).ok().items
    assert all(e.tag == f"{{{k.A}}}EndpointReference" for e in eprs)
    assert {k.Epr.read(e).selectors["Id"] for e in eprs} == ids
    for e in eprs:
        svc.get(k.Epr.read(e).uri, k.Epr.read(e).selectors).ok()
    both = svc.enumerate(uri("T_Base"), space, mode="EnumerateObjectAndEPR", **args).ok().items
    for item in both:
        assert item.tag == f"{{{k.W}}}Item" and [k.local(c) for c in item] == ["T_Base", "EndpointReference"]
        assert k.Epr.read(item[1]).selectors["Id"] == k.properties(item[0])["Id"]


def test_W_ENU_16_unknown_mode(svc, uri, space):
    assert_fault(svc.enumerate(uri("T_Base"), space, mode="Foo"), "wsman:UnsupportedFeature", "EnumerationMode")


def test_W_ENU_17_18_20_21_all_in_one_answer(svc, uri, space, marked):
    reply = svc.enumerate(uri("T_Base"), space, filter=marked, optimize=True, max_elements=100).ok()
    assert len(reply.items) == 3
    assert reply.content.find(f"{{{k.W}}}Items") is not None and reply.content.find(f"{{{k.W}}}EndOfSequence") is not None
    assert reply.content.find(f"{{{k.N}}}Items") is None
    assert reply.context == ""
    assert_fault(svc.pull(uri("T_Base"), "", space), "wsen:InvalidEnumerationContext")


@pytest.mark.parametrize("first", [1, 2, 3])
def test_W_ENU_18_19_37_rest_by_pull(svc, uri, space, marked, three, first):
    reply = svc.enumerate(uri("T_Base"), space, filter=marked, optimize=True, max_elements=first).ok()
    got = [k.properties(i)["Id"] for i in reply.items]
    assert len(got) == first and reply.ended == (first == 3)
    while not reply.ended:
        reply = svc.pull(uri("T_Base"), reply.context, space, max_elements=1).ok()
        assert reply.content.find(f"{{{k.N}}}Items") is not None and reply.content.find(f"{{{k.W}}}Items") is None
        got += [k.properties(i)["Id"] for i in reply.items]
    assert sorted(got) == sorted(t["Id"] for t in three)


def test_W_ENU_37_one_item_without_max_elements(svc, uri, space, marked):
    reply = svc.enumerate(uri("T_Base"), space, filter=marked, optimize=True).ok()
    assert len(reply.items) == 1 and not reply.ended


def test_W_ENU_38_empty_optimized_answer(svc, uri, space):
    nothing = k.filter_(k.WQL, "SELECT * FROM T_Base WHERE Name = 'nobody has this'")
    reply = svc.enumerate(uri("T_Base"), space, filter=nothing, optimize=True, max_elements=5).ok()
    assert reply.ended and reply.items == []


def test_W_ENU_29_empty_enumeration_by_pull(svc, uri, space):
    nothing = k.filter_(k.WQL, "SELECT * FROM T_Base WHERE Name = 'nobody has this'")
    reply = svc.enumerate(uri("T_Base"), space, filter=nothing).ok()
    reply = svc.pull(uri("T_Base"), reply.context, space).ok()
    assert reply.ended and reply.items == [] and reply.content.find(f"{{{k.N}}}Items") is not None


def test_W_ENU_22_23_never_over_max_elements(svc, uri, space, many):
    reply = svc.enumerate(uri("T_Many"), space).ok()
    context = reply.context
    assert len(svc.pull(uri("T_Many"), context, space).ok().items) == 1
    assert len(svc.pull(uri("T_Many"), context, space, max_elements=5).ok().items) == 5
    svc.release(uri("T_Many"), context, space).ok()


def test_W_ENU_24_huge_max_elements(svc, uri, space, many):
    reply = svc.enumerate(uri("T_Many"), space).ok()
    reply = svc.pull(uri("T_Many"), reply.context, space, max_elements=4000000000, max_size=10_000_000).ok()
    assert len(reply.items) == many and reply.ended


def test_W_ENU_25_time_limits(svc, uri, space, many):
    """A source too slow for MaxTime gives an empty answer with a context, or a timeout; it goes on either way."""
    reply = svc.enumerate(uri("T_Many"), space).ok()
    slow = svc.pull(uri("T_Many"), reply.context, space, max_time="PT0.000001S", max_elements=100000, control="").ok()
    assert slow.context and slow.content.find(f"{{{k.N}}}Items") is not None
    for longest in ("P10675199DT2H48M5.4775807S", "P120000D"):  # .NET's TimeSpan.MaxValue
        assert svc.pull(uri("T_Many"), reply.context, space, max_time=longest, control="").ok().items
    late = svc.pull(uri("T_Many"), reply.context, space, timeout="PT0.000001S")
    assert_fault(late, "wsman:TimedOut", code="Receiver")
    assert svc.pull(uri("T_Many"), reply.context, space, max_elements=2).ok().items
    svc.release(uri("T_Many"), reply.context, space).ok()


def test_W_ENU_26_max_characters(svc, uri, space, many):
    reply = svc.enumerate(uri("T_Many"), space).ok()
    assert len(svc.pull(uri("T_Many"), reply.context, space, max_elements=50, max_characters=1).ok().items) == 1
    few = svc.pull(uri("T_Many"), reply.context, space, max_elements=50, max_characters=2000).ok()
    assert 1 <= len(few.items) < 20
    svc.release(uri("T_Many"), reply.context, space).ok()


def test_W_ENU_27_end_of_sequence(svc, uri, space, marked):
    reply = svc.enumerate(uri("T_Base"), space, filter=marked).ok()
    context = reply.context
    last = svc.pull(uri("T_Base"), context, space, max_elements=10).ok()
    assert last.ended and last.context is None
    assert_fault(svc.release(uri("T_Base"), context, space), "wsen:InvalidEnumerationContext")
    assert_fault(svc.pull(uri("T_Base"), context, space), "wsen:InvalidEnumerationContext")


def test_W_ENU_28_new_context_works(svc, uri, space, many):
    reply = svc.enumerate(uri("T_Many"), space).ok()
    for _ in range(3):
        reply = svc.pull(uri("T_Many"), reply.context, space).ok()
        assert reply.context
    svc.release(uri("T_Many"), reply.context, space).ok()


def test_W_ENU_30_release(svc, uri, space, three):
    reply = svc.enumerate(uri("T_Base"), space).ok()
    released = svc.release(uri("T_Base"), reply.context, space).ok()
    assert released.action == k.ACTIONS["Release"] + "Response" and list(released.body) == []
    assert_fault(svc.pull(uri("T_Base"), reply.context, space), "wsen:InvalidEnumerationContext")


def test_W_ENU_32_43_reference_of_pull_and_release(svc, uri, space, three):
    reply = svc.enumerate(uri("T_Base"), space).ok()
    for f in (svc.pull, svc.release):
        assert_fault(f(uri("T_Pair"), reply.context, space), "wsa:MessageInformationHeaderRequired")
        assert_fault(f(None, reply.context, space), "wsa:MessageInformationHeaderRequired")
    svc.pull(uri("T_Base"), reply.context, space).ok()
    svc.release(uri("T_Base"), reply.context, space).ok()


def test_W_ENU_32_pull_of_wmi_clients_names_a_class(svc, namespace, three):
    """libvirt's client enumerates "*" and pulls with the URI of a class."""
    everything = k.WMI + namespace + "/*"
    reply = svc.enumerate(everything, filter=k.filter_(k.WQL, "SELECT * FROM T_Base")).ok()
    svc.pull(k.WMI + namespace + "/T_Pair", reply.context).ok()
    assert_fault(svc.pull(k.WMI + "root/cimv2/T_Base", reply.context), "wsa:MessageInformationHeaderRequired")


def test_W_ENU_33_concurrent_pulls(connect, uri, space, many):
    """Each item comes exactly once, whoever pulls it."""
    one = connect()
    context = one.enumerate(uri("T_Many"), space).ok().context
    seen, errors, lock = [], [], threading.Lock()

    def work():
        service = connect()
        while True:
            reply = service.pull(uri("T_Many"), context, space, max_elements=7)
            if reply.fault is not None:
                if "Concurrency" in reply.fault.subcode:
                    continue
                with lock:
                    errors.append(reply.fault)
                return
            with lock:
                seen.extend(numbers(reply.items))
            if reply.ended:
                return

    threads = [threading.Thread(target=work) for _ in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert sorted(seen) == list(range(many))
    assert all("InvalidEnumerationContext" in e.subcode for e in errors)


def test_W_ENU_35_items_that_vanish(svc, uri, space, make, marked, three):
    reply = svc.enumerate(uri("T_Base"), space, filter=marked).ok()
    context = reply.context
    first = svc.pull(uri("T_Base"), context, space).ok()
    gone = next(t for t in three if t["Id"] != k.properties(first.items[0])["Id"])
    svc.delete(uri("T_Base"), gone).ok()
    rest = svc.pull(uri("T_Base"), context, space, max_elements=10).ok()
    assert rest.ended and len(rest.items) in (1, 2)


def test_W_ENV_07_W_ENU_40_pull_within_the_size(svc, uri, space, make):
    mark = k.unique("big")
    for n in range(6):
        make("T_Base", Name=mark, Fixed="x" * 900)
    make("T_Base", Name=mark, Fixed="y" * 20_000)
    query = k.filter_(k.WQL, f"SELECT * FROM T_Base WHERE Name = '{mark}'")
    reply = svc.enumerate(uri("T_Base"), space, filter=query).ok()
    context, seen, too_large = reply.context, [], 0
    while not reply.ended:
        reply = svc.pull(uri("T_Base"), context, space, max_elements=100, max_size=8192)
        assert len(reply.raw) <= 8192
        if reply.fault is not None:
            assert_fault(reply, "wsman:EncodingLimit", "MaxEnvelopeSize")
            too_large += 1
            reply = svc.pull(uri("T_Base"), context, space, max_size=100_000).ok()
        seen += [k.properties(i)["Id"] for i in reply.items]
    assert too_large == 1 and len(seen) == len(set(seen)) == 7


def test_W_ENV_07_first_item_too_large_for_an_optimized_answer(svc, uri, space, make):
    mark = k.unique("big")
    make("T_Base", Name=mark, Fixed="y" * 20_000)
    query = k.filter_(k.WQL, f"SELECT * FROM T_Base WHERE Name = '{mark}'")
    reply = svc.enumerate(uri("T_Base"), space, filter=query, optimize=True, max_elements=10, max_size=8192)
    assert_fault(reply, "wsman:EncodingLimit", "MaxEnvelopeSize")


@pytest.mark.parametrize("size", [8192, 9000, 20_000, 50_000])
def test_W_ENV_07_no_item_lost_or_repeated_at_any_size(svc, uri, space, many, size):
    reply = svc.enumerate(uri("T_Many"), space, optimize=True, max_elements=100000, max_size=size).ok()
    seen = numbers(reply.items)
    assert len(reply.raw) <= size
    while not reply.ended:
        reply = svc.pull(uri("T_Many"), reply.context, space, max_elements=100000, max_size=size).ok()
        assert len(reply.raw) <= size and reply.items
        seen += numbers(reply.items)
    assert sorted(seen) == list(range(many))


def test_W_ENV_07_utf16_answers_count_their_own_octets(daemon, uri, space, many, svc):
    wide = k.Service(svc.host, svc.port, tls=svc.tls, auth=svc.auth, encoding="utf-16")
    reply = wide.enumerate(uri("T_Many"), space, optimize=True, max_elements=100000, max_size=10_000).ok()
    seen = numbers(reply.items)
    while not reply.ended:
        assert len(reply.raw) <= 10_000
        reply = wide.pull(uri("T_Many"), reply.context, space, max_elements=100000, max_size=10_000).ok()
        seen += numbers(reply.items)
    wide.close()
    assert sorted(seen) == list(range(many))


# --- polymorphism ------------------------------------------------------------------------------------------

@pytest.fixture
def family_of_three(make):
    mark = k.unique("poly")
    make("T_Base", Name=mark)
    make("T_Derived", Name=mark, Extra="e")
    make("T_Types", Name=mark, U16=1)
    return mark


def shown(svc, uri, space, mark, cls="T_Base", **args):
    items = svc.all(uri(cls), space, **args)
    return sorted((k.local(i), "Extra" in k.properties(i)) for i in items if k.properties(i)["Name"] == mark)


def test_C_POL_01_02_08_include(svc, uri, space, family_of_three):
    expected = [("T_Base", False), ("T_Derived", True), ("T_Types", False)]
    assert shown(svc, uri, space, family_of_three) == expected
    assert shown(svc, uri, space, family_of_three, polymorphism="IncludeSubClassProperties") == expected


def test_C_POL_03_MS_15_exclude(svc, uri, space, family_of_three):
    assert shown(svc, uri, space, family_of_three, polymorphism="ExcludeSubClassProperties") == [("T_Base", False)] * 3


def test_C_POL_04_none(svc, uri, space, family_of_three, make):
    assert shown(svc, uri, space, family_of_three, polymorphism="None") == [("T_Base", False)]
    make("T_Concrete", Name="x")
    assert svc.all(uri("T_Abstract"), space, polymorphism="None") == []
    assert svc.all(uri("T_Abstract"), space)


@pytest.mark.parametrize("mode", ["ExcludeSubClassProperties", "None"])
def test_C_POL_05_07_C_QRY_09_mode_with_query_or_all_classes(svc, uri, space, mode):
    query = k.filter_(k.WQL, "SELECT * FROM T_Base")
    assert_fault(svc.enumerate(uri("T_Base"), space, filter=query, polymorphism=mode), "wsmb:PolymorphismModeNotSupported")
    assert_fault(svc.enumerate(k.ALL, space, filter=query, polymorphism=mode), "wsmb:PolymorphismModeNotSupported")


def test_C_POL_06_unknown_mode(svc, uri, space):
    assert_fault(svc.enumerate(uri("T_Base"), space, polymorphism="Foo"), "wsmb:PolymorphismModeNotSupported", code="Sender")


def test_W_ENU_34_W_FLX_01_MS_20_quota(connect, uri, space, three):
    """Open enumerations are limited per user; the fault says so, and releasing makes room."""
    user = connect("operator")
    contexts = []
    for _ in range(2100):
        reply = user.enumerate(uri("T_Base"), space)
        if reply.fault is not None:
            break
        contexts.append(reply.context)
    assert_fault(reply, "wsman:QuotaLimit", code="Sender")
    assert len(contexts) >= 10
    for context in contexts:
        user.release(uri("T_Base"), context, space).ok()
    user.enumerate(uri("T_Base"), space, optimize=True).ok()

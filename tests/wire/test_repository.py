"""The instance repository over the wire: what is made there lasts over restarts, keys are unique, what a namespace's MOF files
declare is checked, and a class of 100,000 instances is enumerated in bounded memory, in every size of answer."""
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

import soapkit as k
from big import BigNamespace
from harness import PATIENCE, Server, wait_until
from soapkit import assert_fault

SANITIZED = any(name in os.environ.get("WSVIRT_BUILD", "") for name in ("asan", "tsan"))
COUNT = 10_000 if SANITIZED else 100_000
MOF = pathlib.Path(__file__).resolve().parent / "mof" / "root_test.mof"
SPACE = {"__cimnamespace": "root/test"}
BASE, LINK, STRICT = k.DMTF + "T_Base", k.DMTF + "T_Link", k.DMTF + "T_Strict"


def connect(server):
    return k.Service("127.0.0.1", server.http_port, auth=(server.user, server.users[server.user][0]), timeout=60 * PATIENCE)


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """The instances lie in the database only: the service has not read them in this life."""
    space = BigNamespace(tmp_path_factory.mktemp("big"), COUNT)
    server = Server(more=space.config())
    server.start()
    # The first use fills the repository, which may take longer than an operation may.
    service = connect(server)
    assert wait_until(lambda: service.get(space.uri, {**space.selectors, "N": 1}).fault is None, seconds=120)
    service.close()
    assert server.stop() == 0
    space.forget_instances()
    server.start()
    server.space = space
    yield server
    server.end()


def numbers(items):
    return [int(k.properties(item)["N"]) for item in items]


def pulled(service, space, each, **more):
    """Every number, pull by pull; the items themselves are not kept."""
    reply = service.enumerate(space.uri, space.selectors, **more).ok()
    found = numbers(reply.items)
    while not reply.ended:
        reply = service.pull(space.uri, reply.context, space.selectors, max_elements=each, **more).ok()
        assert len(reply.raw) <= more.get("max_size", 512_000)
        found += numbers(reply.items)
    return found


def test_W_ENU_36_an_enumeration_of_any_size_takes_bounded_memory(big):
    service, space = connect(big), big.space
    for _ in range(2):   # what every first use takes once
        reply = service.enumerate(space.uri, space.selectors, optimize=True, max_elements=COUNT, max_size=512_000).ok()
        service.release(space.uri, reply.context, space.selectors).ok()
    before = big.memory_kib()
    found = pulled(service, space, COUNT, max_size=512_000)
    assert sorted(found) == list(range(COUNT)), "each instance comes once"
    # All of them are some 50 MiB as instances in memory, and 16 MiB as text.
    assert SANITIZED or big.memory_kib() - before < 12 * 1024
    service.close()


def test_W_ENU_24_100000_at_once_are_cut_to_the_size(big):
    service, space = connect(big), big.space
    for size in (8192, 100_000, 1_000_000):
        reply = service.enumerate(space.uri, space.selectors, optimize=True, max_elements=COUNT, max_size=size).ok()
        assert len(reply.items) > 5 and len(reply.raw) <= size and not reply.ended
        service.release(space.uri, reply.context, space.selectors).ok()
    service.close()


def test_W_ENU_12_22_one_at_a_time(big):
    service, space = connect(big), big.space
    total = "<w:RequestTotalItemsCountEstimate/>"
    reply = service.enumerate(space.uri, space.selectors, headers=total).ok()
    assert reply.header_text("TotalItemsCountEstimate", k.W) in (str(COUNT), None)
    context, found = reply.context, []
    for _ in range(300):
        reply = service.pull(space.uri, context, space.selectors).ok()
        assert len(reply.items) == 1 and not reply.ended
        found += numbers(reply.items)
        context = reply.context
    assert len(set(found)) == 300
    service.release(space.uri, context, space.selectors).ok()
    service.close()


@pytest.fixture
def kept(fresh_server):
    return fresh_server(more=f'[[namespace]]\nname = "root/test"\nmof = ["{MOF}"]\n')


def instance(uri, **values):
    name = uri.rpartition("/")[2]
    inner = "".join(f"<p:{n}>{v.content() if isinstance(v, k.Epr) else v}</p:{n}>" for n, v in values.items())
    return f'<p:{name} xmlns:p="{uri}">{inner}</p:{name}>'


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_C_OP_02_04_05_changes_last_over_restarts(kept, end):
    """What was answered is there in the next life, however this one ended."""
    service = connect(kept)
    for key in ("made", "changed", "gone"):
        service.create(BASE, instance(BASE, Id=key, Name="first", Number=1), SPACE).ok()
    ends = {role: k.Epr(BASE, {**SPACE, "Id": key}) for role, key in (("Antecedent", "made"), ("Dependent", "changed"))}
    service.create(LINK, instance(LINK, **ends, Note="n"), SPACE).ok()
    service.put(BASE, {**SPACE, "Id": "changed"}, instance(BASE, Name="second")).ok()
    service.delete(BASE, {**SPACE, "Id": "gone"}).ok()
    service.close()
    if end == "stop":
        assert kept.stop() == 0
    else:
        kept.process.send_signal(signal.SIGKILL)
        kept.process.wait(60)
        kept.process = None
    kept.start()
    service = connect(kept)
    seen = {p["Id"]: (p["Name"], p["Number"]) for p in map(k.properties, service.all(BASE, SPACE))}
    assert seen == {"made": ("first", "1"), "changed": ("second", "1")}
    assert_fault(service.get(BASE, {**SPACE, "Id": "gone"}), "wsa:DestinationUnreachable")
    assert_fault(service.create(BASE, instance(BASE, Id="made"), SPACE), "wsman:AlreadyExists")
    found = service.all(k.ALL, SPACE, filter=k.filter_(k.ASSOCIATION, "<b:AssociatedInstances xmlns:b='" + k.B + "'><b:Object>" +
                                                      ends["Antecedent"].content() + "</b:Object></b:AssociatedInstances>"))
    assert [k.properties(i)["Id"] for i in found] == ["changed"]
    found = service.query("root/test", "SELECT * FROM T_Base WHERE Name = 'second'")
    assert [k.properties(i)["Id"] for i in found] == ["changed"]
    service.close()


def test_an_invalid_instance_is_refused_with_the_name_of_its_property(kept):
    service = connect(kept)
    for uri, values, name in ((BASE, {"Id": "x", "Number": "many"}, "Number"), (BASE, {"Id": "x", "Odd": "1"}, "Odd"),
                              (BASE, {"Name": "x"}, "Id"), (STRICT, {"Id": "x"}, "Must")):
        fault = assert_fault(service.create(uri, instance(uri, **values), SPACE), "wxf:InvalidRepresentation")
        assert name in fault.reason, fault
    assert service.all(BASE, SPACE) == [] and service.all(STRICT, SPACE) == []
    service.close()


@pytest.mark.parametrize("text, name", [
    ('instance of T_Strict { Id = "x"; };', "Must"), ('instance of T_Base { Id = "x"; Odd = 1; };', "Odd"),
    ('instance of T_Base { Name = "x"; };', "Id"), ('instance of T_Base { Id = "x"; Number = -1; };', "Number"),
    ('instance of T_Base { Id = "x"; };\ninstance of T_Base { Id = "x"; };', 'T_Base.Id="x" already')])
def test_an_invalid_instance_in_a_mof_file_is_told_by_file_and_line(tmp_path, text, name):
    """The service does not start with it, or does not answer for the class; in both cases the log says where and what."""
    folder = tmp_path / "mof"
    shutil.copytree(MOF.parents[3] / "schemas", tmp_path / "schemas", ignore=lambda d, names: [
        n for n in names if d == str(MOF.parents[3] / "schemas") and n != "qualifiers.mof"])
    folder.mkdir()
    file = folder / "bad.mof"
    file.write_text(MOF.read_text().replace("../../../schemas", str(tmp_path / "schemas")) + "\n" + text + "\n")
    server = Server(more=f'[[namespace]]\nname = "root/test"\nmof = ["{file}"]\n')
    try:
        config = server.write_config()
        for user, (password, role) in server.users.items():
            subprocess.run([server.program, "--config", config, "user", "add", user, "--role", role], input=password + "\n",
                           text=True, check=True, stdout=subprocess.DEVNULL)
        done = subprocess.Popen([server.program, "--config", config], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            out, error = done.communicate(timeout=20 * PATIENCE)
        except subprocess.TimeoutExpired:
            done.kill()
            raise AssertionError("it started all the same") from None
        assert done.returncode not in (0, None) and "bad.mof" in error
        assert name in error, error
    finally:
        server.clear()

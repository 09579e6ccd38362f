"""The daemon for the rule tests: libvirt's test driver as backend, and the namespace root/test of mof/root_test.mof, whose
instances are kept by the instance repository.

WSVIRT_TRANSPORT runs the same tests over http or https, in utf-8 or utf-16: "http-utf-8" (default), "https-utf-16", ...
"""
import os
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(HERE.parent), str(ROOT / "tests" / "support")]

import soapkit as k  # noqa: E402
from wsvirtd import Daemon  # noqa: E402

USERS = {"admin": ("secret-a", "administrator"), "second": ("secret-s", "administrator"),
         "operator": ("secret-o", "operator"), "viewer": ("secret-v", "viewer")}
NAMESPACE = "root/test"
V2 = "root/virtualization/v2"


def namespace_config():
    return f'[[namespace]]\nname = "{NAMESPACE}"\nmof = ["{HERE.parent / "mof" / "root_test.mof"}"]\n'


def service_of(daemon, user="admin", transport="http-utf-8", **more):
    scheme, _, encoding = transport.partition("-")
    auth = (user, USERS[user][0]) if user else None
    if scheme == "https":
        return k.Service("localhost", daemon.https_port, tls=str(daemon.ca), auth=auth, encoding=encoding, **more)
    return k.Service("127.0.0.1", daemon.http_port, auth=auth, encoding=encoding, **more)


@pytest.fixture(scope="session")
def daemon():
    with Daemon(users=USERS, uri="test:///default", more=namespace_config()) as running:
        yield running


@pytest.fixture(scope="session")
def transport():
    return os.environ.get("WSVIRT_TRANSPORT", "http-utf-8")


@pytest.fixture
def connect(daemon, transport):
    """connect("viewer"): a service for another user, closed at the end."""
    opened = []

    def make(user="admin", **more):
        opened.append(service_of(daemon, user, transport, **more))
        return opened[-1]

    yield make
    for service in opened:
        service.close()


@pytest.fixture(scope="session")
def svc(daemon, transport):
    service = service_of(daemon, transport=transport)
    yield service
    service.close()


@pytest.fixture(params=["dmtf", "wmi"])
def family(request):
    return request.param


@pytest.fixture(scope="session")
def namespace():
    return NAMESPACE


@pytest.fixture(scope="session")
def space():
    """The selectors that name the namespace."""
    return {"__cimnamespace": NAMESPACE}


@pytest.fixture(scope="session")
def uri():
    return lambda cls: k.DMTF + cls


def instance(cls, values, uri_text=None):
    """An instance as XML: lists repeat, None is nil, Epr is a reference, "<..." is taken as it is."""
    uri_text = uri_text or k.DMTF + cls
    body = ""
    for name, value in values.items():
        for v in value if isinstance(value, list) else [value]:
            if v is None:
                body += f'<p:{name} xsi:nil="true"/>'
            else:
                content = v.content() if isinstance(v, k.Epr) else v if str(v).startswith("<") else k.escape(str(v))
                body += f"<p:{name}>{content}</p:{name}>"
    return f'<p:{cls} xmlns:p="{uri_text}" xmlns:xsi="{k.XSI}" xmlns:cim="{k.CIM}">{body}</p:{cls}>'


@pytest.fixture
def make(svc, space):
    """make("T_Base", Name="x"): a new instance; its selectors. Deleted at the end."""
    made = []

    def build(cls, keys=None, **values):
        keys = keys or {"Id": k.unique()}
        svc.create(k.DMTF + cls, instance(cls, {**keys, **values}), space).ok()
        made.append((cls, {**space, **keys}))
        return made[-1][1]

    yield build
    for cls, keys in reversed(made):
        svc.delete(k.DMTF + cls, keys)


@pytest.fixture
def base(make):
    return make("T_Base", Name="base", Number=1)


@pytest.fixture
def three(svc, space, make):
    """Exactly three instances of T_Base with a common mark."""
    mark = k.unique("three")
    return [make("T_Base", Name=mark, Number=n) for n in (1, 2, 3)]


@pytest.fixture
def link(uri, make, space):
    one, two = make("T_Base", Name="one"), make("T_Base", Name="two")
    keys = {"Antecedent": k.Epr(uri("T_Base"), one), "Dependent": k.Epr(uri("T_Base"), two)}
    return make("T_Link", keys=keys, Note="linked"), (one, two)


@pytest.fixture(scope="session")
def many(svc, space):
    """500 instances of T_Many with some text each; they stay."""
    for n in range(500):
        svc.create(k.DMTF + "T_Many", instance("T_Many", {"N": n, "Text": "x" * 100}), space).ok()
    return 500


@pytest.fixture(scope="session")
def new_instance():
    return instance


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    running = item.funcargs.get("daemon") if hasattr(item, "funcargs") else None
    if report.failed and running is not None:
        report.sections.append(("the daemon's log", running.log_text()[-3000:]))

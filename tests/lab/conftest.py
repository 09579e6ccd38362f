import os
import pathlib
import shutil
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "lab"), str(ROOT / "tests" / "support")]

import guest as guest_builder  # noqa: E402
import snapshot_kit  # noqa: E402
from hyperv import HyperV  # noqa: E402
from wsvirtd import Daemon  # noqa: E402


@pytest.fixture(scope="session")
def guest():
    return guest_builder.build(os.environ.get("WSVIRT_GUEST", ROOT / "build" / "guest"))


@pytest.fixture(scope="module")
def daemon():
    """A daemon on embedded QEMU; its log is shown when a test of the module fails."""
    with Daemon() as running:
        yield running


@pytest.fixture(scope="module")
def guest_iso(daemon, guest):
    """The guest's CD image in a folder that the daemon allows."""
    daemon.storage.mkdir(exist_ok=True)
    copy = daemon.storage / "guest.iso"
    if not copy.exists():
        shutil.copy(guest.iso, copy)
    return copy


@pytest.fixture(scope="module")
def hyperv(daemon):
    return HyperV(daemon)


@pytest.fixture
def new_machine(hyperv, daemon):
    """Makes machines for tests of snapshots and destroys them at the end."""
    made = []

    def make(*arguments, **options):
        made.append(snapshot_kit.Machine(hyperv, daemon, *arguments, **options))
        return made[-1]

    yield make
    for machine in made:
        machine.remove()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    daemon = item.funcargs.get("daemon") if hasattr(item, "funcargs") else None
    if report.failed and daemon is not None:
        report.sections.append(("the daemon's log", daemon.log_text()[-6000:]))

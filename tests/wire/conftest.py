import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from harness import Server  # noqa: E402


@pytest.fixture(scope="session")
def server():
    """One daemon for all tests that change nothing about it; `server.post(envelope)` is a signed-in request."""
    daemon = Server()
    daemon.start()
    yield daemon
    daemon.end()


@pytest.fixture
def fresh_server():
    """Makes daemons with settings of their own: fresh_server(more="[http]\\n...", uri=..., ...)."""
    made = []

    def make(**settings):
        daemon = Server(**settings)
        made.append(daemon)
        daemon.start()
        return daemon

    yield make
    for daemon in made:
        daemon.end()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    daemon = item.funcargs.get("server") if hasattr(item, "funcargs") else None
    if report.failed and daemon is not None:
        report.sections.append(("the daemon's log", daemon.log_text()[-6000:]))

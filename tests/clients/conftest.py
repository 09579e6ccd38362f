import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "tests" / "lab")]

from wsvirtd import Daemon  # noqa: E402


@pytest.fixture(scope="session")
def daemon():
    """A daemon on libvirt's test driver, which has one running machine called "test" of its own."""
    with Daemon(uri="test:///default") as running:
        yield running

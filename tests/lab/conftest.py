import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import guest as guest_builder  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def guest():
    return guest_builder.build(os.environ.get("WSVIRT_GUEST", ROOT / "build" / "guest"))

#!/usr/bin/python3
"""Walks every #include of the product and fails on one that points the wrong way between the layers."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAYERS = ("base", "cim", "backend", "wsman")
# What the files below a folder may include from the project; the longest matching folder counts.
MAY = {
    "base": ["base"],
    "backend": ["base", "backend"],
    "cim": ["base", "cim/model", "cim/schema", "cim/query", "cim/om"],
    "cim/codec": ["base", "cim/model", "cim/schema", "cim/codec"],
    "cim/providers": ["base", "cim", "backend"],
    "wsman": ["base", "cim", "wsman"],
    "wsman/auth": ["base", "wsman/auth"],
    "wsman/http": ["base", "wsman/auth", "wsman/http"],
    "wsman/soap": ["base", "cim/model", "cim/schema", "cim/codec", "wsman/soap"],
    "wsman/client": ["base", "cim/model", "cim/schema", "cim/codec", "wsman/soap", "wsman/client"],
    "wsman/daemon": ["base", "cim", "backend", "wsman"],
}
# Third-party headers and the only folders that may include them.
ONLY = {
    r"stdsoap2\.h|soap[A-Z]\w*\.(h|nsmap)|.*\.nsmap": ["wsman/soap", "wsman/client"],
    r"libvirt/.*": ["backend/libvirt"],
    r"pugi(xml|config)\.hpp": ["cim/codec", "wsman/soap", "wsman/ops", "wsman/client", "backend/libvirt",
                              "base/xml_writer.hpp"],
    r"boost/(beast|asio)[/.].*": ["wsman/http", "wsman/daemon"],
    r"sqlite3\.h": ["cim/om"],
}


def below(name, folder):
    return name == folder or name.startswith(folder + "/")


def wrong_arrows(name, text):
    """Yields (line, included header) of each #include in `text` that a file called `name` must not have."""
    allowed = MAY[max((folder for folder in MAY if below(name, folder)), key=len)]
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        if not match:
            continue
        header = match.group(1)
        if header.split("/")[0] in LAYERS and not any(below(header, folder) for folder in allowed):
            yield number, header
        for pattern, folders in ONLY.items():
            if re.fullmatch(pattern, header) and not any(below(name, folder) for folder in folders):
                yield number, header


def test_no_include_points_the_wrong_way():
    wrong = []
    for layer in LAYERS:
        for path in sorted((ROOT / layer).rglob("*.[ch]pp")):
            name = path.relative_to(ROOT).as_posix()
            wrong += [f"{name}:{line}: {header}" for line, header in wrong_arrows(name, path.read_text())]
    assert not wrong, "includes that point the wrong way:\n" + "\n".join(wrong)


def test_a_wrong_arrow_is_seen():
    assert list(wrong_arrows("cim/model/value.cpp", '#include <pugixml.hpp>\n#include "wsman/soap/gate.hpp"'))
    assert list(wrong_arrows("backend/machine.cpp", '#include "cim/model/value.hpp"'))
    assert list(wrong_arrows("cim/om/jobs.cpp", '#include "backend/machine.hpp"'))
    assert list(wrong_arrows("wsman/ops/invoke.cpp", "#include <stdsoap2.h>"))
    assert not list(wrong_arrows("wsman/ops/invoke.cpp", '#include "cim/codec/wscim.hpp"\n#include <vector>'))


if __name__ == "__main__":
    test_a_wrong_arrow_is_seen()
    test_no_include_points_the_wrong_way()
    sys.exit(0)

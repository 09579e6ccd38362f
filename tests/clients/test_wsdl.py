"""The client that gSOAP made from schemas/wsdl, and whether those files are up to date."""
import importlib.machinery
import importlib.util
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
from wsvirtd import BUILD, ROOT

sys.path.insert(0, str(ROOT / "tests" / "wire"))

import soapkit as k  # noqa: E402


def test_a_client_made_from_the_wsdl_gets_enumerates_and_invokes(daemon):
    password = daemon.users["admin"][0]
    ran = subprocess.run([BUILD / "bin" / "wsdl_client", daemon.http, "admin", password], capture_output=True, text=True, timeout=120,
                         check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[0] == "service vmms, started 1"
    assert {"machine TESTHOST", "machine test"} <= set(lines)
    assert re.search(r"DefineSystem 0\ndefined made from the WSDL, state 3\nDestroySystem (0|4096)\ndone$", ran.stdout.strip())


def test_wrong_credentials_are_a_fault_there(daemon):
    ran = subprocess.run([BUILD / "bin" / "wsdl_client", daemon.http, "admin", "wrong"], capture_output=True, text=True, timeout=120,
                         check=False)
    assert ran.returncode == 1 and "Get failed" in ran.stdout and "401" in ran.stderr


@pytest.mark.skipif(shutil.which("xmllint") is None, reason="Debian's libxml2-utils is not installed")
def test_instances_are_valid_by_their_xsd(daemon, tmp_path):
    """C-XML-01: what the service answers is what its schemas say."""
    service = k.Service("127.0.0.1", daemon.http_port, auth=("admin", daemon.users["admin"][0]), timeout=60)
    spaces, seen = {"root_cimv2": "root/cimv2", "root_virtualization_v2": "root/virtualization/v2"}, 0
    for xsd in sorted((ROOT / "schemas" / "wsdl").glob("*/*.xsd")):
        items = service.all(k.DMTF + xsd.stem, {"__cimnamespace": spaces[xsd.parent.name]}, max_size=500_000, polymorphism="None")
        files = [tmp_path / f"{xsd.stem}-{n}.xml" for n in range(min(len(items), 5))]
        for file, item in zip(files, items):
            file.write_text(ET.tostring(item, encoding="unicode"), encoding="utf-8")
        if files:
            ran = subprocess.run(["xmllint", "--noout", "--nonet", "--schema", xsd, *files], capture_output=True, text=True,
                                 check=False)
            assert ran.returncode == 0, ran.stderr
            seen += len(files)
    service.close()
    assert seen > 50


def test_wsdl_and_xsd_are_up_to_date(daemon):
    loader = importlib.machinery.SourceFileLoader("make_wsdl", str(ROOT / "scripts" / "make-wsdl"))
    make = importlib.util.module_from_spec(importlib.util.spec_from_loader("make_wsdl", loader))
    loader.exec_module(make)
    service = make.k.Service("127.0.0.1", daemon.http_port, auth=("admin", daemon.users["admin"][0]), timeout=60)
    try:
        changed = make.differences(make.files(service))
    finally:
        service.close()
    assert not changed, f"run scripts/make-wsdl: {changed}"

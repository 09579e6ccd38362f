"""The wsvirt command against the daemon: what it prints, and its exit codes."""
import json
import os
import socket
import ssl
import subprocess
import threading

import pytest
from wsvirtd import BUILD


@pytest.fixture
def wsvirt(daemon):
    def run(*arguments, user="admin", password=None, url=None, code=0, ca=None, **environment):
        given = {"PATH": os.environ["PATH"], "WSVIRT_URL": url or daemon.https, "WSVIRT_CA": str(ca or daemon.ca),
                 "WSVIRT_USER": user, "WSVIRT_PASSWORD": password or daemon.users.get(user, ("none",))[0], **environment}
        done = subprocess.run([BUILD / "bin" / "wsvirt", *arguments], env=given, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
        assert done.returncode == code, f"exit code {done.returncode}, not {code}:\n{done.stdout}{done.stderr}"
        return done.stdout if code == 0 else done.stderr

    return run


def test_identify(wsvirt, daemon):
    answer = json.loads(wsvirt("identify", "--json"))
    assert answer["ProtocolVersion"] == "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
    assert "ProductVersion" in answer
    assert "ProtocolVersion" in wsvirt("identify", "--unauthenticated", user="")


def test_exit_codes_tell_what_went_wrong(wsvirt, daemon, tmp_path):
    assert "password" in wsvirt("vm", "list", password="wrong", code=4)
    assert "--user" in wsvirt("vm", "list", user="", code=4)
    assert "No connection" in wsvirt("identify", url="https://127.0.0.1:1/wsman", code=3)
    assert "--ca" in wsvirt("identify", ca="/etc/ssl/certs/ca-certificates.crt", code=3)
    assert "no machine" in wsvirt("vm", "show", "nobody", code=5)
    wsvirt("get", "No_SuchClass", code=5)
    wsvirt("vm", "start", code=2)
    wsvirt("query", "SELECT nonsense", code=1)


def test_a_certificate_of_another_name_is_refused(wsvirt, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "key", "-out",
                    tmp_path / "cert", "-days", "1", "-subj", "/CN=other.example", "-addext",
                    "subjectAltName=DNS:other.example"], check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    with socket.create_server(("127.0.0.1", 0)) as server:
        def answer():
            try:
                context.wrap_socket(server.accept()[0], server_side=True).close()
            except OSError:
                pass

        thread = threading.Thread(target=answer)
        thread.start()
        url = f"https://localhost:{server.getsockname()[1]}/wsman"
        assert "No trusted TLS" in wsvirt("identify", url=url, ca=tmp_path / "cert", code=3)
        thread.join(10)


def test_machines_come_and_go(wsvirt):
    made = json.loads(wsvirt("vm", "define", "from wsvirt", "--memory", "256", "--processors", "2", "--notes", "n",
                             "--json"))
    assert made["State"] == "off"
    listed = json.loads(wsvirt("vm", "list", "--json"))
    assert [m["State"] for m in listed if m["Id"] == made["Id"]] == ["off"]
    shown = json.loads(wsvirt("vm", "show", "from wsvirt", "--json"))
    assert shown["System"]["ElementName"] == "from wsvirt"
    memory = [d for d in shown["Devices"] if d["Class"] == "Msvm_MemorySettingData"]
    assert [d["VirtualQuantity"] for d in memory] == ["256"]
    assert "running" in wsvirt("vm", "start", "from wsvirt")
    assert "not off" in wsvirt("vm", "rm", "from wsvirt", code=1)
    assert "off" in wsvirt("vm", "stop", "--off", made["Id"])
    assert "removed" in wsvirt("vm", "rm", "from wsvirt")
    wsvirt("vm", "show", made["Id"], code=5)


def test_a_machine_that_cannot_be_completed_is_removed(wsvirt):
    error = wsvirt("vm", "define", "half", "--disk", "/nowhere/at/all.qcow2", code=1)
    assert "32" in error or "nowhere" in error
    wsvirt("vm", "show", "half", code=5)


@pytest.mark.parametrize("family", [[], ["--dmtf"]], ids=["wmi", "dmtf"])
def test_generic_operations_in_both_families(wsvirt, family):
    systems = json.loads(wsvirt(*family, "enum", "Msvm_ComputerSystem", "--json"))
    assert any(s["Caption"] == "Hosting Computer System" for s in systems)
    guid = next(s["Name"] for s in systems if s["Caption"] == "Virtual Machine")
    path = f'Msvm_ComputerSystem.CreationClassName="Msvm_ComputerSystem",Name="{guid}"'
    assert json.loads(wsvirt(*family, "get", path, "--json"))["Name"] == guid
    assert json.loads(wsvirt(*family, "get", "Msvm_ComputerSystem", f"Name={guid}", "--json"))["Name"] == guid
    references = wsvirt(*family, "enum", "Msvm_ComputerSystem", "--refs").splitlines()
    assert len(references) == len(systems)
    assert all("Msvm_ComputerSystem." in r for r in references)


def test_query_and_limit(wsvirt):
    found = json.loads(wsvirt("query", "SELECT * FROM Msvm_ComputerSystem WHERE Caption = 'Virtual Machine'", "--json"))
    assert found and all(f["Caption"] == "Virtual Machine" for f in found)
    assert len(json.loads(wsvirt("enum", "Msvm_ComputerSystem", "--limit", "1", "--json"))) == 1


def test_invoke_with_an_embedded_instance_and_a_reference(wsvirt):
    made = json.loads(wsvirt("invoke", "Msvm_VirtualSystemManagementService", "-s",
                             "CreationClassName=Msvm_VirtualSystemManagementService", "DefineSystem", "-i",
                             "SystemSettings=Msvm_VirtualSystemSettingData:ElementName=by hand", "--json"))
    guid = made["ResultingSystem"]["Selectors"]["Name"]
    path = f'Msvm_ComputerSystem.CreationClassName="Msvm_ComputerSystem",Name="{guid}"'
    assert "by hand" in wsvirt("get", path)
    wsvirt("invoke", "Msvm_VirtualSystemManagementService", "-s", "CreationClassName=Msvm_VirtualSystemManagementService",
           "DestroySystem", "--ref", f"AffectedSystem={path}")
    wsvirt("get", path, code=5)


def test_errors_in_json(wsvirt):
    error = json.loads(wsvirt("vm", "show", "nobody", "--json", code=5))
    assert error["error"] == "client.machine.none"
    assert "nobody" in error["text"]


def test_snapshots_are_taken_listed_and_applied(wsvirt):
    wsvirt("vm", "define", "pictured", "--memory", "128")
    made = json.loads(wsvirt("vm", "snapshot", "pictured", "--title", "first one", "--json"))
    assert made["Snapshot"] == "first one" and made["Memory"] is False
    listed = json.loads(wsvirt("vm", "snapshots", "pictured", "--json"))
    assert [(s["ElementName"], s["InstanceID"]) for s in listed] == [("first one", f"Microsoft:{made['SnapshotId']}")]
    assert made["SnapshotId"] in wsvirt("vm", "snapshots", "pictured")
    assert 'as in "first one", off' in wsvirt("vm", "apply", "pictured", "first one")
    assert "no snapshot" in wsvirt("vm", "apply", "pictured", "another", code=5)
    wsvirt("vm", "start", "pictured")
    assert ", with memory" in wsvirt("vm", "snapshot", "pictured")
    assert ", without memory" in wsvirt("vm", "snapshot", "pictured", "--disks-only")
    wsvirt("vm", "stop", "--off", "pictured")
    wsvirt("vm", "rm", "pictured")


def test_a_machine_goes_through_export_and_import(wsvirt, daemon):
    disk = daemon.storage / "travels.qcow2"
    daemon.storage.mkdir(exist_ok=True)
    wsvirt("vm", "define", "travels", "--memory", "128", "--new-disk", f"{daemon.storage / 'travels.vhd'}:1")
    folder = daemon.state / "exports" / "travels"
    folder.parent.mkdir(exist_ok=True)
    exported = json.loads(wsvirt("vm", "export", "travels", str(folder), "--json"))
    assert (folder / "Virtual Hard Disks" / "travels.vhd").is_file()
    assert exported["Definition"] == str(next((folder / "Virtual Machines").glob("*.xml")))
    assert "exists already" in wsvirt("vm", "export", "travels", str(folder), code=1)
    assert "exists already" in wsvirt("vm", "import", exported["Definition"], code=1)

    planned = json.loads(wsvirt("vm", "import", exported["Definition"], "--new-id", "--json"))
    assert planned["Id"] != exported["Id"]
    assert planned["Id"] in wsvirt("vm", "planned")
    assert "can be realized" in wsvirt("vm", "validate", "travels")
    (folder / "Virtual Hard Disks" / "travels.vhd").rename(disk)
    problem = wsvirt("vm", "validate", "travels", code=1)
    assert "cannot be realized" in problem
    assert "travels.vhd" in wsvirt("vm", "realize", "travels", code=1)
    disk.rename(folder / "Virtual Hard Disks" / "travels.vhd")
    assert f"realized, off, {planned['Id']}" in wsvirt("vm", "realize", "travels")
    assert json.loads(wsvirt("vm", "planned", "--json")) == []
    wsvirt("vm", "rm", planned["Id"], exported["Id"])


def test_a_planned_machine_is_removed(wsvirt, daemon):
    wsvirt("vm", "define", "never", "--memory", "128")
    (daemon.state / "exports").mkdir(exist_ok=True)
    exported = json.loads(wsvirt("vm", "export", "never", str(daemon.state / "exports" / "never"), "--no-disks", "--json"))
    wsvirt("vm", "rm", "never")
    wsvirt("vm", "import", exported["Definition"])
    assert "never" in wsvirt("vm", "planned")
    assert "removed" in wsvirt("vm", "rm", exported["Id"])
    assert "never" not in wsvirt("vm", "planned")

"""Planned systems, export and import on real QEMU: what was exported comes back with its disks, memory and snapshots."""
import os
import random
import re
import shutil
import subprocess
import threading
import time
import uuid

import embedded
import pytest
from console import READY, Console
from embedded import Instance
from exports import content_digest, describe
from hyperv import OFF, PAUSED, RUNNING, SAVED, WMI, HyperV
from machine_parts import FORM, Parts, epr
from wsvirtd import Daemon, processes_below

PLUG = "Msvm_EthernetPortAllocationSettingData"
READY_LINE = READY + r"[^\r\n]*nics="


@pytest.fixture(scope="module")
def hyperv(daemon):
    return HyperV(daemon)


@pytest.fixture
def parts(hyperv, daemon, guest):
    """Makes machines; destroys them at the end, whatever happens."""
    made = Parts(hyperv, daemon, guest)
    yield made
    made.clear()


def shell(console, command, answer, seconds=90):
    """The guest's shell runs a command; `answer` is matched against its output, not against the echo of the line."""
    console.text = ""
    console.send(command + "\n")
    return console.wait(answer, seconds)


def mark(console, text):
    """On its disk and in its memory."""
    shell(console, f"m={text}; echo {text} | dd of=/dev/sdb conv=sync,fsync 2>/dev/null; echo wrote-$((20+22))", r"wrote-42")


def marked(console):
    found = shell(console, "echo disk-says-$(dd if=/dev/sdb bs=512 count=1 2>/dev/null | tr -d '\\000')-end",
                  r"disk-says-([a-z0-9]+)-end")
    return found.group(1)


def remembered(console):
    return shell(console, "echo memory-says-$m-end", r"memory-says-([a-z0-9]*)-end").group(1)


def connected(console):
    """Whether the guest's adapter has a link."""
    return shell(console, "until ip link set eth0 up; do sleep 1; done; sleep 1; "
                          "echo carrier-$(cat /sys/class/net/eth0/carrier)-end", r"carrier-([01]?)-end").group(1) == "1"


def tick(console, seconds=90):
    console.text = ""
    return int(console.wait(r"TICK (\d+)[\r\n]", seconds).group(1))


def test_a_running_machine_comes_back_with_memory_disks_and_snapshots(hyperv, daemon, parts):
    machine, name = parts.machine("traveller"), "traveller"
    parts.adapter(machine)  # at a place where libvirt would put it in no machine that has it from the beginning
    hyperv.finish(hyperv.request_state(machine, RUNNING))
    with Console(parts.pipe(name)) as console:
        console.wait(READY_LINE, 240)
        console.wait(r"TICK 1[\r\n]", 90)
        mark(console, "before")
        at_snapshot = tick(console)
        snapshot = parts.snapshot(machine, "first")
        parts.adapter(machine)
        mark(console, "after")
        assert connected(console)
        at_export = tick(console)
    folder = parts.export(machine, CaptureLiveState=1)
    assert hyperv.state(machine) == RUNNING
    with Console(parts.pipe(name)) as console:  # its QEMU is another one now
        assert at_export <= tick(console) and remembered(console) == "after"  # it goes on
        assert READY not in console.text
    hyperv.finish(hyperv.request_state(machine, OFF))

    definition = describe(folder)
    assert definition.root.get("Version") == "2"
    assert len(definition.disks) == 2 and len(definition.saved) == 1
    assert [s.get("Id") for s in definition.snapshots] == [snapshot]
    for file in definition.disks + definition.saved:
        path = folder / file.get("Path")
        assert path.stat().st_size == int(file.get("Size"))
        assert content_digest(path) == file.get("Digest")

    goes_on_elsewhere(parts.guest, folder, machine.selectors["Name"], (at_export, at_snapshot))

    planned = parts.imported(definition.file, new_identifier=True)
    assert planned.selectors["Name"] != machine.selectors["Name"]
    assert hyperv.get(planned)["EnabledState"] == str(SAVED)
    parts.serial(planned, "second")
    plugs = hyperv.devices(planned, PLUG)
    assert len(plugs) == 2
    for plug in plugs:
        hyperv.modify(Instance(PLUG, InstanceID=plug["InstanceID"], ResourceType=33, EnabledState=3))
    assert parts.problems(planned) == []
    assert int(hyperv.invoke("Msvm_PlannedComputerSystem", planned.selectors, "RequestStateChange",
                             f"<p:RequestedState>{RUNNING}</p:RequestedState>")["ReturnValue"]) == 32775
    copy = parts.realized(planned)
    assert hyperv.state(copy) == SAVED
    (kept,) = parts.snapshots(copy)
    assert kept["ElementName"] == "first"
    hyperv.finish(hyperv.request_state(copy, RUNNING))
    with Console(parts.pipe("second")) as console:
        assert at_export <= tick(console) and remembered(console) == "after"  # it went on where it was
        assert marked(console) == "after"
        assert not connected(console)  # as the settings say, whatever the memory had
        assert READY not in console.text
    hyperv.finish(hyperv.request_state(copy, OFF))
    parts.apply(kept["InstanceID"])
    hyperv.wait_state(copy, SAVED)
    hyperv.finish(hyperv.request_state(copy, RUNNING))
    with Console(parts.pipe(name)) as console:  # the settings of the snapshot hold again, with the first pipe
        assert at_snapshot <= tick(console) and remembered(console) == "before"
        assert marked(console) == "before"


def goes_on_elsewhere(guest, folder, guid, ticks):
    """On another host, whose folders are elsewhere, under the same identifier: with its memory, then from its snapshot."""
    at_export, at_snapshot = ticks
    with Daemon(name="OTHERHOST") as host:
        hyperv = HyperV(host)
        parts = Parts(hyperv, host, guest)
        file = describe(shutil.copytree(folder, parts.exports / "arrived")).file
        planned = parts.imported(file, new_identifier=False)
        assert planned.selectors["Name"] == guid
        assert parts.problems(planned) == []
        machine = parts.realized(planned)
        hyperv.finish(hyperv.request_state(machine, RUNNING))
        with Console(parts.pipe("traveller")) as console:
            assert at_export <= tick(console) and remembered(console) == "after"
            assert marked(console) == "after"
        hyperv.finish(hyperv.request_state(machine, OFF))
        (kept,) = parts.snapshots(machine)
        parts.apply(kept["InstanceID"])
        hyperv.wait_state(machine, SAVED)
        hyperv.finish(hyperv.request_state(machine, RUNNING))
        with Console(parts.pipe("traveller")) as console:
            assert at_snapshot <= tick(console) and remembered(console) == "before"
            assert marked(console) == "before"


def test_the_same_identifier_once_the_original_is_gone(hyperv, daemon, parts):
    machine = parts.machine("phoenix")
    guid = machine.selectors["Name"]
    folder = parts.export(machine)
    file = describe(folder).file
    again = hyperv.service("ImportSystemDefinition", f"<p:SystemDefinitionFile>{file}</p:SystemDefinitionFile>"
                                                     "<p:GenerateNewSystemIdentifier>false</p:GenerateNewSystemIdentifier>")
    assert again["ReturnValue"] == "32773"
    assert "exists already" in hyperv.get(again["Job"])["ErrorDescription"]
    hyperv.finish(hyperv.destroy(machine))
    for disk in ("phoenix.qcow2", "phoenix-data.qcow2"):
        (daemon.storage / disk).unlink()
    planned = parts.imported(file, new_identifier=False)
    assert planned.selectors["Name"] == guid
    assert parts.problems(planned) == []
    machine = parts.realized(planned)
    assert machine.selectors["Name"] == guid
    hyperv.finish(hyperv.request_state(machine, RUNNING))
    with Console(parts.pipe("phoenix")) as console:
        console.wait(READY_LINE, 90)


def test_a_planned_system_is_changed_and_outlives_the_daemon(hyperv, daemon, parts):
    planned = parts.define("plan", planned=True)
    medium = parts.attach(planned, parts.disk("plan.qcow2"))
    change = Instance("Msvm_VirtualSystemSettingData", InstanceID=f"Microsoft:{planned.selectors['Name']}",
                      ElementName="renamed")
    hyperv.finish(hyperv.service("ModifySystemSettings", embedded.render(FORM, "SystemSettings", change, WMI)))
    parts.serial(planned, "plan")
    for _ in range(2):
        assert hyperv.get(planned)["ElementName"] == "renamed"
        assert [d["InstanceID"] for d in hyperv.devices(planned, "Msvm_StorageAllocationSettingData")] == \
            [medium.selectors["InstanceID"]]
        assert hyperv.get(hyperv.settings_of(planned))["VirtualSystemType"] == "Microsoft:Hyper-V:System:Planned"
        assert int(hyperv.invoke("Msvm_PlannedComputerSystem", planned.selectors, "RequestStateChange",
                                 f"<p:RequestedState>{RUNNING}</p:RequestedState>")["ReturnValue"]) == 32775
        daemon.kill()
        daemon.start()
    hyperv.finish(hyperv.service("RemoveResourceSettings",
                                 f"<p:ResourceSettings>{medium.content()}</p:ResourceSettings>"))
    assert hyperv.devices(planned, "Msvm_StorageAllocationSettingData") == []
    hyperv.finish(hyperv.destroy(planned))
    assert not hyperv.query("SELECT * FROM Msvm_PlannedComputerSystem WHERE ElementName = 'renamed'")
    assert (daemon.storage / "plan.qcow2").exists()


def test_all_that_is_missing_is_said_at_once(hyperv, daemon, parts):
    machine = parts.machine("needy")
    hyperv.add(machine, Instance("Msvm_SyntheticEthernetPortSettingData", ResourceType=10, ElementName="port",
                                        ResourceSubType="Microsoft:Hyper-V:Synthetic Ethernet Port"))
    folder = parts.export(machine)
    definition = describe(folder)
    (folder / definition.disks[0].get("Path")).unlink()
    with open(folder / definition.disks[1].get("Path"), "r+b") as file:
        file.seek(100_000)
        file.write(b"damage")
    planned = parts.imported(definition.file, new_identifier=True)
    (memory,) = hyperv.devices(planned, "Msvm_MemorySettingData")
    hyperv.modify(Instance("Msvm_MemorySettingData", InstanceID=memory["InstanceID"], ResourceType=4,
                           ResourceSubType="Microsoft:Hyper-V:Memory", VirtualQuantity=12_000_000))
    (port,) = hyperv.devices(planned, "Msvm_SyntheticEthernetPortSettingData")
    hyperv.add(planned, Instance("Msvm_EthernetPortAllocationSettingData", ResourceType=33,
                                 ResourceSubType="Microsoft:Hyper-V:Ethernet Connection",
                                 Parent=epr("Msvm_SyntheticEthernetPortSettingData",
                                            InstanceID=port["InstanceID"]).path("TESTHOST"),
                                 HostResource=[rf"\\TESTHOST\root\virtualization\v2:Msvm_VirtualEthernetSwitch."
                                               rf'CreationClassName="Msvm_VirtualEthernetSwitch",Name="{uuid.uuid4()}"']))
    problems = parts.problems(planned)
    said = [(p["ErrorSource"].split(":")[1].split(".")[0], p["Message"]) for p in problems]
    assert sorted(source for source, _ in said) == ["Msvm_EthernetPortAllocationSettingData", "Msvm_MemorySettingData",
                                                   "Msvm_PlannedComputerSystem", "Msvm_StorageAllocationSettingData"]
    assert any("needy.qcow2" in text for _, text in said)
    assert any("needy-data.qcow2" in text and "another content" in text for _, text in said)
    job, errors, _ = parts.planned_job("RealizePlannedSystem", planned)
    assert job["JobState"] == "10" and int(job["ErrorCode"]) == 32773
    assert {p["Message"] for p in problems} <= {e["Message"] for e in errors}
    assert hyperv.get(planned)["Name"] == planned.selectors["Name"]
    assert not hyperv.query(f"SELECT * FROM Msvm_ComputerSystem WHERE Name = '{planned.selectors['Name']}'")


def test_an_export_is_read_without_importing_it(hyperv, daemon, parts):
    machine = parts.define("readable", Notes=["a note"])
    file = describe(parts.export(machine)).file
    answer = hyperv.service("GetDefinitionFileSummaryInformation", f"<p:DefinitionFiles>{file}</p:DefinitionFiles>")
    assert answer["ReturnValue"] == "0"
    for part in ("readable", machine.selectors["Name"], "a note", "TESTHOST"):
        assert part in answer["SummaryInformation"]
    size = hyperv.service("GetSizeOfSystemFiles", f"<p:Vssd>{hyperv.settings_of(machine).content()}</p:Vssd>")
    assert size["ReturnValue"] == "0"
    assert 1000 < int(size["Size"]) < 100_000


def image(*arguments):
    return subprocess.run(["qemu-img", *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True).stdout


def test_a_chain_of_disks_travels_as_one_or_merged(hyperv, daemon, parts):
    machine = parts.define("chained")
    base = parts.disk("base.qcow2", size="8M")
    top = daemon.storage / "top.qcow2"
    image("create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", top)
    for path, pattern, at in ((base, "0x11", "0"), (base, "0x22", "1M"), (top, "0x33", "1M")):
        subprocess.run(["qemu-io", "-f", "qcow2", "-c", f"write -P {pattern} {at} 64k", path], check=True,
                       stdout=subprocess.DEVNULL)
    parts.attach(machine, top, 0)
    parts.attach(machine, parts.disk("left.qcow2"), 1)
    left = str(daemon.storage / "left.qcow2")

    merged = describe(parts.export(machine, BackupIntent=1, ExcludedVirtualHardDisks=[left]))
    (disk,) = merged.disks
    assert "backing file:" not in image("info", merged.file.parents[1] / disk.get("Path"))
    image("compare", merged.file.parents[1] / disk.get("Path"), top)

    folder = parts.export(machine, BackupIntent=0)
    moved = folder.rename(folder.with_name(f"moved-{folder.name}"))
    definition = describe(moved)
    assert sorted(d.get("Source") for d in definition.disks) == sorted([str(base), left, str(top)])
    copy = moved / "Virtual Hard Disks" / "top.qcow2"
    assert "backing file: base.qcow2" in image("info", copy)
    assert copy.stat().st_size < 1 << 20  # only what is its own
    image("compare", copy, top)
    planned = parts.imported(definition.file, new_identifier=True)
    assert parts.problems(planned) == []
    with open(moved / "Virtual Hard Disks" / "base.qcow2", "ab") as file:
        file.write(b"x")
    assert ["another size" in p["Message"] for p in parts.problems(planned)] == [True]
    code, text = outcome(hyperv, parts.start_export(machine, parts.exports, ExcludedVirtualHardDisks=["/no/disk"]))
    assert code == 32773 and "/no/disk" in text


def outcome(hyperv, output):
    """(code, text): of a refusal or of the job that failed."""
    code = int(output["ReturnValue"])
    assert code != 0
    job = hyperv.wait_job(output["Job"])
    return (code if code != 4096 else int(job["ErrorCode"])), job["ErrorDescription"]


def test_places_where_no_export_goes(hyperv, daemon, parts, tmp_path):
    machine = parts.define("contained")
    parts.attach(machine, parts.disk("contained.qcow2"))
    taken = parts.export(machine)
    before = sorted(p for p in daemon.state.rglob("*") if "exports" in p.parts)
    exports = parts.exports
    (exports / "link").symlink_to(tmp_path)
    (exports / "inside-link").symlink_to(daemon.storage)
    (exports / "a-file").write_text("x")
    os.mkfifo(exports / "a-fifo")
    places = {f"{exports}/../elsewhere": 32773, f"{exports}/x/../../../up": 32773, str(tmp_path / "out"): 32769,
              str(exports / "link" / "out"): 32769, str(exports / "link"): 32773, str(exports / "inside-link"): 32773,
              str(exports / "a-file"): 32773, str(exports / "a-fifo"): 32773, "/dev/null": 32769, "/dev/sda": 32769,
              "relative/path": 32773, "": 32773, str(taken): 32773, str(exports / "no-parent" / "out"): 32773}
    for place, expected in places.items():
        code, text = outcome(hyperv, parts.start_export(machine, place, CreateVmExportSubdirectory=False))
        assert code == expected, (place, code, text)
        assert len(text) > 20 and str(tmp_path / "secret") not in text
    (exports / "contained").mkdir()  # another machine's folder has the name that this one would get
    (exports / "contained" / "theirs").write_text("x")
    assert outcome(hyperv, parts.start_export(machine, exports, CreateVmExportSubdirectory=True))[0] == 32773
    for name in ("link", "inside-link", "a-file", "a-fifo"):
        (exports / name).unlink()
    shutil.rmtree(exports / "contained")
    assert list(tmp_path.iterdir()) == []
    assert sorted(p for p in daemon.state.rglob("*") if "exports" in p.parts) == before


@pytest.fixture
def heavy(hyperv, parts, daemon):
    """A machine whose export takes a while: a disk full of data."""
    machine = parts.define("heavy")
    path = parts.disk("heavy.raw", form="raw", size="768M")
    block = os.urandom(1 << 20)
    with open(path, "r+b") as file:
        for _ in range(768):
            file.write(block)
    parts.attach(machine, path)
    yield machine
    parts.clear()
    path.unlink()


def begin(hyperv, parts, machine, directory, **settings):
    """Starts an export and returns its job when it has begun to copy."""
    output = parts.start_export(machine, directory, **settings)
    assert output["ReturnValue"] == "4096"
    deadline = time.monotonic() + 30
    while not any(p.stat().st_size > 1 << 20 for p in parts.exports.rglob("*.raw")):
        assert time.monotonic() < deadline, dict(hyperv.get(output["Job"]))
        time.sleep(0.01)
    return output["Job"]


def nothing_left(parts):
    return [str(p) for p in parts.exports.rglob("*") if "heavy" in p.name or "partial" in p.name]


def check_progress(hyperv, parts, job):
    """The percentage is that of what is copied: of the 90 that the copy has, no more than there is of the file."""
    def share():
        return max((100 * p.stat().st_blocks * 512 / (768 << 20) for p in parts.exports.rglob("*.raw")), default=0)

    seen = [0]
    while seen[-1] < 5:
        now = hyperv.get(job)
        assert now["JobState"] == "4", dict(now)
        seen.append(int(now["PercentComplete"]))
        assert seen[-2] <= seen[-1] <= 0.9 * share() + 5, (seen, share())


def test_a_cancelled_export_leaves_nothing(hyperv, daemon, parts, heavy):
    job = begin(hyperv, parts, heavy, parts.exports)
    check_progress(hyperv, parts, job)
    answer = hyperv.invoke("Msvm_ConcreteJob", job.selectors, "RequestStateChange", "<p:RequestedState>4</p:RequestedState>")
    assert answer["ReturnValue"] in ("0", "4096")
    started = time.monotonic()
    assert hyperv.wait_job(job)["JobState"] == "8"
    assert time.monotonic() - started < 10
    assert nothing_left(parts) == []


def test_a_killed_daemon_leaves_nothing_and_says_so(hyperv, daemon, parts, heavy):
    hyperv.finish(hyperv.request_state(heavy, RUNNING))
    job = begin(hyperv, parts, heavy, parts.exports, CaptureLiveState=1)
    daemon.kill()
    assert nothing_left(parts) != []
    daemon.start()
    assert nothing_left(parts) == []
    assert processes_below(str(parts.exports) + "/") == []  # nobody goes on copying
    told = hyperv.get(job)
    assert told["JobState"] == "10" and told["ErrorDescription"]
    settle(hyperv, heavy, RUNNING)  # as before, though it is saved for the time of the copy
    hyperv.finish(hyperv.request_state(heavy, OFF))
    hyperv.finish(hyperv.destroy(heavy))  # nothing holds it any more


def settle(hyperv, machine, state):
    """After a restart: the machine has the state, and the job that brought it there has ended."""
    hyperv.wait_state(machine, state, 120)
    deadline = time.monotonic() + 60
    while any(int(j["JobState"]) < 7 for j in hyperv.query("SELECT * FROM Msvm_ConcreteJob")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert hyperv.state(machine) == state


def test_kills_at_any_moment_of_an_export(hyperv, daemon, parts):
    """The machine goes on after each, and obeys; its export is whole or absent. (It is saved, copied and started again.)"""
    machine = parts.define("often")
    parts.attach(machine, parts.disk("often.raw", form="raw", size="16M"))
    hyperv.finish(hyperv.request_state(machine, RUNNING))
    begun = time.monotonic()
    parts.export(machine, CaptureLiveState=1)
    usual = time.monotonic() - begun
    kept = set(parts.exports.iterdir())
    seed = int(os.environ.get("WSVIRT_SEED", random.SystemRandom().randrange(1 << 30)))
    moments = random.Random(seed)
    rounds = int(os.environ.get("WSVIRT_ROUNDS", 10))
    for n in range(rounds):
        folder = parts.exports / f"round-{n}"
        output = parts.start_export(machine, folder, CreateVmExportSubdirectory=False, CaptureLiveState=1)
        time.sleep(usual * (n + moments.random()) / rounds)
        daemon.kill()
        daemon.start()
        told = hyperv.get(output["Job"])
        whole = told["JobState"] == "7"
        assert whole or (told["JobState"] == "10" and told["ErrorDescription"]), f"seed {seed}, round {n}: {told}"
        assert set(parts.exports.iterdir()) - kept == ({folder} if whole else set()), f"seed {seed}, round {n}"
        settle(hyperv, machine, RUNNING)
        hyperv.finish(hyperv.request_state(machine, PAUSED))
        hyperv.finish(hyperv.request_state(machine, RUNNING))
        if whole:
            shutil.rmtree(folder)
    hyperv.finish(hyperv.request_state(machine, OFF))
    assert hyperv.state(machine) == OFF  # and no memory is left that it could go on from


def test_what_a_guest_wrote_into_a_raw_disk_goes_along_as_it_is(parts, daemon):
    """Also where it looks like an image that stands on some file of the host."""
    machine = parts.define("imitator")
    disk, secret = parts.disk("imitator.img", size="4M", form="raw"), daemon.state / "secret"
    parts.attach(machine, disk)
    secret.write_bytes(b"secret" * 1000)
    imitation = parts.disk("imitation.qcow2", size="4M")
    subprocess.run(["qemu-img", "rebase", "-u", "-b", secret, "-F", "raw", imitation], check=True)
    with open(disk, "r+b") as file:
        file.write(imitation.read_bytes())
    imitation.unlink()
    for settings in ({}, {"BackupIntent": 1}):
        folder = parts.export(machine, **settings)
        (told,) = describe(folder).disks
        assert told.get("Format") == "raw"
        assert (folder / told.get("Path")).read_bytes() == disk.read_bytes()
        assert [p.name for p in (folder / "Virtual Hard Disks").iterdir()] == [disk.name]
    base = describe(folder).file
    with open(disk, "r+b") as file:
        file.seek(2 << 20)
        file.write(b"changed")
    folder = parts.export(machine, DifferentialBackupBase=str(base))
    (told,) = describe(folder).disks
    assert "backing file format: raw" in image("info", folder / told.get("Path"))
    subprocess.run(["qemu-img", "compare", "-f", "qcow2", "-F", "raw", folder / told.get("Path"), disk], check=True)


@pytest.mark.parametrize("form", ["qcow2", "raw"])
def test_kills_at_any_moment_of_realizing(hyperv, daemon, parts, form):
    """Afterwards there is the planned system or the machine with its memory and its snapshot, never both and never neither."""
    machine = parts.define(f"arrival-{form}")
    parts.attach(machine, parts.disk(f"arrival.{form}", form=form))
    hyperv.finish(hyperv.request_state(machine, RUNNING))
    parts.snapshot(machine, "kept")
    hyperv.finish(hyperv.request_state(machine, SAVED))
    folder = parts.export(machine)
    seed = int(os.environ.get("WSVIRT_SEED", random.SystemRandom().randrange(1 << 30)))
    moments = random.Random(seed)
    usual, rounds, made = 1.0, int(os.environ.get("WSVIRT_ROUNDS", 5)), 0

    def realize(planned):
        return hyperv.service("RealizePlannedSystem", f"<p:PlannedSystem>{planned.content()}</p:PlannedSystem>")

    for n in range(rounds + 1):
        copy = shutil.copytree(folder, parts.exports / f"arrival-{form}-{n}")
        planned = parts.imported(describe(copy).file, new_identifier=True)
        guid, output = planned.selectors["Name"], {}
        begun = time.monotonic()
        worker = threading.Thread(target=lambda: attempt(lambda: output.update(realize(planned))))
        worker.start()
        if n == 0:  # how long it takes here
            worker.join()
            hyperv.finish(output)
            usual = time.monotonic() - begun
        else:
            time.sleep(usual * (n - 1 + moments.random()) / rounds)
            daemon.kill()
            worker.join()
            daemon.start()
        there = [name for name in ("Msvm_ComputerSystem", "Msvm_PlannedComputerSystem")
                 if hyperv.query(f"SELECT * FROM {name} WHERE Name = '{guid}'")]
        assert len(there) == 1, f"seed {seed}, round {n}: {there}"
        if there == ["Msvm_PlannedComputerSystem"]:
            assert parts.problems(planned) == [], f"seed {seed}, round {n}"  # its files are as they were
            arrived = parts.realized(planned)
        else:
            made += 1
            arrived = hyperv.reference(guid)
        assert hyperv.state(arrived) == SAVED
        assert [s["ElementName"] for s in parts.snapshots(arrived)] == ["kept"]
        if n == rounds:
            hyperv.finish(hyperv.request_state(arrived, RUNNING))
            hyperv.finish(hyperv.request_state(arrived, OFF))
        hyperv.finish(hyperv.destroy(arrived))
        shutil.rmtree(copy)
    assert made > 0


def attempt(work):
    try:
        work()
    except Exception:  # the connection ends with the daemon
        pass


def test_a_start_that_was_cut_off_before_qemu(hyperv, daemon, parts):
    """libvirt notes a start before there is a QEMU; a kill between the two must not hold the machine for ever."""
    machine = parts.define("cut-off")
    hyperv.finish(hyperv.request_state(machine, RUNNING))
    (note,) = (f for f in daemon.state.glob("qemu/run/qemu/*.xml") if machine.selectors["Name"].lower() in f.name)
    text = note.read_text()
    hyperv.finish(hyperv.request_state(machine, OFF))
    assert not note.exists()
    daemon.kill()
    cut = re.sub(r"<domstatus [^>]*>", "<domstatus state='paused' reason='starting up' pid='0'>\n  "
                 "<job type='none' async='start'/>", text)
    assert cut != text
    note.write_text(cut)
    daemon.start()
    assert hyperv.state(machine) == OFF
    hyperv.finish(hyperv.request_state(machine, RUNNING))
    hyperv.finish(hyperv.request_state(machine, OFF))


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
def test_a_full_disk_leaves_nothing(hyperv, daemon, parts, heavy):
    small = parts.exports / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", small], check=True)
    try:
        for state, settings in ((OFF, {}), (RUNNING, {"CaptureLiveState": 1})):
            if state != OFF:
                hyperv.finish(hyperv.request_state(heavy, state))
            code, text = outcome(hyperv, parts.start_export(heavy, small, **settings))
            assert code == 32768 and "space" in text.lower(), text
            assert list(small.iterdir()) == []
            settle(hyperv, heavy, state)
    finally:
        subprocess.run(["umount", small], check=True)
        small.rmdir()

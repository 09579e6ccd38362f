"""Planned systems, export and import on real QEMU: what was exported comes back with its disks, memory and snapshots."""
import os
import pathlib
import shutil
import signal
import xml.etree.ElementTree as ET

import embedded
import pytest
from console import READY, Console
from embedded import Instance
from exports import content_digest, describe
from hyperv import OFF, RUNNING, SAVED, HyperV
from machine_parts import Parts

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


def shell(console, command, answer, seconds=30):
    """The guest's shell runs a command; `answer` is matched against its output, not against the echo of the line."""
    console.text = ""
    console.send(command + "\n")
    return console.wait(answer, seconds)


def mark(console, text):
    shell(console, f"echo {text} | dd of=/dev/sdb conv=sync,fsync 2>/dev/null; echo wrote-$((20+22))", r"wrote-42")


def marked(console):
    found = shell(console, "echo disk-says-$(dd if=/dev/sdb bs=512 count=1 2>/dev/null | tr -d '\\000')-end",
                  r"disk-says-([a-z0-9]+)-end")
    return found.group(1)


def tick(console, seconds=60):
    console.text = ""
    return int(console.wait(r"TICK (\d+)[\r\n]", seconds).group(1))


def test_a_running_machine_comes_back_with_memory_disks_and_snapshots(hyperv, daemon, parts):
    machine, name = parts.machine("traveller"), "traveller"
    hyperv.finish(hyperv.request_state(machine, RUNNING))
    with Console(parts.pipe(name)) as console:
        console.wait(READY_LINE, 90)
        console.wait(r"TICK 1[\r\n]", 30)
        mark(console, "before")
        at_snapshot = tick(console)
        snapshot = parts.snapshot(machine, "first")
        mark(console, "after")
        at_export = tick(console)
    folder = parts.export(machine, CaptureLiveState=1)
    assert hyperv.state(machine) == RUNNING
    with Console(parts.pipe(name)) as console:  # its QEMU is another one now
        assert at_export <= tick(console) < at_export + 60  # it goes on
        assert READY not in console.text
    hyperv.finish(hyperv.request_state(machine, OFF))

    definition = describe(folder)
    assert definition.root.get("Version") == "1"
    assert len(definition.disks) == 2 and len(definition.saved) == 1
    assert [s.get("Id") for s in definition.snapshots] == [snapshot]
    for file in definition.disks + definition.saved:
        path = folder / file.get("Path")
        assert path.stat().st_size == int(file.get("Size"))
        assert content_digest(path) == file.get("Digest")

    planned = parts.imported(definition.file, new_identifier=True)
    assert planned.selectors["Name"] != machine.selectors["Name"]
    assert hyperv.get(planned)["EnabledState"] == str(SAVED)
    parts.serial(planned, "second")
    assert parts.problems(planned) == []
    assert int(hyperv.invoke("Msvm_PlannedComputerSystem", planned.selectors, "RequestStateChange",
                             f"<p:RequestedState>{RUNNING}</p:RequestedState>")["ReturnValue"]) == 32775
    copy = parts.realized(planned)
    assert hyperv.state(copy) == SAVED
    (kept,) = parts.snapshots(copy)
    assert kept["ElementName"] == "first"
    hyperv.finish(hyperv.request_state(copy, RUNNING))
    with Console(parts.pipe("second")) as console:
        assert at_export <= tick(console) < at_export + 120  # it went on where it was
        assert marked(console) == "after"
        assert READY not in console.text
    hyperv.finish(hyperv.request_state(copy, OFF))
    parts.apply(kept["InstanceID"])
    hyperv.wait_state(copy, SAVED)
    hyperv.finish(hyperv.request_state(copy, RUNNING))
    with Console(parts.pipe(name)) as console:  # the settings of the snapshot hold again, with the first pipe
        assert at_snapshot <= tick(console) < at_export
        assert marked(console) == "before"

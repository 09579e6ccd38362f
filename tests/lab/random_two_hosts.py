"""The part of random_rounds.py that needs two hosts: machines that move between them, and what goes wrong on the way.

Runs inside hvA of two_hosts.py. The service is asked in root/HyperVCluster/v2, which shows the machines of both hosts. Where a
machine really is, libvirt is asked on each host."""
import os
import signal
import time

import embedded
import random_model as model
from embedded import Instance
from hyperv import OFF, PAUSED, RUNNING, SAVED, WMI, HyperV
from random_rounds import COMPLETED, WARNINGS, World
from travellers import (BOTH, CLUSTER, FOLDER, MACHINE, PATIENCE, SERVICE, SHARED, STORAGE, URIS, hosts_config, on_host, until,
                        virsh)
from wsvirtd import Daemon

HERE, THERE = "hvA", "hvB"
TROUBLE = 0.4  # of the moves
LONGEST_WAIT = 1.5  # seconds after the begin of a move
MOVES = {MACHINE: "move", BOTH: "move with disk", STORAGE: "move disk"}
TERMINATE, KILL = 4, 5  # RequestStateChange of a job
REFUSED_STATE = 32775
NOT_AVAILABLE = "32777"


def two_host_daemon():
    daemon = Daemon(uri=URIS[HERE], name=HERE, storage_folders=["/vms", str(SHARED)], more=hosts_config(URIS[THERE]),
                    backend='accelerator = "tcg"')
    daemon.storage = SHARED / "disks"
    return daemon


def other(host):
    return THERE if host == HERE else HERE


class Eyes(model.Eyes):
    def __init__(self, hyperv, daemon, exports):
        super().__init__(hyperv, daemon, exports)
        self.local = HyperV(daemon)
        self.unsettled = False  # a libvirtd died: what was begun with it is cleared up later

    # --- hosts --------------------------------------------------------------------------------------------------
    def places(self):
        return {host: FOLDER / host for host in URIS}

    def host_of(self, epr):
        (host,) = (h for h, machines in self.real().items() if epr.selectors["Name"].upper() in machines)
        return host

    def qemu_processes(self, host):
        space = os.readlink(f"/proc/{os.environ[f'WSVIRT_LAB_HOLDER_{host}']}/ns/mnt")
        found = []
        for pid in (int(p) for p in os.listdir("/proc") if p.isdigit()):
            try:
                if "qemu-system" in os.readlink(f"/proc/{pid}/exe") and os.readlink(f"/proc/{pid}/ns/mnt") == space:
                    if "-uuid" in command_of(pid):  # else libvirt only asks it what it can do
                        found.append(pid)
            except OSError:
                pass
        return found

    def qemu_of(self, machine):
        return [p for p in self.qemu_processes(machine.host) if machine.guid.lower() in command_of(p)]

    # --- what libvirt says and what the service says ------------------------------------------------------------
    @staticmethod
    def real():
        """By host, the machines and whether they run."""
        found = {}
        for host in URIS:
            lists = [virsh(host, "list", "--uuid", how) for how in ("--all", "--state-running")]
            assert not any(done.returncode for done in lists), f"libvirt of {host}: {lists[0].stderr}"
            every, running = ({u.upper() for u in done.stdout.split()} for done in lists)
            found[host] = {u: u in running for u in every}
        return found

    def told(self):
        def states(hyperv):
            return {s["Name"].upper(): int(s["EnabledState"]) == RUNNING
                    for s in hyperv.query("SELECT * FROM Msvm_ComputerSystem") if s["Name"] not in URIS}

        local, every = states(self.local), states(self.hyperv)
        return {HERE: local, THERE: {u: r for u, r in every.items() if u not in local}}

    def agree(self):
        """Waits until the service has heard of all that libvirt did, and nothing is on two hosts."""
        seen = []

        def same():
            seen[:] = [self.real(), self.told()]
            return seen[0] == seen[1] and not set(seen[0][HERE]) & set(seen[0][THERE])
        try:
            until("the service and libvirt agree", same, 90)
        except AssertionError as e:
            raise AssertionError(f"{e}\nlibvirt {seen[:1]}\nservice {seen[1:]}") from None

    def compare(self, machines, copies):
        self.agree()
        real = self.real()
        for m in machines:
            places = [h for h in URIS if m.guid in real[h]]
            assert places == [m.host], f"{m.name} is on {places}, not {m.host}"
            assert real[m.host][m.guid] == (m.state == RUNNING), f"{m.name} runs or not: not {model.NAMES[m.state]}"
        end = time.monotonic() + (60 if self.unsettled else 0)
        while True:
            try:
                super().compare(machines, copies)
                break
            except AssertionError:
                if time.monotonic() >= end:
                    raise
                time.sleep(0.5)
        self.unsettled = False


    def disks(self):
        """And what the QEMUs said last."""
        logs = [f for host in URIS for f in sorted((FOLDER / host / "log" / "qemu").glob("*.log"))]
        return super().disks() + [f"{f}:\n{f.read_text(errors='replace')[-1500:]}" for f in logs]


def command_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


class TwoHosts(World):
    forms = ("qcow2", "raw")  # VHDX disks are served to embedded QEMU alone

    def __init__(self, daemon, seed, kills):
        super().__init__(daemon, seed, kills, HyperV(daemon, namespace=CLUSTER), Eyes)

    def settle(self):
        """Libvirt goes on with what a killed service asked it for; a question to QEMU waits until that is over."""
        super().settle()
        for host, machines in self.eyes.real().items():
            for guid in machines:
                virsh(host, "dommemstat", guid)
        self.eyes.agree()

    # --- what is different when a machine is on the other host ----------------------------------------------------
    def snapshot(self, machine):
        """Those outside the disks are kept in files that are not reached on another host."""
        if self.carried_only(machine):
            self.migrate(machine)
            return
        before = set(machine.snapshots)
        super().snapshot(machine)
        for guid in set(machine.snapshots) - before:
            taken = machine.snapshots[guid]
            taken.beside = machine.host != HERE and machine.state == SAVED and taken.memory

    def carried_only(self, machine):
        """Its snapshots are outside the disks, on a host where they are kept as they are."""
        return machine.host != HERE and not machine.inside

    def apply(self, machine):
        if self.carried_only(machine) and machine.state in (OFF, SAVED):
            self.kept_as_they_are(machine, "ApplySnapshot", "Snapshot")
        else:
            super().apply(machine)

    def delete(self, machine):
        if self.carried_only(machine):
            self.kept_as_they_are(machine, "DestroySnapshot", "AffectedSnapshot")
        else:
            super().delete(machine)

    def kept_as_they_are(self, machine, method, parameter):
        guid = self.dice.choice(sorted(machine.snapshots))
        self.say(f"{method} {guid} of {machine} ({model.NAMES[machine.state]}) on {machine.host}")
        self.refused(method, lambda: self.on_snapshot(method, parameter, guid), 32770)

    def destroy(self, machine):
        if self.carried_only(machine) and machine.snapshots:
            self.migrate(machine)
        else:
            super().destroy(machine)

    def export(self, machine):
        """Saved memory is not reached there."""
        if machine.host == HERE or machine.state == OFF:
            super().export(machine)
        else:
            self.migrate(machine)

    def choices(self):
        found = super().choices() + [(1, lambda: self.kill_libvirtd(self.dice.choice(list(URIS))))]
        if self.machines:
            m = self.dice.choice(self.machines)
            found.append((3, lambda: self.migrate(m)))
        if movable := [m for m in self.machines if m.state != SAVED]:
            traveller = self.dice.choice(movable)
            found.append((5, lambda: self.migrate(traveller)))
            if traveller.host == HERE and traveller.guid not in self.copies and not traveller.snapshots:
                found.append((4, lambda: self.move_disk(traveller)))
        if live := [m for m in movable if m.state != OFF]:
            runner = self.dice.choice(live)
            found.append((14, lambda: self.migrate(runner)))
        return found

    # --- moves ----------------------------------------------------------------------------------------------------
    def ask(self, machine, kind, to, disk=None, slowly=False):
        """Whether it is asked for in the namespace of one host or of all is the dice's choice where both serve."""
        hyperv = self.eyes.local if machine.host == HERE and self.dice.random() < 0.5 else self.hyperv
        settings = {"MigrationType": kind, **({"Bandwidth": 1} if slowly else {})}
        inner = f"<p:ComputerSystem>{machine.epr.content().replace(CLUSTER, hyperv.namespace)}</p:ComputerSystem>"
        if to:
            inner += f"<p:DestinationHost>{to}</p:DestinationHost>"
        inner += embedded.render("cimxml-escaped", "MigrationSettingData",
                                 Instance("Msvm_VirtualSystemMigrationSettingData", **settings), WMI)
        if disk:
            inner += embedded.render("cimxml-escaped", "NewResourceSettingData", self.disk_at(machine, disk), WMI)

        def answer():  # a host whose libvirtd was started again is connected to a moment later
            output = hyperv.invoke(SERVICE, {"CreationClassName": SERVICE}, "MigrateVirtualSystemToHost", inner)
            return output if output["ReturnValue"] != NOT_AVAILABLE else None
        return until("both hosts can be reached", answer)

    def disk_at(self, machine, path):
        (one,) = (d for d in self.hyperv.devices(machine.epr, "Msvm_StorageAllocationSettingData")
                  if d["ResourceSubType"].endswith("Hard Disk"))
        return Instance("Msvm_StorageAllocationSettingData", InstanceID=one["InstanceID"], HostResource=[str(path)])

    def new_file(self, machine):
        self.number += 1
        return self.daemon.storage / f"{machine.name}-{self.number}{machine.disk.suffix}"

    def migrate(self, machine):
        to = other(machine.host)
        kind = MACHINE
        if machine.state in (RUNNING, PAUSED, OFF) and not machine.snapshots and machine.guid not in self.copies:
            kind = self.dice.choice([MACHINE, MACHINE, BOTH])
        self.say(f"{MOVES[kind]} {machine} ({model.NAMES[machine.state]}, {len(machine.snapshots)} snapshots) to {to}")
        if machine.state == SAVED:
            self.refused("move", lambda: self.ask(machine, kind, to), REFUSED_STATE)
            return
        disk = self.new_file(machine) if kind == BOTH else None
        self.moves(machine, kind, to, disk)

    def move_disk(self, machine):
        """To another file, of a machine of the service's own host."""
        self.say(f"move disk of {machine} ({model.NAMES[machine.state]}) on {machine.host}")
        self.moves(machine, STORAGE, machine.host, self.new_file(machine))

    def moves(self, machine, kind, to, disk):
        what = MOVES[kind]

        def begin():
            return self.ask(machine, kind, None if kind == STORAGE else to, disk)

        def happened():
            there = machine.guid in self.eyes.real()[to]
            return there if kind != STORAGE else self.eyes.files_of(f"Microsoft:{machine.guid}") == [str(disk)]

        if self.dice.random() < TROUBLE:
            done = self.in_trouble(machine, kind, to, disk, what, happened)
        else:
            done, _ = self.certainly(what, begin, happened)
        if done:
            machine.host, machine.disk = to, disk or machine.disk
        seen = self.hyperv.state(machine.epr)
        self.say(f"    {'done' if done else 'not done'}; it is on {machine.host}")
        assert seen == machine.state, f"{machine.name} is {model.NAMES.get(seen, seen)} after {what}"
        if done and kind != STORAGE and machine.state == PAUSED:
            # QEMU 7.2 ends with an assertion when a machine that came over paused is moved or saved before it has run.
            self.hyperv.finish(self.hyperv.request_state(machine.epr, RUNNING))
            machine.state = RUNNING

    def in_trouble(self, machine, kind, to, disk, what, happened):
        """Something happens on the way; the job tells what became of the move."""
        trouble = self.dice.choice(["cancel", "cancel", "QEMU", "libvirtd of hvA", "libvirtd of hvB"])
        if trouble == "QEMU" and machine.state == OFF:
            trouble = "cancel"
        wait, restart_first = self.dice.uniform(0, LONGEST_WAIT), self.dice.random() < 0.5
        self.say(f"    after {wait:.2f} s: {trouble}")
        output = self.ask(machine, kind, None if kind == STORAGE else to, disk, slowly=True)
        assert output["ReturnValue"] == "4096", f"{what}: {self.told(output)}"
        job, source = output["Job"], machine.host
        time.sleep(wait)
        killed = False
        if trouble == "cancel":
            self.cancel(job)
        elif trouble == "QEMU":
            for host in (source, to):
                for pid in (p for p in self.eyes.qemu_processes(host) if machine.guid.lower() in command_of(p)):
                    os.kill(pid, signal.SIGKILL)
                    killed = True
        else:
            host = trouble.split()[-1]
            end_libvirtd(host)
            if not restart_first:
                self.hyperv.wait_job(job, PATIENCE)
            start_libvirtd(host)
            self.eyes.unsettled = True
        ended = self.hyperv.wait_job(job, PATIENCE)
        self.settle()
        self.settle()  # what is cleared up when a host is back is a job, too
        state, text = int(ended["JobState"]), ended["ErrorDescription"] or ""
        self.say(f"    the job: {state} {text}")
        moved = happened()
        done = state in (COMPLETED, WARNINGS)
        self.counts[f"{what}, {trouble}: {'done' if done else 'not done'}"] += 1
        assert done or text or trouble == "cancel", f"the job does not say why: {dict(ended)}"
        if done != moved:
            assert not done, f"the job says that it is done, but the machine stayed: {dict(ended)}"
            assert "destination" in text or to in text or ended["ErrorCode"] == "32777", f"it moved all the same: {dict(ended)}"
        if killed:
            until("the machine is seen off", lambda: self.hyperv.state(machine.epr) == OFF)
            machine.state = OFF
        return moved

    def cancel(self, job):
        body = f'<p:RequestStateChange_INPUT xmlns:p="{job.uri}"><p:RequestedState>{self.dice.choice([TERMINATE, KILL])}' \
               "</p:RequestedState></p:RequestStateChange_INPUT>"
        try:
            self.hyperv.post(f"{job.uri}/RequestStateChange", job.uri, job.selectors, body)
        except Exception as e:  # the job has ended already
            self.say(f"    cannot be cancelled: {type(e).__name__}")

    # --- kills ------------------------------------------------------------------------------------------------------
    def kill_libvirtd(self, host):
        self.say(f"kill -9 of libvirtd of {host}")
        end_libvirtd(host)
        time.sleep(self.dice.uniform(0, 1))
        start_libvirtd(host)
        self.eyes.unsettled = True
        self.counts[f"kill -9 of libvirtd of {host}"] += 1


def end_libvirtd(host):
    pid = int((FOLDER / host / "run" / "libvirtd.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    until("libvirtd is gone", lambda: not command_of(pid))


def start_libvirtd(host):
    until("libvirtd starts", lambda: on_host(host, "libvirtd", "-d", "--listen", "-p", "/run/libvirt/libvirtd.pid"
                                             ).returncode == 0)
    until(f"libvirtd of {host} answers", lambda: virsh(host, "hostname").returncode == 0)

#!/usr/bin/python3
"""Random operations on real machines, with kill -9 of the service and of QEMU, against a model of what must hold.

    random_rounds.py --rounds 200 --seed 7        (WSVIRT_BUILD names the build, as for the lab tests)
    random_rounds.py --hosts 2 --rounds 200       between two hosts, as root: see random_two_hosts.py

Each round does one thing to one machine: define, start, pause, save, turn off, write, snapshot, apply, delete, export, import,
destroy, or something that must be refused. In some the service is killed in the middle and started again. Then all is
compared with the model: nothing is lost, nothing is there twice, and each job says what became of it. The same seed makes
the same choices; where a kill comes in depends on the machine too.
"""
import argparse
import collections
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

import random_model as model  # noqa: E402
from hyperv import OFF, PAUSED, RUNNING, SAVED, WMI, HyperV  # noqa: E402
from machine_parts import Parts, settings_epr  # noqa: E402
from wsvirtd import Daemon, processes_below  # noqa: E402

SNAPSHOTS = "Msvm_VirtualSystemSnapshotService"
FULL, DISK = 2, 3
COMPLETED, WARNINGS = 7, 32768
MOST_MACHINES, MOST_SNAPSHOTS, MOST_EXPORTS = 4, 5, 2
KILLS = 0.25  # of the operations that can be cut off
LONGEST_CUT = 0.5  # seconds after its start
STATES = {"start": RUNNING, "pause": PAUSED, "save": SAVED, "turn off": OFF}
REACHED_FROM = {RUNNING: (OFF, SAVED, PAUSED), PAUSED: (RUNNING,), SAVED: (RUNNING, PAUSED), OFF: (RUNNING, PAUSED)}
# Where an operation that was cut off may leave a machine besides; one that was saved while it was paused comes back paused.
BETWEEN = {PAUSED: {RUNNING}, SAVED: {PAUSED}}
JOB_TYPES = {"define": 1, "destroy": 3, "snapshot": 70, "apply": 71, "delete": 72, "delete tree": 72, "import": 61,
             "export": 62, "realize": 141, "move": 305, "move with disk": 306, "move disk": 307}


class Cut(Exception):
    """The service was killed before it answered, and nothing tells what became of the operation."""


class World:
    forms = ("qcow2", "raw", "vhdx", "vpc")

    def __init__(self, daemon, seed, kills, hyperv=None, eyes=model.Eyes):
        self.daemon, self.dice, self.kills = daemon, random.Random(seed), kills
        self.hyperv = hyperv or HyperV(daemon)
        self.parts = Parts(self.hyperv, daemon, None)
        self.eyes = eyes(self.hyperv, daemon, self.parts.exports)
        daemon.storage.mkdir(exist_ok=True)
        self.machines, self.exports, self.copies = [], [], {}
        self.number, self.log, self.counts = 0, [], collections.Counter()
        self.known_jobs = set()

    # --- one operation ------------------------------------------------------------------------------------------
    def say(self, text):
        self.log.append(text)

    def settle(self):
        """After a start of the service: what it has to mend is mended when no job runs any more."""
        end = time.monotonic() + 120
        while running := [j for j in self.eyes.jobs().values() if int(j["JobState"]) < COMPLETED]:
            assert time.monotonic() < end, f"jobs that do not end: {[dict(j) for j in running]}"
            time.sleep(0.1)

    def run(self, what, begin):
        """(whether it was done, its outputs or None). Where the service was killed and no job tells: Cut."""
        if self.dice.random() >= self.kills:
            output = begin()
            code = int(output["ReturnValue"])
            assert code in (0, 4096), f"{what}: ReturnValue {code}: {self.told(output)}"
            if code == 4096:
                job = self.hyperv.wait_job(output["Job"])
                assert int(job["JobState"]) in (COMPLETED, WARNINGS), f"{what}: {dict(job)}"
            self.counts[what] += 1
            return True, output
        return self.run_cut(what, begin)

    def run_cut(self, what, begin):
        answer = []

        def call():
            try:
                answer.append(begin())
            except Exception as e:  # the connection ended with the service
                self.say(f"    no answer: {type(e).__name__}")

        before = set(self.eyes.jobs())
        thread = threading.Thread(target=call)
        thread.start()
        time.sleep(self.dice.uniform(0, LONGEST_CUT))
        self.daemon.kill()
        thread.join()
        self.daemon.start()
        self.settle()
        self.counts[f"{what}, killed"] += 1
        output = answer[0] if answer else None
        if output and int(output["ReturnValue"]) == 0:
            return True, output
        job = self.hyperv.get(output["Job"]) if output else self.job_of(what, before)
        if job is None:
            raise Cut
        state = int(job["JobState"])
        self.say(f"    killed; the job: {state} {job['ErrorDescription'] or ''}")
        self.counts["jobs of killed operations that completed" if state in (COMPLETED, WARNINGS) else
                    "jobs of killed operations that failed"] += 1
        assert state in (COMPLETED, WARNINGS) or job["ErrorDescription"], dict(job)
        return state in (COMPLETED, WARNINGS), output

    def job_of(self, what, before):
        new = [j for i, j in self.eyes.jobs().items() if i not in before and int(j["JobType"]) == JOB_TYPES.get(what)]
        return new[0] if len(new) == 1 else None

    def told(self, output):
        return self.hyperv.get(output["Job"])["ErrorDescription"] if output.get("Job") else dict(output)

    def refused(self, what, begin, *codes):
        output = begin()
        code = int(output["ReturnValue"])
        if code == 4096:
            job = self.hyperv.wait_job(output["Job"])
            code = int(job["ErrorCode"]) if int(job["JobState"]) not in (COMPLETED, WARNINGS) else 0
        assert code in codes, f"{what} must be refused with {codes}, not {code}: {self.told(output)}"
        self.counts["refused"] += 1

    # --- what can be done ---------------------------------------------------------------------------------------
    def define(self):
        self.number += 1
        name, form = f"m{self.number}", self.dice.choice(self.forms)
        self.say(f"define {name} with a {form} disk")
        done, output = self.certainly("define", lambda: self.parts_define(name), lambda: self.epr_named(name))
        if not done:
            return
        epr = output["ResultingSystem"] if output else self.epr_named(name)
        disk = self.parts.disk(f"{name}.{form}", size="8M", form=form)
        self.parts.attach(epr, disk)
        machine = model.Machine(epr, name, self.eyes.host_of(epr), OFF, disk, 0, form == "qcow2")
        self.machines.append(machine)
        self.fill(machine)

    def parts_define(self, name):
        output = {}
        finish, self.hyperv.finish = self.hyperv.finish, lambda o: output.update(o) or o
        try:
            self.parts.define(name)
        finally:
            self.hyperv.finish = finish
        return output

    def epr_named(self, name):
        guid = next((g for g, s in self.eyes.systems().items() if s["ElementName"] == name), None)
        return self.hyperv.reference(guid) if guid else None

    def certainly(self, what, begin, happened):
        """As run(), but where no job tells it is looked up."""
        try:
            return self.run(what, begin)
        except Cut:
            self.counts["killed before a job was known"] += 1
            self.say("    killed; no job is known")
            return bool(happened()), None

    def fill(self, machine):
        machine.content = self.dice.randrange(1, 256)
        (path,) = self.eyes.files_of(f"Microsoft:{machine.guid}")
        subprocess.run(["qemu-io", "-f", model.form_of(path), "-c", f"write -q -P {machine.content} 0 64k", path], check=True)

    def write(self, machine):
        self.say(f"write to {machine}")
        self.fill(machine)

    def change_state(self, machine):
        what, state = self.dice.choice(sorted((w, s) for w, s in STATES.items() if machine.state in REACHED_FROM[s]))
        self.say(f"{what} {machine}")
        before = machine.state
        done, _ = self.certainly(what, lambda: self.hyperv.request_state(machine.epr, state), lambda: False)
        seen = self.hyperv.state(machine.epr)
        allowed = {state} if done else {before, state} | BETWEEN.get(before, set())
        end = time.monotonic() + 30  # what was cut off ends by itself
        while seen not in allowed:
            assert time.monotonic() < end, f"{machine.name} is {seen} after {what}, not one of {allowed}"
            time.sleep(0.1)
            seen = self.hyperv.state(machine.epr)
        machine.state = seen

    def on_snapshot(self, method, parameter, guid):
        return self.hyperv.invoke(SNAPSHOTS, {"CreationClassName": SNAPSHOTS}, method,
                                  f"<p:{parameter}>{self.of_namespace(settings_epr('Microsoft:' + guid))}</p:{parameter}>")

    def of_namespace(self, epr):
        return epr.content().replace(WMI, self.hyperv.namespace)

    def snapshot(self, machine):
        kind = self.dice.choice([FULL, FULL, DISK])
        self.say(f"snapshot of {machine} ({model.NAMES[machine.state]}), type {kind}")

        def begin():
            return self.hyperv.invoke(SNAPSHOTS, {"CreationClassName": SNAPSHOTS}, "CreateSnapshot",
                                      f"<p:AffectedSystem>{machine.epr.content()}</p:AffectedSystem>"
                                      f"<p:SnapshotType>{kind}</p:SnapshotType>")

        def new():
            there = {s["InstanceID"].split(":")[1].upper() for s in self.parts.snapshots(machine.epr)}
            return sorted(there - set(machine.snapshots))

        done, output = self.certainly("snapshot", begin, new)
        if done:
            guid = output["ResultingSnapshot"].selectors["InstanceID"].split(":")[1] if output else new()[0]
            machine.takes(guid.upper(), kind == FULL)
            self.say(f"    {guid}")

    def apply(self, machine):
        guid = self.dice.choice(sorted(machine.snapshots))
        self.say(f"apply {guid} of {machine} ({model.NAMES[machine.state]})")

        def begin():
            return self.on_snapshot("ApplySnapshot", "Snapshot", guid)

        if machine.state not in (OFF, SAVED):
            self.refused("apply", begin, 32775)
            return
        after = model.frozen(machine)
        after.goes_back(guid)
        done, _ = self.certainly("apply", begin, lambda: self.looks_like(after))
        if done:
            machine.goes_back(guid)

    def looks_like(self, machine):
        return self.eyes.machine(self.eyes.systems()[machine.guid])[0] == machine.view()

    def delete(self, machine):
        guid, tree = self.dice.choice(sorted(machine.snapshots)), self.dice.random() < 0.3
        what, parameter = ("delete tree", "SnapshotSettingData") if tree else ("delete", "AffectedSnapshot")
        self.say(f"{what} {guid} of {machine} ({model.NAMES[machine.state]})")
        after = model.frozen(machine)
        after.loses(guid, tree)
        done, _ = self.certainly(what, lambda: self.on_snapshot("DestroySnapshotTree" if tree else "DestroySnapshot",
                                                                parameter, guid), lambda: self.looks_like(after))
        if done:
            machine.loses(guid, tree)

    def export(self, machine):
        self.number += 1
        folder = self.parts.exports / f"export-{self.number}"
        self.say(f"export {machine} ({model.NAMES[machine.state]}) to {folder.name}")

        def begin():
            return self.parts.start_export(machine.epr, folder, CreateVmExportSubdirectory=False)

        done, _ = self.certainly("export", begin, folder.exists)
        if done:
            kept = model.frozen(machine)
            kept.state = OFF if machine.state == OFF else SAVED
            self.exports.append(model.Export(folder, kept))

    def import_(self):
        export = self.dice.choice(self.exports)
        self.number += 1
        copy = self.parts.exports / f"copy-{self.number}"
        self.say(f"import {export.folder.name} of {export.machine} as {copy.name}")
        shutil.copytree(export.folder, copy)
        (definition,) = (copy / "Virtual Machines").glob("*.xml")
        done, output = self.certainly("import", lambda: self.hyperv.service(
            "ImportSystemDefinition", f"<p:SystemDefinitionFile>{definition}</p:SystemDefinitionFile>"
                                      "<p:GenerateNewSystemIdentifier>true</p:GenerateNewSystemIdentifier>"), self.planned)
        if not done:
            shutil.rmtree(copy)
            return
        planned = output["ImportedSystem"] if output else self.planned()
        done, output = self.certainly("realize", lambda: self.hyperv.service(
            "RealizePlannedSystem", f"<p:PlannedSystem>{self.of_namespace(planned)}</p:PlannedSystem>"),
                                   lambda: not self.planned())
        if not done:  # it is as it was: it can be realized again, or forgotten
            if self.dice.random() < 0.5:
                self.hyperv.finish(self.hyperv.destroy(planned))
                shutil.rmtree(copy)
                return
            self.hyperv.finish(self.hyperv.service("RealizePlannedSystem",
                                                   f"<p:PlannedSystem>{self.of_namespace(planned)}</p:PlannedSystem>"))
        self.adopt(export.machine, planned.selectors["Name"].upper(), copy)

    def planned(self):
        found = self.hyperv.query("SELECT * FROM Msvm_PlannedComputerSystem")
        return settings_like(found[0]) if found else None

    def adopt(self, exported, guid, copy):
        """The imported machine: as the exported one, with new identifiers of the snapshots, which keep their times."""
        machine = model.frozen(exported)
        machine.epr = self.hyperv.reference(guid)
        machine.host = self.eyes.host_of(machine.epr)
        (path,) = self.eyes.files_of(f"Microsoft:{guid}")
        machine.disk = pathlib.Path(self.eyes.chain(path)[-1])
        there = sorted(self.parts.snapshots(machine.epr), key=lambda s: s["CreationTime"])
        assert len(there) == len(exported.snapshots)
        names = dict(zip(exported.snapshots, (s["InstanceID"].split(":")[1].upper() for s in there)))
        machine.snapshots = {names[g]: model.Snapshot(names.get(s.parent, ""), s.memory, s.content)
                             for g, s in exported.snapshots.items()}
        machine.current = names.get(exported.current, "")
        self.machines.append(machine)
        self.copies[guid] = copy

    def destroy(self, machine):
        self.say(f"destroy {machine} ({model.NAMES[machine.state]}) with {len(machine.snapshots)} snapshots")

        def begin():
            return self.hyperv.destroy(machine.epr)

        if machine.state not in (OFF, SAVED):
            self.refused("destroy", begin, 32775)
            return
        done, _ = self.certainly("destroy", begin, lambda: machine.guid not in self.eyes.systems())
        if not done:
            return
        self.machines.remove(machine)
        assert self.eyes.content(machine.disk) == machine.content, "what the machine wrote last is in its disk"
        machine.disk.unlink()
        if copy := self.copies.pop(machine.guid, None):
            shutil.rmtree(copy)

    def forget_export(self):
        export = self.exports.pop(self.dice.randrange(len(self.exports)))
        self.say(f"remove {export.folder.name}")
        shutil.rmtree(export.folder)

    def kill_qemu(self, machine):
        self.say(f"kill -9 of the QEMU of {machine}")
        pids = self.eyes.qemu_of(machine)
        assert len(pids) == 1, pids
        os.kill(pids[0], signal.SIGKILL)
        self.hyperv.wait_state(machine.epr, OFF)
        machine.state = OFF
        self.counts["kill -9 of QEMU"] += 1

    def kill_service(self):
        self.say("kill -9 of the service")
        self.daemon.kill()
        self.daemon.start()
        self.settle()
        self.counts["kill -9 of the service between operations"] += 1

    # --- rounds -------------------------------------------------------------------------------------------------
    def choices(self):
        """(weight, what to call)"""
        found = [(1, self.kill_service)]
        if len(self.machines) < MOST_MACHINES:
            found.append((4, self.define))
            if self.exports:
                found.append((4, self.import_))
        if len(self.exports) >= MOST_EXPORTS:
            found.append((3, self.forget_export))
        if self.machines:
            m = self.dice.choice(self.machines)
            found += [(8, lambda: self.change_state(m)), (2, lambda: self.destroy(m))]
            if len(m.snapshots) < MOST_SNAPSHOTS:
                found.append((7, lambda: self.snapshot(m)))
            if m.snapshots:
                found += [(6, lambda: self.apply(m)), (4, lambda: self.delete(m))]
            if m.state == OFF:
                found.append((4, lambda: self.write(m)))
            if m.state in (RUNNING, PAUSED):
                found.append((2, lambda: self.kill_qemu(m)))
            if len(self.exports) < MOST_EXPORTS:
                found.append((3, lambda: self.export(m)))
        return found

    def round(self, number):
        weights, calls = zip(*self.choices())
        self.say(f"{number}:")
        self.dice.choices(calls, weights)[0]()
        self.eyes.compare(self.machines, list(self.copies.values()))
        self.eyes.compare_exports(self.exports, list(self.copies.values()))
        for job in self.eyes.jobs().values():
            assert int(job["JobState"]) >= COMPLETED, f"a job that has not ended: {dict(job)}"


def settings_like(planned):
    from machine_parts import epr
    return epr("Msvm_PlannedComputerSystem", CreationClassName="Msvm_PlannedComputerSystem", Name=planned["Name"])


def play(rounds, seed, daemon, kills=KILLS, verbose=False, world_type=World):
    """Plays; raises with the whole story when something does not hold. What was done, counted."""
    world = world_type(daemon, seed, kills)
    for number in range(rounds):
        said = len(world.log)
        try:
            world.round(number)
        except Exception as e:
            story = "\n".join(world.log + world.eyes.disks())
            raise AssertionError(f"seed {seed}, round {number}: {e}\n{daemon.end_text()}{story}") from e
        if verbose:
            print(" ".join(world.log[said:]), flush=True)
    return world.counts


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--rounds", type=int, default=200)
    arguments.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    arguments.add_argument("--kills", type=float, default=KILLS, help="how many of the operations are cut off (%(default)s)")
    arguments.add_argument("--hosts", type=int, choices=(1, 2), default=1)
    given = arguments.parse_args()
    started, made, world_type = time.monotonic(), Daemon, World
    if given.hosts == 2:
        if "WSVIRT_LAB_FOLDER" not in os.environ:
            again = [sys.executable, __file__, *sys.argv[1:], "--seed", str(given.seed)]
            os.execv(sys.executable, [sys.executable, str(HERE / "two_hosts.py"), "exec", *again])
        import random_two_hosts
        made, world_type = random_two_hosts.two_host_daemon, random_two_hosts.TwoHosts
    with made() as daemon:
        try:
            counts = play(given.rounds, given.seed, daemon, given.kills, verbose=True, world_type=world_type)
        except AssertionError:
            print(daemon.log_text()[-4000:], file=sys.stderr)
            raise
    print(f"seed {given.seed}: {given.rounds} rounds in {time.monotonic() - started:.0f} s, all as it must be")
    for what, number in sorted(counts.items()):
        print(f"  {number:4} {what}")


if __name__ == "__main__":
    main()

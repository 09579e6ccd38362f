"""What tests of exports and planned systems need of machines: one with two disks, and the calls in short."""
import shutil
import subprocess
import uuid
import xml.etree.ElementTree as ET

import embedded
from embedded import Instance
from hyperv import OFF, PAUSED, RUNNING, SAVED, W, WMI, Epr

RASD = "Msvm_ResourceAllocationSettingData"
SNAPSHOTS = "Msvm_VirtualSystemSnapshotService"
FORM = "cimxml-escaped"
TYPES = {name: "uint8" for name in ("CaptureLiveState", "CopySnapshotConfiguration", "BackupIntent")}
embedded.TYPES.update(TYPES, UserSnapshotType="uint16")


def epr(class_name, **keys):
    element = ET.Element("x")
    ET.SubElement(element, W + "ResourceURI").text = WMI + class_name
    for name, value in keys.items():
        ET.SubElement(element, W + "Selector", Name=name).text = value
    return Epr(element)


def settings_epr(instance_id):
    return epr("Msvm_VirtualSystemSettingData", InstanceID=instance_id)


def cimxml_instance(text):
    """An embedded instance that came as CIM-XML: its properties that have a value, and its class."""
    root = ET.fromstring(text)
    found = {p.get("NAME"): p.findtext("VALUE") for p in root.iter("PROPERTY") if p.find("VALUE") is not None}
    return root.get("CLASSNAME"), found


class Parts:
    def __init__(self, hyperv, daemon, guest):
        self.hyperv, self.daemon, self.guest = hyperv, daemon, guest
        self.made = []

    # --- machines -----------------------------------------------------------------------------------------------
    def pipe(self, name):
        return self.daemon.state / "pipes" / name

    def disk(self, name, source=None, size="1M", form="qcow2"):
        self.daemon.storage.mkdir(exist_ok=True)
        path = self.daemon.storage / name
        if source is not None:
            shutil.copy(source, path)
        else:
            subprocess.run(["qemu-img", "create", "-q", "-f", form, path, size], check=True)
        return path

    def define(self, name, planned=False, **settings):
        given = Instance("Msvm_VirtualSystemSettingData", ElementName=name, UserSnapshotType=5,
                         VirtualSystemSubType="Microsoft:Hyper-V:SubType:1", **settings)
        memory = Instance("Msvm_MemorySettingData", ResourceType=4, ResourceSubType="Microsoft:Hyper-V:Memory",
                          DynamicMemoryEnabled=False, VirtualQuantity=160, Reservation=160, Limit=160)
        inner = embedded.render(FORM, "SystemSettings", given, WMI) + embedded.render(FORM, "ResourceSettings", memory, WMI)
        method = "DefinePlannedSystem" if planned else "DefineSystem"
        machine = self.hyperv.finish(self.hyperv.service(method, inner))["ResultingSystem"]
        self.made.append(machine)
        return machine

    def attach(self, machine, path, position=0):
        """A hard disk on the first IDE controller; the reference of its medium."""
        ide = min((d for d in self.hyperv.devices(machine, RASD) if d["ResourceType"] == "5"),
                  key=lambda d: d.get("Address") or "")
        drive = self.hyperv.add(machine, Instance(
            RASD, ResourceType=17, ResourceSubType="Microsoft:Hyper-V:Synthetic Disk Drive",
            Parent=epr(RASD, InstanceID=ide["InstanceID"]).path("TESTHOST"), AddressOnParent=str(position)), FORM)
        return self.hyperv.add(machine, Instance(
            "Msvm_StorageAllocationSettingData", ResourceType=31, ResourceSubType="Microsoft:Hyper-V:Virtual Hard Disk",
            Parent=drive.path("TESTHOST"), HostResource=[str(path)]), FORM)

    def serial(self, machine, name):
        port = next(d for d in self.hyperv.devices(machine, "Msvm_SerialPortSettingData"))
        self.hyperv.modify(Instance("Msvm_SerialPortSettingData", InstanceID=port["InstanceID"], ResourceType=21,
                                    ResourceSubType="Microsoft:Hyper-V:Serial Port", Connection=[rf"\\.\pipe\{name}"]))

    def adapter(self, machine):
        """A network adapter on the switch that every host has."""
        port, plug = "Msvm_SyntheticEthernetPortSettingData", "Msvm_EthernetPortAllocationSettingData"
        kind = "Microsoft:Hyper-V:Synthetic Ethernet Port"
        nic = self.hyperv.add(machine, Instance(port, ResourceType=10, ResourceSubType=kind), FORM)
        switch = self.hyperv.query("SELECT * FROM Msvm_VirtualEthernetSwitch")[0]
        self.hyperv.add(machine, Instance(
            plug, ResourceType=33, ResourceSubType="Microsoft:Hyper-V:Ethernet Connection", EnabledState=2,
            Parent=nic.path("TESTHOST"), HostResource=[switch["Name"]]), FORM)

    def machine(self, name):
        """Boots from its first disk, has a second one for data, and its shell behind the pipe of its name."""
        machine = self.define(name)
        self.attach(machine, self.disk(f"{name}.qcow2", self.guest.disk), 0)
        self.attach(machine, self.disk(f"{name}-data.qcow2"), 1)
        self.serial(machine, name)
        return machine

    def clear(self):
        for machine in self.made:
            guid = machine.selectors["Name"]
            if not self.hyperv.query(f"SELECT * FROM {machine.class_name} WHERE Name = '{guid}'"):
                continue
            if self.hyperv.state(machine) in (RUNNING, PAUSED):
                self.hyperv.finish(self.hyperv.request_state(machine, OFF))
            if self.hyperv.state(machine) in (OFF, SAVED):
                self.hyperv.finish(self.hyperv.destroy(machine))

    # --- snapshots ------------------------------------------------------------------------------------------------
    def snapshot_service(self, method, inner):
        return self.hyperv.finish(self.hyperv.invoke(SNAPSHOTS, {"CreationClassName": SNAPSHOTS}, method, inner))

    def snapshots(self, machine):
        return self.hyperv.query("SELECT * FROM Msvm_VirtualSystemSettingData WHERE VirtualSystemIdentifier = '"
                                 f"{machine.selectors['Name']}' AND VirtualSystemType LIKE 'Microsoft:Hyper-V:Snapshot:%'")

    def snapshot(self, machine, name):
        """Takes one and gives it a name; its GUID."""
        before = {s["InstanceID"] for s in self.snapshots(machine)}
        self.snapshot_service("CreateSnapshot", f"<p:AffectedSystem>{machine.content()}</p:AffectedSystem>"
                                                "<p:SnapshotType>2</p:SnapshotType>")
        (made,) = (s["InstanceID"] for s in self.snapshots(machine) if s["InstanceID"] not in before)
        change = Instance("Msvm_VirtualSystemSettingData", InstanceID=made, ElementName=name)
        self.hyperv.finish(self.hyperv.service("ModifySystemSettings",
                                               embedded.render(FORM, "SystemSettings", change, WMI)))
        return made.removeprefix("Microsoft:")

    def apply(self, instance_id):
        self.snapshot_service("ApplySnapshot", f"<p:Snapshot>{settings_epr(instance_id).content()}</p:Snapshot>")

    # --- exports --------------------------------------------------------------------------------------------------
    @property
    def exports(self):
        folder = self.daemon.state / "exports"
        folder.mkdir(exist_ok=True)
        return folder

    def start_export(self, machine, directory, **settings):
        given = Instance("Msvm_VirtualSystemExportSettingData", **settings)
        return self.hyperv.service("ExportSystemDefinition",
                                   f"<p:ComputerSystem>{machine.content()}</p:ComputerSystem>"
                                   f"<p:ExportDirectory>{directory}</p:ExportDirectory>" +
                                   embedded.render(FORM, "ExportSettingData", given, WMI))

    def export(self, machine, **settings):
        """Into a new folder of its own, which it returns."""
        folder = self.exports / f"export-{uuid.uuid4()}"
        self.hyperv.finish(self.start_export(machine, folder, CreateVmExportSubdirectory=False, **settings))
        return folder

    def imported(self, definition, new_identifier):
        """The reference of the planned system."""
        output = self.hyperv.finish(self.hyperv.service(
            "ImportSystemDefinition", f"<p:SystemDefinitionFile>{definition}</p:SystemDefinitionFile>"
            f"<p:GenerateNewSystemIdentifier>{str(new_identifier).lower()}</p:GenerateNewSystemIdentifier>"))
        planned = output["ImportedSystem"]
        assert planned.class_name == "Msvm_PlannedComputerSystem"
        self.made.append(planned)
        return planned

    def planned_job(self, method, planned):
        """(job, errors of the job, answer)"""
        output = self.hyperv.service(method, f"<p:PlannedSystem>{planned.content()}</p:PlannedSystem>")
        if output["ReturnValue"] == "0":
            return None, [], output
        assert output["ReturnValue"] == "4096", dict(output)
        job = self.hyperv.wait_job(output["Job"])
        answer = self.hyperv.invoke(output["Job"].class_name, output["Job"].selectors, "GetErrorEx", "")
        errors = [cimxml_instance(text) for text in answer.all("Errors")]
        assert all(kind == "Msvm_Error" for kind, _ in errors)
        return job, [error for _, error in errors], output

    def problems(self, planned):
        return self.planned_job("ValidatePlannedSystem", planned)[1]

    def realized(self, planned):
        job, errors, output = self.planned_job("RealizePlannedSystem", planned)
        assert job is None or job["JobState"] == "7", (dict(job), errors)
        machine = output["ResultingSystem"]
        assert machine.class_name == "Msvm_ComputerSystem"
        self.made.append(machine)
        return machine

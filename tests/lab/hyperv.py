"""Hyper-V's model through an unmodified WinRM client (python3-winrm, Basic over HTTPS): its Protocol.send_message carries
envelopes that are written here as the different clients write theirs."""
import copy
import re
import time
import uuid
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

import embedded
import winrm.exceptions
import winrm.protocol

S = "{http://www.w3.org/2003/05/soap-envelope}"
A = "{http://schemas.xmlsoap.org/ws/2004/08/addressing}"
W = "{http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd}"
N = "{http://schemas.xmlsoap.org/ws/2004/09/enumeration}"
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
WMI = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/"
ANONYMOUS = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
SERVICE = "Msvm_VirtualSystemManagementService"
RUNNING, OFF, SAVED, PAUSED = 2, 3, 6, 9


def local(element):
    return element.tag.rsplit("}", 1)[-1]


class Epr:
    """A reference as an answer gave it; goes back into requests unchanged."""

    def __init__(self, element):
        self.uri = element.findtext(f".//{W}ResourceURI").strip()
        self.selectors = {s.get("Name"): s.text or "" for s in element.iter(W + "Selector")}

    @property
    def class_name(self):
        return self.uri.rsplit("/", 1)[-1]

    def content(self):
        return (f"<wsa:Address>{ANONYMOUS}</wsa:Address><wsa:ReferenceParameters>"
                f"<wsman:ResourceURI>{escape(self.uri)}</wsman:ResourceURI>{selector_set(self.selectors)}"
                "</wsa:ReferenceParameters>")

    def path(self, host="."):
        keys = ",".join('{}="{}"'.format(k, v.replace("\\", "\\\\").replace('"', '\\"'))
                        for k, v in sorted(self.selectors.items()) if k != "__cimnamespace")
        return rf"\\{host}\root\virtualization\v2:{self.class_name}.{keys}"


def selector_set(selectors):
    if not selectors:
        return ""
    inner = "".join(f"<wsman:Selector Name={quoteattr(k)}>{escape(str(v))}</wsman:Selector>" for k, v in selectors.items())
    return f"<wsman:SelectorSet>{inner}</wsman:SelectorSet>"


class Item(dict):
    """An instance: property name to text, list of texts (when it repeats) or None."""

    def __init__(self, element):
        super().__init__()
        self.class_name = local(element)
        for child in element:
            if child.get(NIL) == "true":
                value = None
            elif len(child):
                value = Epr(child) if child.find(f".//{W}ResourceURI") is not None else "".join(child.itertext()).strip()
            else:
                value = child.text or ""
            name = local(child)
            if name in self:
                self[name] = (self[name] if isinstance(self[name], list) else [self[name]]) + [value]
            else:
                self[name] = value

    def all(self, name):
        value = self.get(name)
        return [] if value is None else value if isinstance(value, list) else [value]


def eventually(what, seconds=60):
    """Waits until the call gives something true without a fault."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if found := what():
                return found
        except winrm.exceptions.WinRMError as e:
            found = e
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


class HyperV:
    def __init__(self, daemon, user="admin", namespace=WMI):
        self.url, self.namespace = daemon.https, namespace
        self.protocol = winrm.protocol.Protocol(
            endpoint=self.url, transport="basic", username=user, password=daemon.users[user][0],
            server_cert_validation="validate", ca_trust_path=str(daemon.ca), read_timeout_sec=90, operation_timeout_sec=60)

    # --- operations -------------------------------------------------------------------------------------------
    def post(self, action, uri, selectors, body):
        text = f"""<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="{S[1:-1]}" xmlns:wsa="{A[1:-1]}" xmlns:wsman="{W[1:-1]}" xmlns:wsen="{N[1:-1]}">
<s:Header><wsa:Action s:mustUnderstand="true">{action}</wsa:Action><wsa:To s:mustUnderstand="true">{self.url}</wsa:To>
<wsman:ResourceURI s:mustUnderstand="true">{uri}</wsman:ResourceURI>
<wsa:MessageID s:mustUnderstand="true">uuid:{uuid.uuid4()}</wsa:MessageID>
<wsa:ReplyTo><wsa:Address s:mustUnderstand="true">{ANONYMOUS}</wsa:Address></wsa:ReplyTo>
<wsman:OperationTimeout>PT60.000S</wsman:OperationTimeout>
<wsman:MaxEnvelopeSize s:mustUnderstand="true">1048576</wsman:MaxEnvelopeSize>{selector_set(selectors)}</s:Header>
<s:Body>{body}</s:Body></s:Envelope>"""
        root = ET.fromstring(self.protocol.send_message(text))
        return root.find(S + "Body")

    def get(self, epr):
        return Item(self.post("http://schemas.xmlsoap.org/ws/2004/09/transfer/Get", epr.uri, epr.selectors, "")[0])

    def query(self, wql):
        body = (f'<wsen:Enumerate><wsman:Filter Dialect="http://schemas.microsoft.com/wbem/wsman/1/WQL">{escape(wql)}'
                "</wsman:Filter><wsman:OptimizeEnumeration/><wsman:MaxElements>50</wsman:MaxElements></wsen:Enumerate>")
        answer = self.post(N[1:-1] + "/Enumerate", self.namespace + "*", {}, body)[0]
        items = []
        while True:
            for name in (W, N):
                found = answer.find(name + "Items")
                items += [Item(e) for e in found] if found is not None else []
            context = answer.findtext(N + "EnumerationContext")
            if answer.find(W + "EndOfSequence") is not None or answer.find(N + "EndOfSequence") is not None or not context:
                return items
            answer = self.post(N[1:-1] + "/Pull", self.namespace + "*", {},
                               f"<wsen:Pull><wsen:EnumerationContext>{context}</wsen:EnumerationContext>"
                               "<wsen:MaxElements>50</wsen:MaxElements></wsen:Pull>")[0]

    def invoke(self, class_name, selectors, method, inner):
        """The _OUTPUT element as an Item."""
        uri = self.namespace + class_name
        body = f'<p:{method}_INPUT xmlns:p="{uri}">{inner}</p:{method}_INPUT>'
        return Item(self.post(f"{uri}/{method}", uri, selectors, body)[0])

    # --- methods that may give jobs ---------------------------------------------------------------------------
    def finish(self, output, expect_job_state=7):
        code = int(output["ReturnValue"])
        assert code in (0, 4096), f"ReturnValue {code}: {dict(output)}"
        if code == 4096:
            job = self.wait_job(output["Job"])
            assert int(job["JobState"]) == expect_job_state, dict(job)
        return output

    def wait_job(self, epr, seconds=90):
        deadline, pause = time.monotonic() + seconds, 0.01
        while time.monotonic() < deadline:
            job = self.get(epr)
            if int(job["JobState"]) >= 7:
                return job
            time.sleep(pause)
            pause = min(2 * pause, 0.1)
        raise AssertionError(f"the job has not ended: {dict(job)}")

    def service(self, method, inner):
        return self.invoke(SERVICE, {"CreationClassName": SERVICE}, method, inner)  # libvirt sends this key only

    def define(self, settings, resources=(), form="cimxml-escaped"):
        inner = embedded.render(form, "SystemSettings", settings, self.namespace)
        inner += "".join(embedded.render(form, "ResourceSettings", r, self.namespace) for r in resources)
        return self.service("DefineSystem", inner)

    def add(self, machine, instance, form="cimxml-escaped"):
        """AddResourceSettings of one; its reference."""
        inner = f"<p:AffectedConfiguration>{self.settings_of(machine).content()}</p:AffectedConfiguration>"
        output = self.finish(self.service("AddResourceSettings", inner +
                                          embedded.render(form, "ResourceSettings", instance, self.namespace)))
        return output["ResultingResourceSettings"]

    def modify(self, instance, form="cimxml-escaped"):
        return self.finish(self.service("ModifyResourceSettings",
                                        embedded.render(form, "ResourceSettings", instance, self.namespace)))

    def request_state(self, machine, state):
        return self.invoke("Msvm_ComputerSystem", machine.selectors, "RequestStateChange",
                           f"<p:RequestedState>{state}</p:RequestedState>")

    def destroy(self, machine):
        return self.service("DestroySystem", f"<p:AffectedSystem>{machine.content()}</p:AffectedSystem>")

    def reference(self, guid):
        """A machine's reference as the server gives it."""
        body = ("<wsen:Enumerate><wsman:EnumerationMode>EnumerateEPR</wsman:EnumerationMode>"
                '<wsman:Filter Dialect="http://schemas.microsoft.com/wbem/wsman/1/WQL">SELECT * FROM Msvm_ComputerSystem WHERE '
                f"Name = '{guid}'</wsman:Filter><wsman:OptimizeEnumeration/></wsen:Enumerate>")
        answer = self.post(N[1:-1] + "/Enumerate", self.namespace + "*", {}, body)[0]
        return Epr(next(e for e in answer.iter() if local(e) == "EndpointReference"))

    # --- looking ----------------------------------------------------------------------------------------------
    def settings_of(self, machine):
        guid = machine.selectors["Name"]
        element = ET.Element("x")
        ET.SubElement(element, W + "ResourceURI").text = self.namespace + "Msvm_VirtualSystemSettingData"
        ET.SubElement(element, W + "Selector", Name="InstanceID").text = f"Microsoft:{guid}"
        return Epr(element)

    def devices(self, machine, class_name="CIM_ResourceAllocationSettingData"):
        return self.query("ASSOCIATORS OF {Msvm_VirtualSystemSettingData.InstanceID='Microsoft:" +
                          machine.selectors["Name"] + "'} WHERE AssocClass = Msvm_VirtualSystemSettingDataComponent "
                          f"ResultClass = {class_name}")

    def state(self, machine):
        return int(self.get(machine)["EnabledState"])

    def wait_applied(self, job, seconds=90):
        """One that was cut off: a start does not wait for it for long, it goes on as another job then."""
        ended = self.wait_job(job, seconds)
        if other := re.search(r"as another job, ([0-9A-Fa-f-]{36})", ended["ErrorDescription"] or ""):
            going_on = copy.copy(job)
            going_on.selectors = {**job.selectors, "InstanceID": other.group(1)}
            return self.wait_job(going_on, seconds)
        return ended

    def wait_state(self, machine, state, seconds=30):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            seen = self.state(machine)
            if seen == state:
                return
            time.sleep(0.1)
        raise AssertionError(f"EnabledState is {seen}, not {state}")

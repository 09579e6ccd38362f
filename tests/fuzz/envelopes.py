#!/usr/bin/python3
"""Schema-directed fuzzing of the real daemon: valid and nearly valid envelopes for every operation, class and method.

    envelopes.py [--seconds N] [--seed N] [--requests N] [--growth MiB] [--keep-going]

The daemon runs on libvirt's test driver. Its class metadata says which classes, properties, methods and parameters there are.
Every answer must be well-formed, have the HTTP status of its kind, relate to its request, have a known action, fit into the
size that the request allowed, hold only what the classes declare, and never be an internal error; the daemon must live, keep
its memory and end well. What fails is reduced and printed with its envelope. WSVIRT_BUILD names the build folder.
"""
import argparse
import base64
import collections
import dataclasses
import html
import http.client
import pathlib
import random
import re
import resource
import shutil
import sys
import time
import xml.etree.ElementTree as ET

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "tests" / "wire"), str(pathlib.Path(__file__).resolve().parent)]

import soapkit as k  # noqa: E402
from envelope_maker import Maker  # noqa: E402
from envelope_model import Model, SIGNED, UNSIGNED  # noqa: E402
from wsvirtd import Daemon  # noqa: E402

SPACES = ["root/virtualization/v2", "root/virtualization", "root/HyperVCluster/v2", "root/cimv2", "root/interop", "root/test"]
LARGEST_FILE = 64 << 20  # whatever disk is asked for
INTERNAL = "{http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd}InternalError"
MORE = """
[jobs]
removal_delay = "5s"
[wsman.limits]
context_idle = "10s"
[auth]
failures = 100000
[[namespace]]
name = "root/test"
mof = ["{mof}"]
"""


class Wrong(Exception):
    """What is wrong with an answer, in words that are the same for the same defect."""


def check_number(text, low, high, what):
    if not re.fullmatch(r"-?[0-9]+", text) or not low <= int(text) <= high:
        raise Wrong(f"{what}: {text!r} is no number of its type")


def check_value(node, f, what):
    """One element of a declared feature, by its type."""
    if node.get(f"{{{k.XSI}}}nil") == "true":
        if len(node) or node.text:
            raise Wrong(f"{what}: nil with content")
        return
    text = node.text or ""
    if f.octets:
        try:
            base64.b64decode(text, validate=True)
        except ValueError:
            raise Wrong(f"{what}: {text!r} is not in base64") from None
    elif f.type in UNSIGNED:
        check_number(text, 0, (1 << UNSIGNED[f.type]) - 1, what)
    elif f.type in SIGNED:
        half = 1 << (SIGNED[f.type] - 1)
        check_number(text, -half, half - 1, what)
    elif f.type == "boolean" and text not in ("true", "false"):
        raise Wrong(f"{what}: {text!r} is no boolean")
    elif f.type == "reference":
        if node.find(f".//{{{k.W}}}ResourceURI") is None:
            raise Wrong(f"{what}: no reference")
    elif f.type == "datetime" and (len(node) != 1 or not node[0].text):
        raise Wrong(f"{what}: no datetime")


def check_features(node, features, what, complete=False):
    seen = collections.Counter()
    for child in node:
        name = k.local(child)
        if name not in features:
            raise Wrong(f"{what} has no {name}")
        seen[name] += 1
        check_value(child, features[name], f"{what}.{name}")
    for name, times in seen.items():
        if times > 1 and not features[name].array:
            raise Wrong(f"{what}.{name} is no array and is there several times")
    if complete and set(features) - set(seen):
        raise Wrong(f"{what} lacks {sorted(set(features) - set(seen))}")


class Judge:
    """Whether an answer is as it must be."""

    def __init__(self, model):
        self.model = model

    def instance(self, node, request):
        # The element's URI says where the instance is, in the DMTF family only which class it has: the request may have
        # lost its selector, and associations lead to other namespaces.
        uri, spaces = node.tag[1:].split("}")[0], [request.target.space, *SPACES]
        if uri.startswith(k.WMI):
            spaces = [uri[len(k.WMI):].rsplit("/", 1)[0]]
        classes = [c for c in (self.model.find(space, k.local(node)) for space in spaces) if c]
        if not classes:
            raise Wrong(f"an instance of the unknown class {k.local(node)} in {spaces[0]}")
        for n, cls in enumerate(classes, 1):
            try:
                return check_features(node, cls.properties, cls.name)
            except Wrong:
                if n == len(classes):
                    raise

    def fault(self, reply, request):
        fault = reply.fault
        if reply.status != 500:
            raise Wrong(f"a fault with the HTTP status {reply.status}")
        if fault.subcode == INTERNAL or fault.windows_code == 1359:
            raise Wrong(f"internal error: {fault.reason}")
        if not fault.reason or not fault.lang:
            raise Wrong("a fault without a reason in a language")
        if reply.action not in (*k.FAULT_ACTIONS.values(), k.A5 + "/fault"):
            raise Wrong(f"a fault with the action {reply.action}")

    def success(self, reply, request):
        if reply.status != 200:
            raise Wrong(f"an answer that is no fault with the HTTP status {reply.status}")
        if request.kind == "Identify" and not request.broken:
            if reply.content.tag != f"{{{k.I}}}IdentifyResponse":
                raise Wrong("no IdentifyResponse")
            return
        if request.broken:
            return
        if reply.action != request.action.strip() + "Response":
            raise Wrong(f"the answer to {request.action} has the action {reply.action}")
        if request.user == "viewer" and request.kind in ("Put", "Create", "Delete"):
            raise Wrong(f"a viewer may {request.kind}")
        look = getattr(self, "look_" + request.kind, None)
        if look:
            look(reply, request)

    def look_Get(self, reply, request):
        fragment = "FragmentTransfer" in request.text
        if not fragment and k.METADATA not in request.text:
            self.instance(reply.content, request)

    look_Put = look_Get

    def look_Invoke(self, reply, request):
        method = request.method
        features = {p.name: p for p in method.parameters if p.is_out}
        if method.returns:
            features["ReturnValue"] = type("Return", (), dict(type=method.returns, array=False, octets=False))
        if k.local(reply.content) != method.name + "_OUTPUT":
            raise Wrong(f"{k.local(reply.content)} from {method.name}")
        check_features(reply.content, features, f"{request.target.name}.{method.name}")
        if method.returns and reply.content.find("{*}ReturnValue") is None:
            raise Wrong(f"no ReturnValue from {method.name}")

    def look_Enumerate(self, reply, request):
        for item in reply.items:
            nodes = list(item) if k.local(item) == "Item" else [item]
            for node in nodes:
                if k.local(node) not in ("EndpointReference", "XmlFragment", "CLASS", "CLASSNAME"):
                    self.instance(node, request)

    def __call__(self, status, headers, raw, request):
        if b"soap+xml" not in headers.get("Content-Type", "").encode():
            # Refused as HTTP: only what is no SOAP message in an encoding that is understood.
            if status in (400, 413, 415) and request.broken or status == 202 and request.kind == "other":
                return None
            raise Wrong(f"HTTP status {status} without an envelope")
        try:
            reply = k.Reply(status, headers, raw)
        except (ET.ParseError, AssertionError, KeyError) as e:
            raise Wrong(f"not well-formed: {re.sub('[0-9]+', 'N', str(e))}") from None
        if reply.relates_to is not None and reply.relates_to.strip() not in html.unescape(request.text):
            raise Wrong("RelatesTo is none of the request's")
        cut = reply.relates_to is None and request.limit is not None and len(request.message_id or "") > 2048
        if request.message_id is not None and reply.relates_to != request.message_id and request.kind != "Identify" and not cut:
            raise Wrong("RelatesTo is not the request's MessageID")
        size = len(raw)
        if request.limit is not None and not request.broken and size > request.limit:
            raise Wrong("larger than MaxEnvelopeSize")
        if reply.fault is not None:
            self.fault(reply, request)
        else:
            self.success(reply, request)
        return reply


class Fuzzer:
    def __init__(self, daemon, arguments):
        self.daemon, self.arguments = daemon, arguments
        self.rng = random.Random(arguments.seed)
        self.services = {}
        self.model = Model(self.service("admin"), SPACES)
        self.judge = Judge(self.model)
        self.maker = Maker(self.rng, self.model, daemon.storage)
        self.sent, self.kinds, self.faults, self.failures = 0, collections.Counter(), collections.Counter(), {}
        self.called, self.reasons = set(), collections.Counter()

    def service(self, user):
        if user not in self.services:
            self.services[user] = k.Service("127.0.0.1", self.daemon.http_port, auth=(user, self.daemon.users[user][0]),
                                            timeout=60)
        return self.services[user]

    def exchange(self, request):
        """Sends it; the answer's parts. The connection is opened again when the server ended it after the last answer."""
        service = self.service(request.user)
        if service.connection is None:
            service.connection = service.connect()
        secret = base64.b64encode(":".join(service.auth).encode()).decode()
        try:
            service.connection.request("POST", "/wsman", request.data,
                                       {"Content-Type": request.content_type, "Authorization": "Basic " + secret})
            answer = service.connection.getresponse()
            raw = answer.read()
        except (http.client.HTTPException, OSError) as e:
            service.close()
            raise Wrong(f"no answer: {type(e).__name__}") from None
        if answer.will_close:
            service.close()
        return answer.status, {n.title(): v for n, v in answer.getheaders()}, raw

    def try_one(self, request):
        """The answer, judged. Raises Wrong."""
        try:
            return self.judge(*self.exchange(request), request)
        except Wrong:
            if self.daemon.process.poll() is not None:
                raise Wrong(f"the daemon died with {self.daemon.process.returncode}") from None
            raise

    # --- what happens between requests ------------------------------------------------------------------------------
    def learn(self, request, reply):
        if reply is None or reply.envelope is None or reply.fault is not None:
            return
        contexts = self.maker.live.contexts
        if request.kind == "Enumerate" and reply.context and not request.broken:
            uri = re.search("<w:ResourceURI[^>]*>([^<]*)<", request.text)
            if uri:
                space = re.search('Name="__cimnamespace"[^>]*>([^<]*)<', request.text)
                contexts.append((uri.group(1), [("__cimnamespace", space.group(1))] if space else [], reply.context))
        elif request.kind in ("Pull", "Release") and request.target in contexts:
            if request.kind == "Release" or reply.ended:
                contexts.remove(request.target)
        del contexts[:-30]

    def tidy(self):
        """Now and then: few machines, few files, fresh knowledge of what there is."""
        service = self.service("admin")
        live = self.maker.live
        for cls in self.rng.sample(self.maker.served, 12):
            live.refresh(service, cls)
        v2 = "root/virtualization/v2"
        machines = service.all(k.WMI + v2 + "/Msvm_ComputerSystem", mode="EnumerateEPR", max_elements=1000, optimize=True)
        for epr in [k.Epr.read(m) for m in machines][6:]:
            state = "<p:RequestedState>3</p:RequestedState>"
            service.invoke(epr.uri, "RequestStateChange", state, epr.selectors)
            uri = k.WMI + v2 + "/Msvm_VirtualSystemManagementService"
            service.invoke(uri, "DestroySystem", f"<p:AffectedSystem>{epr.content()}</p:AffectedSystem>",
                           {"CreationClassName": "Msvm_VirtualSystemManagementService"})
        for folder in (self.daemon.storage, self.daemon.state / "exports"):
            for entry in folder.iterdir() if folder.is_dir() else ():
                if entry.is_dir():
                    shutil.rmtree(entry, ignore_errors=True)
                elif entry.stat().st_size > 1 << 20:
                    entry.unlink()

    def run(self):
        for cls in self.maker.served:
            self.maker.live.refresh(self.service("admin"), cls)
        start = time.monotonic()
        end, warm = start + self.arguments.seconds, start + self.arguments.seconds * 0.4
        first_memory = None
        while time.monotonic() < end and (not self.arguments.requests or self.sent < self.arguments.requests):
            if first_memory is None and time.monotonic() > warm:
                first_memory = self.daemon.memory_kib()
            request = self.maker.next()
            self.sent += 1
            self.kinds[request.kind] += 1
            try:
                reply = self.try_one(request)
                self.learn(request, reply)
                self.count(request, reply)
            except Wrong as wrong:
                if not self.fail(str(wrong), request):
                    break
            if self.sent % 400 == 0:
                self.tidy()
        last = self.daemon.memory_kib() if self.daemon.process.poll() is None else 0
        growth = (last - (first_memory or last)) / 1024
        print(f"memory: {last / 1024:.0f} MiB, {growth:+.1f} MiB since the warm-up")
        if growth > self.arguments.growth:
            self.failures["memory"] = f"grew by {growth:.1f} MiB"

    def count(self, request, reply):
        if reply is None or reply.envelope is None:
            self.faults["refused as HTTP"] += 1
        elif reply.fault is None:
            self.faults["answered"] += 1
            if request.kind == "Invoke" and not request.broken:
                self.called.add((request.target.space, request.target.name, request.method.name))
        else:
            self.faults[(reply.fault.subcode or "}none").split("}")[1]] += 1
            self.reasons[reply.fault.reason[:100]] += 1

    def fail(self, what, request):
        """Notes a failure once; whether to go on."""
        what = re.sub(r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}", "GUID", what)
        if what in self.failures:
            return True
        died = self.daemon.process.poll() is not None
        text = request.text
        if not died and request.raw is None:
            text = reduce(text, lambda shorter: self.still(what, request, shorter))
        self.failures[what] = text
        print(f"\nFAILURE in request {self.sent}: {what}\n  {request.kind} {request.label} as {request.user}, {request.content_type}\n"
              f"{text if request.raw is None else request.raw!r}\n", flush=True)
        if died:
            print(self.daemon.log_text()[-4000:])
        return not died and self.arguments.keep_going

    def still(self, what, request, text):
        if request.message_id is not None and request.message_id not in text:
            return False
        shorter = dataclasses.replace(request, text=text)
        try:
            self.try_one(shorter)
        except Wrong as wrong:
            return re.sub(r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}", "GUID", str(wrong)) == what
        return False


def elements(text):
    """Where the elements of a text stand, the outer ones first; roughly, by its tags."""
    stack, found = [], []
    for m in re.finditer(r"<(/?)([\w:.-]+)[^<>]*?(/?)>", text):
        if m.group(3):
            found.append(m.span())
        elif not m.group(1):
            stack.append((m.group(2), m.start()))
        elif stack and stack[-1][0] == m.group(2):
            found.append((stack.pop()[1], m.end()))
    return sorted(found, key=lambda span: span[0] - span[1])


def reduce(text, fails, tries=150):
    """A shorter text that fails in the same way."""
    again = True
    while again and tries > 0:
        again = False
        for start, end in elements(text):
            if text.startswith(("<s:Envelope", "<s:Header", "<s:Body"), start):
                continue
            shorter = text[:start] + text[end:]
            tries -= 1
            if tries < 0:
                break
            if fails(shorter):
                text, again = shorter, True
                break
    return text


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--requests", type=int, default=0, help="at most so many; 0: as many as there is time for")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--growth", type=float, default=40, help="MiB that the daemon may grow by after the warm-up")
    parser.add_argument("--keep-going", action="store_true", help="after a failure")
    parser.add_argument("--reasons", type=int, default=0, help="print so many of the most frequent reasons of faults")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}, {arguments.seconds:g} s", flush=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
    more = MORE.format(mof=ROOT / "tests" / "wire" / "mof" / "root_test.mof")
    with Daemon(uri="test:///default", more=more, log_level="warn") as daemon:
        fuzzer = Fuzzer(daemon, arguments)
        fuzzer.run()
        if arguments.reasons:
            print(*(f"{n:6} {text}" for text, n in fuzzer.reasons.most_common(arguments.reasons)), sep="\n")
        print(f"{fuzzer.sent} requests: {dict(fuzzer.kinds)}\nanswers: {dict(fuzzer.faults.most_common())}\n"
              f"{len(fuzzer.called)} methods of classes answered")
        if daemon.process.poll() is None:
            for service in fuzzer.services.values():
                service.close()
            code = daemon.stop()
            if code != 0:
                fuzzer.failures["end"] = f"the daemon ended with {code}\n{daemon.log_text()[-4000:]}"
        daemon.process = None
    for what, text in fuzzer.failures.items():
        print(f"FAILED: {what}" + (f": {text}" if what in ("memory", "end") else ""))
    print("no failure" if not fuzzer.failures else f"{len(fuzzer.failures)} failures, seed {arguments.seed}")
    return 1 if fuzzer.failures else 0


if __name__ == "__main__":
    sys.exit(main())

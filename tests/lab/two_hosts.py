#!/usr/bin/python3
"""Two libvirt hosts on one machine, for tests of migration. Needs root and Debian's libvirt-daemon.

Each host has a network, mount and UTS namespace of its own, held by a sleeping process: hvA at 10.99.0.1, hvB at
10.99.0.2, joined by a veth pair; its own libvirtd with TCP and TLS; its own folder /vms, and one folder that both see.

    two_hosts.py exec PROGRAM [ARGUMENT...]    bring both up, run the program inside hvA, take both down

The program finds WSVIRT_LAB_FOLDER (shared by both hosts), WSVIRT_LAB_A, WSVIRT_LAB_B and WSVIRT_LAB_B_TLS (their libvirt URIs)
and WSVIRT_LAB_HOLDER_hvA and _hvB (processes that hold the namespaces) in its environment. Exit code 77: two hosts cannot be made
here; the last line says why.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HOSTS = {"hvA": "10.99.0.1", "hvB": "10.99.0.2"}
QEMU_CONF = """user = "root"
group = "root"
security_driver = "none"
remember_owner = 0
dynamic_ownership = 0
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
"""
# What libvirt found out about QEMU takes 8 s to find out again, so it is kept for others of one run.
CACHE = pathlib.Path(tempfile.gettempdir()) / "wsvirt-two-hosts-cache"
PATIENCE = 120  # seconds for what takes a few


def run(*command, **options):
    return subprocess.run([str(c) for c in command], check=True, **options)


class TwoHosts:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.holders = {}
        self.daemons = {}

    def inside(self, host, *command):
        return ["nsenter", "-t", str(self.holders[host].pid), "-n", "-m", "-u", f"--wdns={os.getcwd()}", "--",
                *[str(c) for c in command]]

    def certificates(self):
        ca = self.folder / "ca"
        ca.mkdir()
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=two hosts CA",
            "-keyout", ca / "key.pem", "-out", ca / "cert.pem", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            stderr=subprocess.DEVNULL)
        for host, address in HOSTS.items():
            run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={host}", "-keyout", ca / f"{host}.key",
                "-out", ca / f"{host}.csr", stderr=subprocess.DEVNULL)
            (ca / f"{host}.ext").write_text(
                "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,keyEncipherment\n"
                f"extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=DNS:{host},IP:{address},IP:127.0.0.1\n")
            run("openssl", "x509", "-req", "-in", ca / f"{host}.csr", "-CA", ca / "cert.pem", "-CAkey", ca / "key.pem",
                "-CAcreateserial", "-days", "30", "-extfile", ca / f"{host}.ext", "-out", ca / f"{host}.pem",
                stderr=subprocess.DEVNULL)

    def prepare(self, host, number):
        d = self.folder / host
        for name in ("etc", "run", "lib", "cache", "log", "vms", "pki/CA", "pki/libvirt/private", "pki/qemu"):
            (d / name).mkdir(parents=True)
        (d / "etc/qemu.conf").write_text(QEMU_CONF)
        (d / "etc/libvirtd.conf").write_text(
            f'host_uuid = "11111111-2222-4333-8444-55555555550{number}"\nauth_unix_rw = "none"\nlisten_tcp = 1\n'
            'auth_tcp = "none"\nlisten_tls = 1\nauth_tls = "none"\nlisten_addr = "0.0.0.0"\nlog_level = 3\n')
        if CACHE.is_dir():
            shutil.copytree(CACHE, d / "cache", dirs_exist_ok=True)
        ca, pki = self.folder / "ca", d / "pki"
        shutil.copy(ca / "cert.pem", pki / "CA/cacert.pem")
        for part in ("server", "client"):
            shutil.copy(ca / f"{host}.pem", pki / f"libvirt/{part}cert.pem")
            shutil.copy(ca / f"{host}.key", pki / f"libvirt/private/{part}key.pem")
            shutil.copy(ca / f"{host}.pem", pki / f"qemu/{part}-cert.pem")
            shutil.copy(ca / f"{host}.key", pki / f"qemu/{part}-key.pem")
        shutil.copy(ca / "cert.pem", pki / "qemu/ca-cert.pem")
        (d / "hosts").write_text("127.0.0.1 localhost\n" + "".join(f"{a} {h}\n" for h, a in HOSTS.items()))

    def hold(self, host):
        d = self.folder / host
        binds = {"etc": "/etc/libvirt", "run": "/run/libvirt", "lib": "/var/lib/libvirt", "cache": "/var/cache/libvirt",
                 "log": "/var/log/libvirt", "pki": "/etc/pki", "hosts": "/etc/hosts", "vms": "/vms"}
        for target in binds.values():
            if target != "/etc/hosts":  # the empty folders stay: another pair of hosts may stand on them
                os.makedirs(target, exist_ok=True)
        script = [f"hostname {host}", "ip link set lo up", "mount -t sysfs sysfs /sys"]
        script += [f"mount --bind {d / name} {target}" for name, target in binds.items()]
        script += [f"touch {d}/ready", "exec sleep 100000"]
        self.holders[host] = subprocess.Popen(
            ["unshare", "-n", "-m", "-u", "--propagation", "private", "bash", "-ec", "\n".join(script)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + PATIENCE
        while not (d / "ready").exists():
            if self.holders[host].poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{host} did not come up")
            time.sleep(0.02)

    def start_daemon(self, host):
        log = open(self.folder / host / "libvirtd.log", "ab")
        self.daemons[host] = subprocess.Popen(
            self.inside(host, "libvirtd", "--listen", "-p", "/run/libvirt/libvirtd.pid"), stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + PATIENCE
        while subprocess.run(self.inside(host, "virsh", "-q", "-c", "qemu:///system", "hostname"), stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL).returncode != 0:
            if self.daemons[host].poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"libvirtd of {host} does not answer:\n" +
                                   (self.folder / host / "libvirtd.log").read_text(errors="replace")[-2000:])
            time.sleep(0.1)

    def up(self):
        (self.folder / "shared").mkdir()
        self.certificates()
        for number, host in enumerate(HOSTS, 1):
            self.prepare(host, number)
            self.hold(host)
        a, b = (self.holders[h].pid for h in HOSTS)
        run("nsenter", "-t", a, "-n", "ip", "link", "add", "veth0", "type", "veth", "peer", "name", "veth0", "netns", b)
        for pid, address in zip((a, b), HOSTS.values()):
            run("nsenter", "-t", pid, "-n", "ip", "addr", "add", f"{address}/24", "dev", "veth0")
            run("nsenter", "-t", pid, "-n", "ip", "link", "set", "veth0", "up")
        for host in HOSTS:
            self.start_daemon(host)

    def down(self):
        for holder in self.holders.values():
            try:
                space = os.readlink(f"/proc/{holder.pid}/ns/mnt")
            except OSError:
                continue
            # every process that lives in this host: only those were made for it
            for pid in (int(p) for p in os.listdir("/proc") if p.isdigit()):
                try:
                    if pid != holder.pid and os.readlink(f"/proc/{pid}/ns/mnt") == space:
                        os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            holder.kill()
            holder.wait()
        for daemon in self.daemons.values():
            daemon.wait()
        found = self.folder / "hvA/cache/qemu"
        if found.is_dir() and not CACHE.is_dir():
            shutil.copytree(self.folder / "hvA/cache", CACHE)


def obstacle():
    """What two hosts lack here, or None."""
    if os.geteuid() != 0:
        return "two hosts need root"
    for program in ("libvirtd", "virsh", "qemu-system-x86_64", "unshare", "nsenter", "ip", "openssl"):
        if not shutil.which(program):
            return f"two hosts need {program}"
    # A container may have the programs and not the right.
    tried = subprocess.run(["unshare", "-n", "-m", "-u", "--propagation", "private", "bash", "-ec",
                            "hostname trial; mount -t sysfs sysfs /sys; ip link add veth0 type veth peer name veth1"],
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return None if tried.returncode == 0 else f"namespaces cannot be made: {tried.stdout.strip()}"


def main():
    if len(sys.argv) < 3 or sys.argv[1] != "exec":
        print(__doc__)
        return 2
    if missing := obstacle():
        print(missing)
        return 77
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda number, _: sys.exit(128 + number))
    folder = tempfile.mkdtemp(prefix="wvh-")
    hosts = TwoHosts(folder)
    try:
        hosts.up()
        environment = dict(os.environ, WSVIRT_LAB_FOLDER=folder, WSVIRT_LAB_A="qemu:///system",
                           WSVIRT_LAB_B="qemu+tcp://10.99.0.2/system", WSVIRT_LAB_B_TLS="qemu+tls://hvB/system",
                           **{f"WSVIRT_LAB_HOLDER_{name}": str(p.pid) for name, p in hosts.holders.items()})
        return subprocess.run(hosts.inside("hvA", *sys.argv[2:]), env=environment).returncode
    finally:
        hosts.down()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())

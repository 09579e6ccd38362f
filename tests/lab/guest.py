#!/usr/bin/python3
"""Makes a tiny Linux guest from Debian's packages: a kernel, a busybox initramfs and one image that boots as a CD and as a
disk, from BIOS (isolinux) and from UEFI (grub).

    guest.py FOLDER [--agent]      prints the folder with what it made; made once, kept until this file changes

On its first serial port the guest says, within seconds of its start:
    WSVIRT-GUEST-READY firmware=bios cpus=1 memory_kib=90000 disks=sr0,vda nics=eth0
then TICK 0, TICK 1, ... twice a second, and gives a shell. The ACPI power button shuts it down.
"""
import argparse
import dataclasses
import gzip
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

READY = "WSVIRT-GUEST-READY"
KERNEL_PACKAGE = "linux-image-cloud-amd64"
MODULES = """
    button evdev virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_balloon virtio_blk
    virtio_console failover net_failover virtio_net e1000 mii 8139cp
    scsi_common scsi_mod libata ata_piix libahci ahci virtio_scsi crc-t10dif t10-pi sd_mod cdrom sr_mod floppy
""".split()  # what others need comes before them

INIT = r"""#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/sbin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
for m in @MODULES@ @MODULES@; do  # another kernel's may need others
    [ -e /modules/$m.ko ] && insmod /modules/$m.ko 2>/dev/null && rm /modules/$m.ko
done
sleep 0.2
list() { ls "$1" 2>/dev/null | grep -vE '^(lo|loop.*|ram.*)$' | tr '\n' ',' | sed 's/,$//'; }
firmware=bios; [ -d /sys/firmware/efi ] && firmware=uefi
memory=$(awk '/MemTotal/{print $2}' /proc/meminfo)
echo "@READY@ firmware=$firmware cpus=$(nproc) memory_kib=$memory disks=$(list /sys/block) nics=$(list /sys/class/net)"
# The power button: any event of its input device means off. Opened here: no press is lost from the first TICK on.
for e in /dev/input/event*; do
    grep -q Power /sys/class/input/${e##*/}/device/name 2>/dev/null || continue
    exec 3<$e
    ( dd of=/dev/null bs=24 count=1 <&3 2>/dev/null; echo GUEST-POWER-BUTTON; sync; poweroff -f ) &
done
mkdir -p /dev/virtio-ports
for p in /sys/class/virtio-ports/*; do
    [ -e $p/name ] && ln -s /dev/${p##*/} /dev/virtio-ports/$(cat $p/name)
done
agent=/dev/virtio-ports/org.qemu.guest_agent.0
[ -e $agent ] && [ -x /sbin/qemu-ga ] && /sbin/qemu-ga -m virtio-serial -p $agent -f /run/qemu-ga.pid -t /run &
( n=0; while :; do echo "TICK $n"; n=$((n+1)); sleep 0.5; done ) &
while :; do setsid cttyhack sh -i; sleep 1; done
"""
# The end is what an emulated processor is slow at: a fifth of the start.
COMMAND_LINE = ("console=ttyS0 quiet panic=-1 cryptomgr.notests nokaslr audit=0 apparmor=0 ipv6.disable=1 nowatchdog "
                "init_on_alloc=0 rcupdate.rcu_expedited=1")
ISOLINUX = f"""default guest
prompt 0
label guest
  kernel /guest/vmlinuz
  append initrd=/guest/initrd.gz {COMMAND_LINE}
"""
GRUB = f"""search --no-floppy --file --set=root /guest/vmlinuz
linux /guest/vmlinuz {COMMAND_LINE}
initrd /guest/initrd.gz
boot
"""


@dataclasses.dataclass(frozen=True)
class Guest:
    folder: pathlib.Path

    @property
    def iso(self):
        """CD image; the same bytes boot as a raw disk."""
        return self.folder / "guest.iso"

    @property
    def disk(self):
        """qcow2 disk with the same content."""
        return self.folder / "guest.qcow2"

    @property
    def kernel(self):
        return self.folder / "vmlinuz"

    @property
    def initrd(self):
        return self.folder / "initrd.gz"


def run(*command, **options):
    done = subprocess.run([str(c) for c in command], stdin=options.pop("stdin", subprocess.DEVNULL),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed ({done.returncode}): {done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout


def package(name, work):
    """Downloads a Debian package and unpacks it; the folder."""
    folder = work / "packages" / name
    folder.mkdir(parents=True)
    run("apt-get", "download", "-q", name, cwd=folder)
    run("dpkg", "-x", next(folder.glob("*.deb")), folder / "root")
    return folder / "root"


def kernel_package():
    for attempt in range(2):
        listed = subprocess.run(["apt-cache", "depends", KERNEL_PACKAGE], stdout=subprocess.PIPE, text=True).stdout
        for line in listed.splitlines():
            if "Depends: linux-image-" in line:
                return line.split()[-1]
        if attempt == 0:  # a machine that never fetched the package lists
            run(*([] if os.geteuid() == 0 else ["sudo"]), "apt-get", "update", "-q")
    raise RuntimeError(f"apt knows no {KERNEL_PACKAGE}; run apt-get update")


def add_agent(root, work):
    unpacked = package("qemu-guest-agent", work)
    (root / "sbin").mkdir(exist_ok=True)
    program = root / "sbin/qemu-ga"
    shutil.copy(unpacked / "usr/sbin/qemu-ga", program)
    for word in run("ldd", program).decode().split():
        if word.startswith("/"):
            target = root / word.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(os.path.realpath(word), target)


def make_initrd(kernel_root, agent, work, target):
    root = work / "initramfs"
    for name in ("bin", "proc", "sys", "dev", "modules", "run", "tmp", "etc", "var"):
        (root / name).mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin/busybox")
    for path in (kernel_root / "lib/modules").rglob("*.ko"):  # what is absent is built in, or not offered
        if path.stem in MODULES:
            shutil.copy(path, root / "modules")
    (root / "init").write_text(INIT.replace("@READY@", READY).replace("@MODULES@", " ".join(MODULES)))
    (root / "init").chmod(0o755)
    if agent:
        add_agent(root, work)
    names = subprocess.run(["find", "."], cwd=root, stdout=subprocess.PIPE, check=True).stdout
    archive = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet", "-R", "0:0"], cwd=root, input=names,
                             stdout=subprocess.PIPE, check=True).stdout
    target.write_bytes(gzip.compress(archive, 6, mtime=0))


def make_image(kernel, initrd, work, target):
    tree = work / "tree"
    (tree / "guest").mkdir(parents=True)
    (tree / "isolinux").mkdir()
    shutil.copy(kernel, tree / "guest/vmlinuz")
    shutil.copy(initrd, tree / "guest/initrd.gz")
    shutil.copy("/usr/lib/ISOLINUX/isolinux.bin", tree / "isolinux")
    shutil.copy("/usr/lib/syslinux/modules/bios/ldlinux.c32", tree / "isolinux")
    (tree / "isolinux/isolinux.cfg").write_text(ISOLINUX)
    (work / "grub.cfg").write_text(GRUB)
    loader = work / "BOOTX64.EFI"
    run("grub-mkstandalone", "-O", "x86_64-efi", "-o", loader, "--locales=", "--fonts=", "--themes=",
        "--install-modules=iso9660 part_gpt part_msdos fat linux search search_fs_file normal boot",
        "--modules=iso9660 part_gpt part_msdos fat search search_fs_file", f"boot/grub/grub.cfg={work / 'grub.cfg'}")
    efi = tree / "efi.img"
    with open(efi, "wb") as image:
        image.truncate((loader.stat().st_size // 1048576 + 2) * 1048576)
    run("mformat", "-i", efi, "::")
    run("mmd", "-i", efi, "::/EFI", "::/EFI/BOOT")
    run("mcopy", "-i", efi, loader, "::/EFI/BOOT/BOOTX64.EFI")
    run("xorriso", "-as", "mkisofs", "-quiet", "-V", "WSVIRTGUEST", "-o", target,
        "-isohybrid-mbr", "/usr/lib/ISOLINUX/isohdpfx.bin", "-c", "isolinux/boot.cat", "-b", "isolinux/isolinux.bin",
        "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table",
        "-eltorito-alt-boot", "-e", "efi.img", "-no-emul-boot", "-isohybrid-gpt-basdat", tree)


def build(folder, agent=False):
    """The guest below `folder`, made when it is not there yet."""
    folder = pathlib.Path(folder).absolute()
    digest = hashlib.sha256(pathlib.Path(__file__).read_bytes() + bytes([agent])).hexdigest()[:16]
    final = folder / f"guest-{digest}"
    if final.exists():
        return Guest(final)
    folder.mkdir(parents=True, exist_ok=True)
    work = pathlib.Path(tempfile.mkdtemp(prefix="making-", dir=folder))
    try:
        made = Guest(work / "result")
        made.folder.mkdir()
        kernel_root = package(kernel_package(), work)
        shutil.copy(next((kernel_root / "boot").glob("vmlinuz-*")), made.kernel)
        make_initrd(kernel_root, agent, work, made.initrd)
        make_image(made.kernel, made.initrd, work, made.iso)
        run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", made.iso, made.disk)
        for path in made.folder.iterdir():
            path.chmod(0o644)
        made.folder.chmod(0o755)
        try:
            made.folder.rename(final)
        except OSError:  # somebody else was faster
            if not final.exists():
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return Guest(final)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="make the tiny guest")
    options.add_argument("folder")
    options.add_argument("--agent", action="store_true", help="with the QEMU guest agent")
    given = options.parse_args()
    print(build(given.folder, given.agent).folder)
    sys.exit(0)

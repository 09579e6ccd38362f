"""The guest that the other lab tests rely on boots by itself in plain QEMU: from BIOS and UEFI, as CD and as disk."""
import shutil
import subprocess

import pytest
from console import READY_LINE, parse_ready, wait_in_file

CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
VARS = "/usr/share/OVMF/OVMF_VARS_4M.fd"


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
@pytest.mark.parametrize("medium", ["cd", "disk"])
def test_boots_in_plain_qemu(guest, tmp_path, firmware, medium):
    console = tmp_path / "console"
    command = ["qemu-system-x86_64", "-accel", "tcg", "-m", "256", "-display", "none", "-nodefaults", "-no-user-config",
               "-serial", f"file:{console}", "-net", "none", "-no-reboot"]
    if firmware == "uefi":
        shutil.copy(VARS, tmp_path / "vars.fd")
        command += ["-machine", "q35", "-drive", f"if=pflash,format=raw,readonly=on,file={CODE}",
                    "-drive", f"if=pflash,format=raw,file={tmp_path}/vars.fd"]
    else:
        command += ["-machine", "pc"]
    if medium == "cd":
        command += ["-drive", f"if=none,id=m,media=cdrom,readonly=on,format=raw,file={guest.iso}"]
        command += ["-device", "ide-cd,drive=m"]
    else:
        command += ["-drive", f"if=none,id=m,format=qcow2,snapshot=on,file={guest.disk}", "-device", "virtio-blk-pci,drive=m"]
    qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        ready = parse_ready(wait_in_file(console, READY_LINE, 60).group())
        assert ready["firmware"] == firmware
        assert ready["cpus"] == 1
        assert ready["memory_kib"] > 180 * 1024
        if medium == "disk" or firmware == "bios":  # Debian's cloud kernel has no AHCI, which q35's CD drive is on
            assert ready["disks"] == (["vda"] if medium == "disk" else ["sr0"])
        wait_in_file(console, r"TICK \d", 10)
    finally:
        qemu.kill()
        qemu.wait()

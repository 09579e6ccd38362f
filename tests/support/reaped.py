#!/usr/bin/python3
"""reaped.py COMMAND...: runs a command and takes leave of processes that lost their parent below it, as pid 1 should. Where pid 1
is slow at that, or does not do it at all (many containers), libvirt waits for each QEMU that has ended already."""
import ctypes
import os
import subprocess
import sys

PR_SET_CHILD_SUBREAPER = 36


def main():
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    command = subprocess.Popen(sys.argv[1:])
    while True:
        try:
            pid, status = os.wait()
        except KeyboardInterrupt:  # the command gets it, too
            continue
        if pid == command.pid:
            code = os.waitstatus_to_exitcode(status)
            command.returncode = code
            return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())

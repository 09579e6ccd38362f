"""A namespace with many instances, for tests of size and time: written as MOF, kept by the instance repository.

    space = BigNamespace(folder, 100_000)
    daemon = fresh_server(more=space.config())       # the first use fills the repository
    daemon.stop(); space.forget_instances(); daemon.start()   # the same, now only in the database
"""
import pathlib

import soapkit as k

NAMESPACE = "root/big"
CLASS = "T_Item"


class BigNamespace:
    def __init__(self, folder, count):
        self.count = count
        self.file = pathlib.Path(folder) / "big.mof"
        self._write(range(count))

    def _write(self, numbers):
        schemas = pathlib.Path(__file__).resolve().parents[2] / "schemas"
        head = (f'#pragma namespace("{NAMESPACE}")\n#pragma include("{schemas}/qualifiers.mof")\n'
                f"class {CLASS} {{ [Key] uint32 N; [Write] string Text; [Write] uint32 Half; }};\n")
        with open(self.file, "w", encoding="utf-8") as out:
            out.write(head)
            for n in numbers:
                out.write(f'instance of {CLASS} {{ N = {n}; Text = "item {n} of many"; Half = {n // 2}; }};\n')

    def forget_instances(self):
        """What the repository holds stays; the daemon's next start reads the class only."""
        self._write(())

    def config(self):
        return f'[[namespace]]\nname = "{NAMESPACE}"\nmof = ["{self.file}"]\n'

    uri = k.DMTF + CLASS
    selectors = {"__cimnamespace": NAMESPACE}

"""The manual tells of every configuration key, and of no other."""
import re
import subprocess

from wsvirtd import BUILD, ROOT


# One of each kind of entry that there is none of by itself.
ENTRIES = """
[[backend.switch]]
name = "LAN"
bridge = "br0"
[[host]]
name = "other"
uri = "qemu+tls://other/system"
[[host.switch]]
name = "LAN"
bridge = "br0"
[[namespace]]
name = "root/test"
mof = ["/test.mof"]
"""


def keys_of_the_daemon(folder):
    config = folder / "wsvirtd.toml"
    config.write_text(ENTRIES)
    done = subprocess.run([BUILD / "bin" / "wsvirtd", "--print-config", "--config", config, "--state-dir", "/nonexistent"],
                          check=True, stdout=subprocess.PIPE, text=True)
    keys, section = set(), ""
    for line in done.stdout.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif " = " in line:
            keys.add((section, line.split(" = ")[0]))
    return keys


def keys_of_the_manual():
    keys, section = set(), ""
    for line in (ROOT / "doc/manual/configuration.md").read_text().splitlines():
        heading = re.match(r"## \[+([a-z.]+)\]+", line)
        if heading:
            section = heading.group(1)
        row = re.match(r"\| ([a-z_, ]+) \|", line)
        if row:
            keys |= {(section, name) for name in row.group(1).split(", ")}
    return keys


def test_the_manual_and_the_daemon_know_the_same_keys(tmp_path):
    assert keys_of_the_manual() == keys_of_the_daemon(tmp_path)

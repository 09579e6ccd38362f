"""The manual tells of every configuration key, and of no other."""
import re
import subprocess

from wsvirtd import BUILD, ROOT


def keys_of_the_daemon():
    done = subprocess.run([BUILD / "bin" / "wsvirtd", "--print-config", "--state-dir", "/nonexistent"], check=True,
                          stdout=subprocess.PIPE, text=True)
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


def test_the_manual_and_the_daemon_know_the_same_keys():
    assert keys_of_the_manual() == keys_of_the_daemon()

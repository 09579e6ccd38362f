#!/usr/bin/python3
"""Which rule of WS-Management and its CIM binding is covered by which test: writes RULES.md beside this file.

rules.tsv has the rules (id, level, title, where it stands, and why a rule has no test). A test covers the rules that its name begins with,
test_W_ENU_18_W_ENU_19_..., or that its docstring lists after "Rules:"; unit tests by their names.
    rules.py          writes RULES.md
    rules.py --check  fails when RULES.md shows other rules or states than it would, or when a rule has neither test nor reason
"""
import pathlib
import re
import sys

here = pathlib.Path(__file__).resolve().parent
root = here.parent.parent
RULE = r"(?:W_[A-Z]+_\d\d|C_[A-Z]+_\d\d|MS_\d\d)"


def rules():
    for line in (here / "rules.tsv").read_text().splitlines()[1:]:
        yield line.split("\t")


def ids_in(text):
    """W_ENU_18_19 means W-ENU-18 and W-ENU-19."""
    found = []
    for m in re.finditer(rf"({RULE})((?:_\d\d(?!\d))*)", text):
        first = m.group(1)
        found.append(first.replace("_", "-"))
        family = first.rpartition("_")[0]
        found += [f"{family}-{n}".replace("_", "-") for n in re.findall(r"\d\d", m.group(2))]
    return found


def tests():
    covered = {}
    for path in sorted(root.glob("tests/**/test_*.py")):
        text = path.read_text()
        for m in re.finditer(r'^\s*(?:async )?def (test_\w+)\(.*?\).*?:\n(\s+"""(.*?)""")?', text, re.M | re.S):
            listed = re.search(r"Rules:(.*)", m.group(3) or "", re.S)
            names = ids_in(m.group(1)) + re.findall(r"\b(?:W-[A-Z]+-\d\d|C-[A-Z]+-\d\d|MS-\d\d)\b", listed.group(1) if listed else "")
            for rule in names:
                covered.setdefault(rule, []).append(f"{path.relative_to(root / 'tests')}::{m.group(1)}")
    for path in sorted(root.glob("tests/unit/**/*_test.cpp")):
        for m in re.finditer(r"BOOST_(?:AUTO|DATA)_TEST_CASE\((\w+)", path.read_text()):
            for rule in ids_in(m.group(1)):
                covered.setdefault(rule, []).append(f"{path.relative_to(root / 'tests')}::{m.group(1)}")
    return covered


def report():
    covered = tests()
    lines, total, tested, unexplained = [], 0, 0, []
    for rule, level, title, source, why in rules():
        total += 1
        where = covered.get(rule, [])
        wire = [w for w in where if not w.startswith("unit/")]
        tested += bool(where)
        state = "tested" if wire else "unit test" if where else "no test"
        if not where and not why:
            unexplained.append(rule)
        text = "<br>".join([*(wire[:3] or where[:2]), *([why] if why else [])])
        lines.append(f"| {rule} | {level} | {title} | {source} | {state} | {text} |")
    head = [
        "# Rules and their tests", "",
        "Written by `tests/wire/rules.py`. The ids are those of our rule list: W- is DSP0226, C- its CIM binding (DSP0227,",
        "DSP0230), MS- what Microsoft's clients rely on. Eventing is not in this list. Where no text could be read, it says what was",
        "looked at instead: code of other services and clients, their traffic, or nothing but recollection.", "",
        f"{tested} of {total} rules have a test ({100 * tested / total:.1f} %).", "",
        "| Rule | Level | What | Where it stands | State | Test, and why there is none or what it can show |", "|---|---|---|---|---|---|",
    ]
    return "\n".join(head + lines) + "\n", unexplained


def states(text):
    return [line.split(" | ")[:5] for line in text.splitlines() if line.startswith("| ")]


if __name__ == "__main__":
    text, unexplained = report()
    target = here / "RULES.md"
    if "--check" in sys.argv:
        if unexplained:
            sys.exit("neither test nor reason: " + " ".join(unexplained))
        if states(target.read_text()) != states(text):
            sys.exit("RULES.md is stale: run tests/wire/rules.py")
    else:
        target.write_text(text)
        print(text.splitlines()[6], "unexplained:", len(unexplained))

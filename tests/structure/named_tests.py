#!/usr/bin/python3
"""Every test that the manual names exists, and every code that can arise names one.

A row's third column holds names of Python tests (test_...), of C++ cases (suite/case, or only the case), or "U beginning…"
for a C++ case by its beginning. A row whose second column starts with "never" needs none. Elsewhere C++ cases stand behind U,
several in a row, or with their suite."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MANUAL = sorted((ROOT / "doc/manual/methods").glob("*.md"))
CODE_HEADING = re.compile(r"^\| Code \|.*\| Test \|$")


def python_tests(files):
    return {name for text in files for name in re.findall(r"^(?: {4})?def (test_\w+)", text, re.M)}


def cpp_cases(files):
    """Names of cases, alone and behind the suite they stand in."""
    found = set()
    for text in files:
        suite = ""
        for kind, name in re.findall(r"^BOOST_(AUTO_TEST_SUITE|FIXTURE_TEST_SUITE|AUTO_TEST_CASE|FIXTURE_TEST_CASE|DATA_TEST_CASE|"
                                     r"AUTO_TEST_CASE_TEMPLATE)\((\w+)", text, re.M):
            if kind.endswith("_SUITE"):
                suite = name
            else:
                found |= {name, f"{suite}/{name}"}
    return found


def rows(text):
    """(codes, what makes it happen, test) of the tables of codes."""
    inside = False
    for line in text.splitlines():
        if CODE_HEADING.match(line):
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not line.startswith("|---"):
            cells = [c.strip() for c in line.strip("|").split("|")]
            yield cells[0], cells[1], cells[2]


def unknown(text, python, cpp):
    """What the text names and nobody wrote."""
    wrong = [name for name in re.findall(r"\btest_\w+(?!\w*\.py)", text) if name not in python and not name.endswith("_test")]
    named = [name for _, _, test in rows(text) for name in re.findall(r"`(\w+/\w+)`", test)]
    wrong += [name for name in named if name not in cpp]
    behind_u = [name for names in re.findall(r"\bU ((?:`[\w/]+`,? ?)+)", " ".join(text.split())) for name in re.findall("`([^`]+)`", names)]
    suites = {name.split("/")[0] for name in cpp if "/" in name}
    with_suite = [name for name in re.findall(r"`(\w+/\w+)`", text) if name.split("/")[0] in suites]
    wrong += [name for name in behind_u + with_suite if name not in cpp and name not in wrong]
    wrong += [start + "…" for start in re.findall(r"\bU (\w+)…", text) if not any(c.startswith(start) for c in cpp)]
    return wrong


def problems(name, text, python, cpp):
    modules = {p.stem for p in (ROOT / "tests").rglob("*.py")}
    found = [f"{name}: there is no test {test}" for test in unknown(text, python | modules, cpp)]
    for code, what, test in rows(text):
        if not what.startswith("never") and not test:
            found.append(f"{name}: {code} names no test")
    return found


def test_the_rule_itself():
    cpp = cpp_cases(["BOOST_AUTO_TEST_SUITE(codes)\nBOOST_FIXTURE_TEST_CASE(define_system, World) {\n"])
    python = python_tests(["def test_one(x):\n"])
    head = "| Code | What | Test |\n|---|---|---|\n"
    assert problems("m", head + "| 1 | never: x | |\n| 2 | y | test_one, `codes/define_system` U define… |\n", python, cpp) == []
    assert problems("m", head + "| 2 | y | |\n", python, cpp)
    said = problems("m", "(U `define_system`, `gone`, U\n`codes/define_system`, U\n`lost` and `codes/away`, `other/thing`)\n", python, cpp)
    assert [p.split()[-1] for p in said] == ["gone", "lost", "codes/away"]
    for test in ("test_two", "`codes/define`", "U destroy…"):
        assert problems("m", head + f"| 2 | y | {test} |\n", python, cpp)


def test_the_tests_that_the_manual_names_exist():
    python = python_tests(p.read_text() for p in (ROOT / "tests").rglob("test_*.py"))
    cpp = cpp_cases(p.read_text() for p in (ROOT / "tests/unit").rglob("*_test.cpp"))
    assert MANUAL
    found = [problem for p in MANUAL for problem in problems(p.name, p.read_text(), python, cpp)]
    assert not found, "\n".join(found)


if __name__ == "__main__":
    test_the_rule_itself()
    test_the_tests_that_the_manual_names_exist()
    sys.exit(0)

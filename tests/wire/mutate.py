#!/usr/bin/python3
"""Breaks the service on purpose, one rule at a time, and checks that the rule's test notices.

    tests/wire/mutate.py                  all of them; writes MUTATIONS.md beside this file
    tests/wire/mutate.py --continue       those that the last run has left, or has not found
    tests/wire/mutate.py NAME...          only these; writes nothing
    tests/wire/mutate.py --list           what there is
    tests/wire/mutate.py --check          whether each still fits the source; builds nothing

It works on a copy of the tree in build/mutate with a build of its own (preset dev), so nothing here is touched. A mutation is
one replacement of a text that stands exactly once in its file. It is found when the tests named fail with it and pass without.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
COPY = ROOT / "build" / "mutate"
RESULTS = COPY / "build" / "results.json"
RULES = "tests/wire/rules/"

# name: (file, what stands there, what is put there, test that must fail)
MUTATIONS = {
    "smallest-envelope": ("wsman/ops/header_checks.cpp", "if (n < 8192)", "if (n < 81)",
                          RULES + "test_control.py::test_W_ENV_05_least_size"),
    "must-comply": ("wsman/ops/header_checks.cpp", "if (o.must_comply && !extensions &&", "if (false && !extensions &&",
                    RULES + "test_control.py::test_W_OPT_03_must_comply"),
    "timeout-syntax": ("wsman/ops/header_checks.cpp", "if (s.empty() || s[0] != 'P') return std::nullopt;",
                       "if (s.empty() || s[0] != 'P') return std::chrono::microseconds(1'000'000);",
                       RULES + "test_control.py::test_W_TMO_02_invalid_timeout"),
    "to-required": ("wsman/ops/header_checks.cpp", 'if (!h.to && !newer) return missing("a:To");', "",
                    RULES + "test_addressing.py::test_W_ADDR_01_to_is_required"),
    "only-anonymous-replies": ("wsman/ops/header_checks.cpp", "    if (e->address == anonymous) return std::nullopt;",
                               "    if (e->address == anonymous || is_uri(e->address)) return std::nullopt;",
                               RULES + "test_addressing.py::test_W_ADDR_09_28_29_MS_06_only_anonymous_replies"),
    "own-path-in-to": ("wsman/ops/header_checks.cpp", "return path.empty() || iequals(path, normal(http_target));",
                       "return path.empty() || !http_target.empty();",
                       RULES + "test_addressing.py::test_W_ADDR_03_other_path_in_to"),
    "context-owner": ("wsman/ops/contexts.cpp", "if (at == all_.end() || at->second->owner != user) return nullptr;",
                      "if (at == all_.end() || (user.empty() && at->second->owner != user)) return nullptr;",
                      RULES + "test_enumeration.py::test_W_ENU_05_one_user"),
    "context-expiry": ("wsman/ops/contexts.cpp", "if (!e.busy && now >= (e.expires ? *e.expires : e.last_used + settings_.context_idle))",
                       "if (!e.busy && now >= e.last_used + settings_.context_idle)",
                       RULES + "test_enumeration.py::test_W_ENU_11_expired_context"),
    "max-elements": ("wsman/ops/items.cpp", "n >= limits.elements", "n > limits.elements",
                     RULES + "test_enumeration.py::test_W_ENU_22_23_never_over_max_elements"),
    "item-lost-at-the-limit": ("wsman/ops/items.cpp", "if (n > 0 && bytes + size > limits.soft_bytes) return Packed::some;",
                               "if (n > 0 && bytes + size > limits.soft_bytes) {\n            items.has_pending = false;\n"
                               "            return Packed::some;\n        }",
                               RULES + "test_enumeration.py::test_W_ENV_07_no_item_lost_or_repeated_at_any_size"),
    "items-over-the-limit": ("wsman/ops/items.cpp", "bytes + size > limits.soft_bytes", "bytes > limits.soft_bytes",
                             RULES + "test_enumeration.py::test_W_ENV_07_W_ENU_40_pull_within_the_size"),
    "end-of-sequence": ("wsman/ops/enumerate.cpp", 'answer.body += "<n:EndOfSequence/>"', 'answer.body += ""',
                        RULES + "test_enumeration.py::test_W_ENU_27_end_of_sequence"),
    "reference-of-pull": ("wsman/ops/enumerate.cpp", "if (!same_space) return wrong;", "if (!same_space) return std::nullopt;",
                          RULES + "test_enumeration.py::test_W_ENU_32_43_reference_of_pull_and_release"),
    "enumeration-mode": ("wsman/ops/enumerate.cpp", 'text == "EnumerateObjectAndEPR"', 'text == "EnumerateBoth"',
                         RULES + "test_enumeration.py::test_W_ENU_13_14_15_modes"),
    "granted-expiry": ("wsman/ops/enumerate.cpp", "if (left <= 0) return wrong;", "if (left <= -1'000'000'000) return wrong;",
                       RULES + "test_enumeration.py::test_W_ENU_06_bad_expiry"),
    "watchdog-asleep": ("wsman/ops/watchdog.cpp", "what->late();", "",
                        "tests/wire/test_timeouts.py::test_W_TMO_06_what_waits_for_a_thread_is_answered_and_never_begun"),
    "endless-search": ("cim/om/operation.cpp", "Result<void> Allowance::left() const {\n",
                       "Result<void> Allowance::left() const {\n    if (deadline > Clock::time_point::min()) return {};\n",
                       "tests/wire/test_timeouts.py::test_W_TMO_05_08_a_search_ends_at_its_timeout"),
    "soap-action": ("wsman/ops/handler.cpp", "if (!soap_action.empty() && soap_action != *h.action)", "if (soap_action.size() > 99'999)",
                    RULES + "test_transport.py::test_W_HTTP_04_soap_action"),
    "one-way": ("wsman/ops/handler.cpp", "return done(HttpResponse{202,", "return done(HttpResponse{200,",
                RULES + "test_transport.py::test_W_HTTP_12_13_one_way_messages"),
    "version-to-strangers": ("wsman/ops/identify.cpp", 'full ? "OS: "', 'true ? "OS: "',
                             RULES + "test_identify.py::test_W_IDN_04_07_10_MS_19_without_login"),
    "duplicate-selectors": ("wsman/ops/epr.cpp", "if (iequals(selectors[k].name, selectors[i].name))",
                            "if (selectors[k].name.empty())", RULES + "test_resource.py::test_W_SEL_03_duplicate_selector"),
    "selector-limit": ("wsman/ops/epr.cpp", "if (selectors.size() > call.settings.max_selectors)", "if (selectors.size() > 99'999)",
                       RULES + "test_resource.py::test_W_SEL_10_too_many_selectors"),
    "epr-invalid": ("wsman/ops/epr.cpp", 'out += "<w:EPRInvalid/>"', 'out += "<w:Invalid/>"',
                    RULES + "test_control.py::test_W_EPR_02_epr_invalid_after_delete"),
    "keys-change": ("wsman/ops/transfer.cpp", "            if (!same)\n",
                    "            if (!same) {\n                changed.clear(p.name);\n                continue;\n            }\n            if (!same)\n",
                    RULES + "test_transfer.py::test_W_PUT_07_C_OP_02_keys_cannot_change"),
    "read-only-values": ("wsman/ops/transfer.cpp", "} else if (!p.write) {\n            changed.clear(p.name);", "} else if (!p.write) {",
                         RULES + "test_transfer.py::test_W_PUT_02_read_only_values_are_ignored"),
    "result-of-put": ("wsman/ops/transfer.cpp", "    cim::wscim::write_instance(a.body, style, *now);", "",
                      RULES + "test_transfer.py::test_W_PUT_01_C_OP_02_put_returns_the_result"),
    "fragment-index": ("wsman/ops/fragment.cpp", "all[*index - 1] = nodes[0];", "all[0] = nodes[0];",
                       RULES + "test_fragment.py::test_W_FRG_11_put_replaces_and_never_inserts"),
    "fragment-header": ("wsman/ops/fragment.cpp", "a.headers = call.headers().fragment->block + requested_epr",
                        "a.headers = requested_epr", RULES + "test_fragment.py::test_W_FRG_03_06_09_15_22_expressions"),
    "unknown-parameter": ("wsman/ops/invoke.cpp", "if (!p || !p->in)\n", "if (!p || !p->in) continue;\n        if (!p)\n",
                          RULES + "test_invoke.py::test_W_ACT_03_C_INV_07_unknown_parameter"),
    "input-element": ("wsman/ops/invoke.cpp", "if (!iequals(xml::local_name(input), expected))", "if (false)",
                      RULES + "test_invoke.py::test_W_ACT_06_wrong_input_element"),
    "exists-already": ("wsman/ops/errors.cpp", "Row{Status::already_exists, {}, Subcode::already_exists, {}}",
                       "Row{Status::already_exists, {}, Subcode::concurrency, {}}",
                       RULES + "test_transfer.py::test_W_CRE_03_create_never_updates"),
    "windows-code": ("wsman/soap/fault.cpp", "Subcode::timed_out, {}, 2150858793", "Subcode::timed_out, {}, 2150858794",
                     RULES + "test_control.py::test_W_TMO_05_08_timeout_is_observed"),
    "fault-action": ("wsman/soap/fault.cpp", 'return "http://schemas.xmlsoap.org/ws/2004/09/transfer/fault";',
                     'return "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault";',
                     RULES + "test_soap.py::test_W_SOAP_10_action_of_faults_by_namespace"),
    "newer-names": ("wsman/soap/fault.cpp", "const bool newer = version == Addressing::wsa05 && !r.name05.empty();",
                    "const bool newer = false && version == Addressing::wsa05;",
                    RULES + "test_addressing.py::test_W_ADDR_23_newer_fault_names"),
    "duplicate-headers": ("wsman/soap/message.cpp", "if (seen.test(i)) {", "if (false && seen.test(i)) {",
                          RULES + "test_soap.py::test_W_SOAP_07_duplicate_headers"),
    "must-understand": ("wsman/soap/message.cpp", "if (!b.must_understand || fault) continue;", "if (b.must_understand || fault) continue;",
                        RULES + "test_soap.py::test_W_SOAP_04_06_08_unknown_header_that_must_be_understood"),
    "mixed-addressing": ("wsman/soap/message.cpp", "h.mixed_addressing = older && newer;", "h.mixed_addressing = false && older;",
                         RULES + "test_addressing.py::test_W_ADDR_22_no_mixing"),
    "reply-parameters": ("wsman/soap/message.cpp", "            out += xml::raw(block);\n", "",
                         RULES + "test_addressing.py::test_W_ADDR_10_12_reply_parameters_are_echoed"),
    "surrogates": ("wsman/soap/encoding.cpp", "((c - 0xD800) << 10)", "((c - 0xD800) << 9)",
                   RULES + "test_encoding.py::test_W_ENC_01_02_utf16_in_both_orders"),
    "selector-filter": ("wsman/ops/filters.cpp", "all = all && equals(", "all = all || equals(",
                        RULES + "test_filters.py::test_W_FLT_08_MS_14_selector_filter"),
    "query-and-uri": ("wsman/ops/filters.cpp", "if (target.cls && !answer->from_class.empty() &&", "if (false && target.cls &&",
                      RULES + "test_filters.py::test_C_QRY_03_from_and_uri_must_agree"),
    "class-options": ("wsman/ops/metadata.cpp", "!o.inherited, o.qualifiers, o.origin", "!o.inherited, true, o.origin",
                      RULES + "test_metadata.py::test_C_CLS_05_options"),
    "roles": ("cim/om/authorisation.cpp", "if (who.may(", "if (true || who.may(", RULES + "test_invoke.py::test_W_SEC_11_roles"),
    "role": ("wsman/ops/filters.cpp", "        out.query.role = value;", "        out.query.role.clear();",
             RULES + "test_filters.py::test_C_ASF_01_10_C_OP_08_all_members"),
    # Addressing, envelope, encoding
    "relative-message-id": ("wsman/ops/header_checks.cpp", "may_be_relative ? is_uri_reference(value) : is_uri(value)",
                            "(may_be_relative || !value.empty()) && is_uri(value)",
                            RULES + "test_addressing.py::test_W_ADDR_15_MS_07_relative_uris_of_other_clients"),
    "limit-of-early-faults": ("wsman/ops/handler.cpp", "(control.envelope_limit - 2) / 2", "control.envelope_limit",
                              RULES + "test_soap.py::test_W_SOAP_12_long_message_id_in_a_small_fault"),
    "contradiction": ("wsman/soap/encoding.cpp", "if (!fits) return failed(DecodeStatus::contradiction);",
                      "if (!fits && body.empty()) return failed(DecodeStatus::contradiction);",
                      RULES + "test_encoding.py::test_W_ENC_13_contradictions"),
    "answer-in-utf8": ("wsman/soap/encoding.cpp", "if (e == Encoding::utf8) return utf8;", "if (e == Encoding::utf8 || !utf8.empty()) return utf8;",
                       RULES + "test_encoding.py::test_W_ENC_02_faults_too"),
    "uri-limit": ("wsman/ops/header_checks.cpp", "if (value.size() > settings.max_uri_characters) {",
                  "if (value.size() > settings.max_uri_characters + 99'999) {",
                  RULES + "test_encoding.py::test_W_ENC_07_uri_limit"),
    "prefixes": ("wsman/soap/gate.cpp", 'return fail(Refused::limit, "too many prefixes are bound", "wsman.gate.max_prefixes");',
                           "return true;", "tests/wire/test_limit_metrics.py::test_gate"),
    "soap-upgrade": ("wsman/soap/fault.cpp", 'if (s == Subcode::version_mismatch) return "s:VersionMismatch";', "",
                     RULES + "test_soap.py::test_W_SOAP_01_soap_1_1_is_refused_with_upgrade"),
    "locale-must-understand": ("wsman/ops/header_checks.cpp", "if (h.locale && h.locale->must_understand)", "if (false && h.locale->must_understand)",
                               RULES + "test_control.py::test_W_LOC_02_MS_08_locale_with_must_understand"),
    "relates-to-of-identify": ("wsman/ops/identify.cpp", "if (h.message_id && !h.message_id->empty()) {", "if (false && !h.message_id->empty()) {",
                               RULES + "test_identify.py::test_W_IDN_06_with_addressing"),
    "content-type": ("wsman/soap/encoding.cpp", "if (!type.soap) return failed(DecodeStatus::unsupported_media);", "",
                     RULES + "test_transport.py::test_W_HTTP_02_content_types"),
    "status-of-faults": ("wsman/ops/handler.cpp", "? settings_.sender_fault_status : 500;", "? 200 : 500;",
                         RULES + "test_transport.py::test_W_HTTP_09_status_of_faults"),
    # Transfer
    "body-namespace": ("wsman/ops/transfer.cpp", "if (!cls || (!cls->is_a(target.cls->name()) && !target.cls->is_a(cls->name())))", "if (!cls)",
                       RULES + "test_transfer.py::test_W_PUT_04_wrong_namespace"),
    "epr-of-create": ("wsman/ops/transfer.cpp", "    cim::wscim::write_epr_content(a.body, style, *path);\n", "",
                      RULES + "test_transfer.py::test_W_CRE_01_02_05_C_OP_04_MS_38_create"),
    "absent-instance": ("wsman/ops/errors.cpp", "Row{Status::not_found, {}, Subcode::destination_unreachable, {}}",
                        "Row{Status::not_found, {}, Subcode::endpoint_unavailable, {}}",
                        RULES + "test_resource.py::test_W_RES_03_absent_instance"),
    "all-classes-with-get": ("wsman/ops/transfer.cpp", "if (target->kind == TargetKind::all_classes ||", "if (",
                             RULES + "test_resource.py::test_C_URI_02_03_all_classes_with_transfer"),
    # Fragments
    "fragment-dialect": ("wsman/ops/fragment.cpp", "if (!header.dialect.empty() && header.dialect != soap::uri::xpath) {",
                         "if (header.dialect.size() > 99'999) {", RULES + "test_fragment.py::test_W_FRG_04_unknown_dialect"),
    "fragment-wrapper": ("wsman/ops/fragment.cpp", 'if (!xml::is(wrapper, soap::ns::wsman, "XmlFragment"))',
                         'if (!xml::is(wrapper, soap::ns::wsman, "XmlFragment") && wrapper) return Nodes{wrapper};\n    if (!wrapper)',
                         RULES + "test_fragment.py::test_W_FRG_12_wrapper_is_required"),
    "fragment-text": ("wsman/ops/fragment.cpp", "        } else if (s.fragment.text) {\n            soap::append_escaped(out, n.text().get());",
                      "        } else if (s.fragment.text) {\n            out += xml::raw(n);",
                      RULES + "test_fragment.py::test_W_FRG_07_text"),
    "fragment-read-only": ("wsman/ops/fragment.cpp", "if (p->key || !p->write) return", "if (p->key) return",
                           RULES + "test_fragment.py::test_W_FRG_13_read_only"),
    "fragment-level-1": ("wsman/ops/fragment_path.cpp", 'if (!rest().empty()) return wrong("the end");', "",
                         RULES + "test_fragment.py::test_W_FRG_05_beyond_level_1"),
    # Filters
    "duplicate-in-filter": ("wsman/ops/filters.cpp", "            if (iequals(w.property, name))\n", "            if (name.empty() && iequals(w.property, name))\n",
                            RULES + "test_filters.py::test_W_FLT_20_bad_filter_selectors"),
    "result-role": ("wsman/ops/filters.cpp", "        out.query.result_role = value;", "        out.query.result_role.clear();",
                    RULES + "test_filters.py::test_C_ASF_01_10_C_OP_08_all_members"),
    "wrapped-object": ("wsman/ops/filters.cpp", "            content = inner;\n", "            content = n;\n",
                       RULES + "test_filters.py::test_C_ASF_13_14_wmi_uri_and_both_forms_of_the_reference"),
    "two-filters": ("wsman/ops/enumerate.cpp", "        if (out.filter)\n", "        if (out.filter && name.empty())\n",
                    RULES + "test_filters.py::test_W_FLT_03_two_filters"),
    # Enumeration
    "polymorphism-none": ("wsman/ops/enumerate.cpp", "out.polymorphism = cim::Polymorphism::none;",
                          "out.polymorphism = cim::Polymorphism::include_subclass_properties;",
                          RULES + "test_enumeration.py::test_C_POL_04_none"),
    "polymorphism-exclude": ("wsman/ops/enumerate.cpp", "out.polymorphism = cim::Polymorphism::exclude_subclass_properties;",
                             "out.polymorphism = cim::Polymorphism::include_subclass_properties;",
                             RULES + "test_enumeration.py::test_C_POL_03_MS_15_exclude"),
    "total": ("wsman/ops/enumerate.cpp", "if (!call.headers().request_total) return {};",
              "if (!call.headers().request_total || estimate) return {};",
              RULES + "test_enumeration.py::test_W_ENU_12_MS_37_total"),
    "max-characters": ("wsman/ops/enumerate.cpp", "limits.characters = a.max_characters;", "",
                       RULES + "test_enumeration.py::test_W_ENU_26_max_characters"),
    # Methods
    "method-of-another-class": ("wsman/ops/invoke.cpp", "    if (!m.method)\n", "    if (name.empty() && !m.method)\n",
                                RULES + "test_invoke.py::test_W_ACT_05_unknown_method"),
    "return-value": ("wsman/ops/invoke.cpp", '        value.name = "ReturnValue";', '        value.name = "Result";',
                     RULES + "test_invoke.py::test_C_INV_01_02_03_08_13_W_ACT_01_02_MS_27_define_and_destroy"),
    "type-of-parameters": ("wsman/ops/errors.cpp", "Row{Status::type_mismatch, About::parameters, Subcode::invalid_parameter, fd::type_mismatch}",
                           "Row{Status::type_mismatch, About::parameters, Subcode::invalid_parameter, fd::invalid_name}",
                           RULES + "test_invoke.py::test_W_ACT_04_wrong_type"),
    # Faults, metadata
    "cim-status": ("wsman/ops/errors.cpp", "cim_status_code(e.status)", "1",
                   RULES + "test_faults.py::test_C_ERR_01_02_03_W_FLX_05_MS_34_details"),
    "language-of-reasons": ("wsman/soap/writer.cpp", "local_text(fault.subcode, fault.detail, asked)", 'local_text(fault.subcode, fault.detail, "en")',
                            RULES + "test_control.py::test_W_LOC_01_04_reasons_in_the_language_asked"),
    "class-by-selector": ("wsman/ops/metadata.cpp", "classes = named_class(call, target);",
                          "classes = named_class(call, target);\n        classes = target.ns->classes();",
                          RULES + "test_metadata.py::test_C_CLS_06_a_selector_names_the_class"),
    "class-paths": ("wsman/ops/metadata.cpp", 'path(option(h, "IncludePath", false))', "path(false)",
                    RULES + "test_metadata.py::test_C_CLS_05_paths"),
    "inherited-elements": ("wsman/ops/metadata.cpp", 'inherited(option(h, "IncludeInheritedElements", true))', "inherited(false)",
                           RULES + "test_metadata.py::test_C_CLS_01_06_C_OP_10_get_class"),
}


def copy_tree():
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True,
                           text=True).stdout.split("\n")
    wanted = {f for f in files if f and (ROOT / f).is_file()}
    for name in wanted:
        source, target = ROOT / name, COPY / name
        if target.exists() and target.read_bytes() == source.read_bytes():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)  # as new, so that it is built
    for path in COPY.rglob("*"):
        inside = path.relative_to(COPY)
        if inside.parts[0] not in ("build", ".git") and path.is_file() and str(inside) not in wanted:
            path.unlink()


def build():
    if not (COPY / "build" / "dev" / "build.ninja").exists():
        subprocess.run(["cmake", "--preset", "dev"], cwd=COPY, check=True, stdout=subprocess.DEVNULL)
    done = subprocess.run(["cmake", "--build", "--preset", "dev", "--target", "wsvirtd"], cwd=COPY, capture_output=True,
                          text=True)
    return done.returncode == 0, done.stdout[-3000:]


def passes(*tests):
    environment = {"WSVIRT_BUILD": str(COPY / "build" / "dev"), "PYTHONDONTWRITEBYTECODE": "1", "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}
    done = subprocess.run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-x", "--timeout=120", *tests],
                          cwd=COPY, env=environment, capture_output=True, text=True)
    return done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def mutated(text, what, instead, name):
    if text.count(what) != 1:
        raise SystemExit(f"{name}: the text to replace stands {text.count(what)} times")
    return text.replace(what, instead)


def run(name):
    """(found, why not)"""
    file, what, instead, test = MUTATIONS[name]
    target = COPY / file
    original = target.read_text()
    target.write_text(mutated(original, what, instead, name))
    try:
        ok, output = build()
        if not ok:
            return False, "does not build: " + output
        ok, output = passes(test)
        return not ok, "the test passes all the same" if ok else ""
    finally:
        target.write_text(original)


def report(results):
    lines = ["# Mutations", "",
             "Written by `tests/wire/mutate.py`: the service broken on purpose, one rule at a time, and the test that noticed. The",
             "same tests pass on the unbroken service.", "",
             f"{sum(found for found, _ in results.values())} of {len(results)} were found.", "",
             "| Mutation | File | Instead of | Stands | Test | Found |", "|---|---|---|---|---|---|"]
    for name, (found, why) in results.items():
        file, what, instead, test = MUTATIONS[name]
        code = lambda s: "`" + " ".join(s.split()).replace("|", "\\|") + "`" if s.strip() else "nothing"
        lines.append(f"| {name} | {file} | {code(what)} | {code(instead)} | {test.removeprefix('tests/wire/')} | "
                     f"{'yes' if found else 'no: ' + why} |")
    (ROOT / "tests" / "wire" / "MUTATIONS.md").write_text("\n".join(lines) + "\n")


def main():
    arguments = sys.argv[1:]
    if arguments == ["--list"]:
        print("\n".join(MUTATIONS))
        return
    for name, (file, what, _, test) in MUTATIONS.items():
        mutated((ROOT / file).read_text(), what, "", name)
        path, _, function = test.partition("::")
        if f"def {function}(" not in (ROOT / path).read_text():
            raise SystemExit(f"{name}: there is no test {test}")
    if arguments == ["--check"]:
        return
    known = {}
    if arguments == ["--continue"]:
        arguments = []
        if RESULTS.exists():
            known = {name: (found, why) for name, (definition, found, why) in json.loads(RESULTS.read_text()).items()
                     if found and name in MUTATIONS and definition == list(MUTATIONS[name])}
    copy_tree()
    ok, output = build()
    if not ok:
        raise SystemExit("the unbroken service does not build:\n" + output)
    names = arguments or [name for name in MUTATIONS if name not in known]
    ok, output = passes(*sorted({MUTATIONS[n][3] for n in names}))
    if not ok:
        raise SystemExit(f"without any mutation:\n{output}")
    results = dict(known)
    for name in names:
        started = time.monotonic()
        results[name] = run(name)
        if not arguments:
            RESULTS.write_text(json.dumps({n: (MUTATIONS[n], *result) for n, result in results.items()}))
        print(f"{name}: {'found' if results[name][0] else 'NOT FOUND: ' + results[name][1]} ({time.monotonic() - started:.0f} s)",
              flush=True)
    if not arguments:
        report({name: results[name] for name in MUTATIONS})
    sys.exit(0 if all(found for found, _ in results.values()) else 1)


if __name__ == "__main__":
    main()

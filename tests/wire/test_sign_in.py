"""Sign-in (W-SEC rules): Basic over HTTP and HTTPS, remembered sign-ins, failures that cost only their author."""
import base64
import os
import subprocess
import threading
import time

import pytest
from harness import IDENTIFY, PATIENCE, QUICK_SIGN_IN, basic, request_bytes, wait_until

CONTENT = ("Content-Type", "application/soap+xml;charset=UTF-8")
METRICS = "[metrics]\nenabled = true\n"


@pytest.mark.parametrize("tls", [False, True])
def test_no_credentials(server, tls):
    """Rules: W-SEC-01, W-SEC-03, W-SEC-15"""
    answer = server.post(tls=tls, sign_in=False)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith('Basic realm="')
    assert b"Envelope" not in answer.body


@pytest.mark.parametrize("credentials", [
    basic("admin", "wrong"), basic("nobody", "secret-a"), basic("", ""), basic("admin", ""), basic("admin", "secret-a\x01"),
    "Basic", "Basic ", "Basic !!!!", "Basic YWRtaW4=", "Basic " + base64.b64encode(b"admin:\xff\xfe").decode(),
    "Basic " + base64.b64encode(b"admin:secret-a\x00").decode(), basic("ADMIN", "secret-a"), basic("admin", "secret-a "),
    "Bearer abc", "Negotiate TlRMTVNTUAAB", "Digest username=admin", "x", basic("admin", "secret-a")[:-1]])
def test_wrong_credentials(server, credentials):
    """Rules: W-SEC-10"""
    answer = server.post(headers={"Authorization": credentials})
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert b"Envelope" not in answer.body


def test_the_scheme_has_no_case(server):
    assert server.post(headers={"Authorization": "bAsIc " + server.authorization().split()[1]}).status == 200


def test_wrong_credentials_after_right_ones_on_one_connection(server):
    """What is remembered for a connection is the sign-in, not the connection."""
    with server.connect() as raw:
        assert raw.send(server.signed()).answer().status == 200
        assert raw.send(request_bytes(IDENTIFY, [("Authorization", basic("admin", "no")), CONTENT])).answer().status == 401
        assert raw.send(request_bytes(IDENTIFY, [CONTENT])).answer().status == 401
        assert raw.send(server.signed()).answer().status == 200


def test_unauthenticated_identify(server):
    """Rules: W-IDN-04, W-IDN-09: answered, and tells less."""
    full = server.post()
    for answer in (server.post(sign_in=False, headers={"WSMANIDENTIFY": "unauthenticated"}),
                   server.post(sign_in=False, path="/wsman-anon/identify")):
        assert answer.status == 200
        assert b"IdentifyResponse" in answer.body
        assert b"SecurityProfile" not in answer.body
    assert b"SecurityProfile" in full.body


@pytest.mark.parametrize("path,headers", [("/wsman", {"WSMANIDENTIFY": "unauthenticated"}), ("/wsman-anon/identify", {}),
                                          ("/wsman-anon", {})])
def test_anonymous_means_identify_only(server, path, headers):
    get = IDENTIFY.replace(b"<i:Identify/>", b"").replace(b"<s:Header/>", b"""<s:Header
        xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd">
        <a:Action>http://schemas.xmlsoap.org/ws/2004/09/transfer/Get</a:Action><a:To>http://localhost/wsman</a:To>
        <w:ResourceURI>http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/Msvm_ComputerSystem</w:ResourceURI>
        <a:MessageID>uuid:1</a:MessageID></s:Header>""")
    answer = server.post(get, sign_in=False, path=path, headers=headers)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


# --- where passwords may go -----------------------------------------------------------------------------------------
def address_of_this_machine():
    """An address that is not loopback, or None."""
    found = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=False).stdout.split()
    return next((a for a in found if ":" not in a), None)


def listener(address, **keys):
    return f'\n[[listener]]\naddress = "{address}"\nport = 0\n' + "".join(f"{k} = {v}\n" for k, v in keys.items())


def other_port(daemon):
    lines = [line for line in daemon.log_text().splitlines() if "wsvirt.http.listening http " in line]
    return int(next(line for line in lines if "0.0.0.0" in line).rsplit(":", 1)[1])


@pytest.mark.skipif(address_of_this_machine() is None, reason="this machine has no address besides loopback")
@pytest.mark.parametrize("allowed", [False, True])
def test_basic_over_plain_http_from_another_machine(fresh_server, allowed):
    """Rules: MS-21: refused unless the listener allows it; loopback peers may (every other test)."""
    import harness
    daemon = fresh_server(more=QUICK_SIGN_IN + listener("0.0.0.0", allow_basic=str(allowed).lower()))
    with harness.Raw(other_port(daemon), address=address_of_this_machine()) as raw:
        answer = raw.send(daemon.signed()).answer()
        assert answer.status == (200 if allowed else 403)
        assert b"https" in answer.body or allowed
        assert "WWW-Authenticate" not in answer.headers


# --- users ------------------------------------------------------------------------------------------------------------
def user_command(daemon, *words, password=""):
    return subprocess.run([daemon.program, "--config", daemon.state / "wsvirtd.toml", "user", *words],
                          input=password + "\n", text=True, capture_output=True, check=False)


def test_users_come_change_and_go_while_it_runs(fresh_server):
    daemon = fresh_server()
    sign_in = lambda name, password: daemon.post(headers={"Authorization": basic(name, password)}).status  # noqa: E731
    assert user_command(daemon, "add", "jürgen größe", "--role", "viewer", password="pässwörd 🔑").returncode == 0
    assert sign_in("jürgen größe", "pässwörd 🔑") == 200
    assert user_command(daemon, "add", "jürgen größe", password="new").returncode == 0
    assert wait_until(lambda: sign_in("jürgen größe", "pässwörd 🔑") == 401)
    assert sign_in("jürgen größe", "new") == 200
    with daemon.connect() as raw:  # a connection that has signed in does not outlive its user
        text = request_bytes(IDENTIFY, [("Authorization", basic("jürgen größe", "new")), CONTENT])
        assert raw.send(text).answer().status == 200
        assert user_command(daemon, "rm", "jürgen größe").returncode == 0
        assert wait_until(lambda: raw.send(text).answer().status == 401)
    listed = user_command(daemon, "list").stdout.splitlines()
    assert "admin\tadministrator" in listed and not any(line.startswith("jürgen") for line in listed)
    assert os.stat(daemon.state / "users").st_mode & 0o777 == 0o600
    text = (daemon.state / "users").read_text()
    assert "secret" not in text and ":$y$" in text


@pytest.mark.parametrize("words,password", [
    (["add", "a:b"], "x"), (["add", ""], "x"), (["add", "a\nb"], "x"), (["add", "ok"], ""), (["rm", "nobody"], ""),
    (["add", "ok", "--role", "king"], "x"), (["add"], "x"), ([], "")])
def test_impossible_user_commands(server, words, password):
    before = (server.state / "users").read_text()
    done = user_command(server, *words, password=password)
    assert done.returncode != 0
    assert done.stderr.strip()
    assert (server.state / "users").read_text() == before


def test_pam(fresh_server, tmp_path):
    service = tmp_path / "wsvirt-test"
    service.write_text("auth required pam_permit.so\naccount required pam_permit.so\n")
    name = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    group = subprocess.run(["id", "-gn"], capture_output=True, text=True, check=True).stdout.strip()
    daemon = fresh_server(more=QUICK_SIGN_IN + f'[auth.pam]\nenabled = true\nservice = "wsvirt-test"\n'
                          f'config_dir = "{tmp_path}"\ngroups = {{ "{group}" = "viewer" }}\n')
    assert daemon.post(headers={"Authorization": basic(name, "anything")}).status == 200
    assert daemon.post(headers={"Authorization": basic("daemon", "anything")}).status == 401  # in no group with a role
    assert daemon.post(headers={"Authorization": basic("no-such-user", "anything")}).status == 401
    service.write_text("auth required pam_deny.so\naccount required pam_permit.so\n")
    assert daemon.post(headers={"Authorization": basic(name, "something else")}).status == 401
    assert daemon.post().status == 200  # the user file goes on


# --- what it costs ------------------------------------------------------------------------------------------------------
def test_a_remembered_sign_in_costs_no_check(fresh_server):
    daemon = fresh_server(more=QUICK_SIGN_IN + METRICS)
    assert daemon.post().status == 200
    checks = daemon.metric("wsvirt_sign_ins_total", result="accepted")
    for _ in range(50):
        assert daemon.post().status == 200  # a new connection each time
    with daemon.connect() as raw:
        for _ in range(50):
            assert raw.send(daemon.signed()).answer().status == 200
    assert daemon.metric("wsvirt_sign_ins_total", result="accepted") == checks


def test_failures_are_delayed_and_then_blocked_but_hold_up_nobody(fresh_server):
    daemon = fresh_server(more='[auth]\nfailures = 3\nfailure_delay = "400ms"\nlongest_failure_delay = "800ms"\n'
                               'failure_refill = "10min"\n')
    assert daemon.post().status == 200  # remembered from here on
    begun = time.monotonic()
    statuses = []

    def attempt(n):
        answer = daemon.post(headers={"Authorization": basic("admin", f"guess {n}")})
        statuses.append((answer.status, time.monotonic() - begun, answer.headers.get("Retry-After")))

    threads = [threading.Thread(target=attempt, args=(n,)) for n in range(3)]
    for t in threads:
        t.start()
    slowest = 0.0
    while any(t.is_alive() for t in threads):
        one = time.monotonic()
        assert daemon.post().status == 200
        slowest = max(slowest, time.monotonic() - one)
    for t in threads:
        t.join()
    assert [s[0] for s in statuses] == [401] * 3
    assert min(s[1] for s in statuses) >= 0.4
    assert slowest < 0.35 * PATIENCE
    answer = daemon.post(headers={"Authorization": basic("admin", "guess 4")})
    assert answer.status == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert daemon.post().status == 200  # whoever is known already is not locked out


def test_many_attempts_at_once_gain_nothing(fresh_server):
    daemon = fresh_server(more='[auth]\nfailures = 5\nfailure_delay = "50ms"\nlongest_failure_delay = "100ms"\n'
                               'failure_refill = "10min"\n' + METRICS)
    statuses = []
    threads = [threading.Thread(target=lambda n=n: statuses.append(
        daemon.post(headers={"Authorization": basic("admin", f"guess {n}")}).status)) for n in range(40)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert set(statuses) == {401, 429}
    # Checks that ran, whatever they found: the burst and those that were under way on the other thread.
    assert daemon.metric("wsvirt_sign_ins_total", result="denied") <= 5 + 2


def test_unknown_users_take_as_long_as_known_ones(server):
    def cost(name):
        begun = time.monotonic()
        assert server.post(headers={"Authorization": basic(name, f"wrong {begun}")}).status == 401
        return time.monotonic() - begun

    turns = [(cost("admin"), cost("nobody-of-that-name")) for _ in range(12)]
    known, unknown = (sorted(times)[len(times) // 2] for times in zip(*turns))
    assert 0.5 < known / unknown < 2.0
    assert unknown > 0.004  # yescrypt did run


def test_a_name_does_not_look_like_more_in_the_log(server):
    server.post(headers={"Authorization": basic('x" peer=10.0.0.9 user="a\\\u009b', "wrong")})
    line, = [line for line in server.log_text().splitlines() if "wsvirt.auth.denied" in line and "10.0.0.9" in line]
    assert 'user="x\\" peer=10.0.0.9 user=\\"a\\\\\\x9b"' in line


def test_passwords_are_not_in_the_log(server):
    server.post(headers={"Authorization": basic("admin\x7f", "hunter2-hunter2")})
    server.post(headers={"Authorization": basic("admin", "hunter2-hunter2")})
    text = server.log_text()
    assert "hunter2" not in text and "secret-a" not in text and basic("admin", "secret-a").split()[1] not in text

"""The daemon as a program: its command line, its configuration, its start and its end."""
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest
from faults import FaultDaemon
from harness import QUICK_SIGN_IN, Server, wait_until

from hyperv import HyperV  # noqa: E402
from embedded import Instance  # noqa: E402


def run(daemon, *words, text=None, timeout=30):
    return subprocess.run([daemon.program, *words], capture_output=True, text=True, input=text, timeout=timeout, check=False)


def test_version(server):
    done = run(server, "--version")
    assert done.returncode == 0
    assert re.fullmatch(r"wsvirtd \d+\.\d+\.\d+\n", done.stdout)


def test_a_good_configuration_is_checked(server):
    done = run(server, "--config", server.state / "wsvirtd.toml", "--check-config")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_mistakes_are_named_with_their_place(server, tmp_path):
    file = tmp_path / "bad.toml"
    file.write_text('[server]\nname = 5\n\n[http]\n  max_bdoy = 3\n[[listener]]\nport = 70000\n')
    for words in (["--check-config"], ["--print-config"], []):
        done = run(server, "--config", file, *words)
        assert done.returncode == 2
        lines = sorted(done.stderr.splitlines())
        assert lines[0].startswith(f"{file}:2:8: server.name")
        assert lines[1].startswith(f"{file}:5:3: unknown key http.max_bdoy")
        assert lines[2].startswith(f"{file}:7:8: listener.port")


def test_the_printed_configuration_is_in_force(server, tmp_path):
    printed = run(server, "--config", server.state / "wsvirtd.toml", "--print-config").stdout
    assert f'state_dir = "{server.state}"' in printed
    again = tmp_path / "again.toml"
    again.write_text(printed)
    assert run(server, "--config", again, "--print-config").stdout == printed


@pytest.mark.parametrize("words", [["--nonsense"], ["--config"], ["--check-config", "--print-config"], ["user"]])
def test_impossible_options(server, words):
    done = run(server, *words)
    assert done.returncode == 2
    assert done.stderr.strip()


def test_a_second_daemon_on_the_same_state_is_refused(server):
    done = run(server, "--config", server.state / "wsvirtd.toml")
    assert done.returncode == 1
    assert "wsvirt.state.busy" in done.stderr
    assert server.post().status == 200


def test_a_stop_while_it_starts(server, tmp_path):
    """Its libvirtd accepts and is silent."""
    silent = socket.socket(socket.AF_UNIX)
    silent.bind(str(tmp_path / "silent"))
    silent.listen()
    file = tmp_path / "c.toml"
    file.write_text(f'[server]\nstate_dir = "{tmp_path}/s"\n[backend]\nuri = "qemu+unix:///session?socket={tmp_path}/silent"\n'
                    f'virtual_hard_disk_path = "{tmp_path}/d"\nexport_folders = ["{tmp_path}/d"]\n'
                    '[[listener]]\nport = 0\naddress = "127.0.0.1"\n')
    with silent, subprocess.Popen([server.program, "--config", file], stderr=subprocess.PIPE, text=True) as process:
        connection, _ = silent.accept()
        with connection:
            process.send_signal(signal.SIGHUP)
            process.send_signal(signal.SIGTERM)
            _, told = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "wsvirt.stopped before it was ready" in told


def test_a_port_in_use_is_named(server, tmp_path):
    file = tmp_path / "c.toml"
    file.write_text(f'[server]\nstate_dir = "{tmp_path}/s"\n[backend]\nuri = "test:///default"\n'
                    f'[[listener]]\naddress = "127.0.0.1"\nport = {server.http_port}\n')
    done = run(server, "--config", file)
    assert done.returncode == 1
    assert f"127.0.0.1:{server.http_port}" in done.stderr


def test_a_missing_schema_is_named(server, tmp_path):
    file = tmp_path / "c.toml"
    file.write_text(f'[server]\nstate_dir = "{tmp_path}/s"\nschema_dir = "{tmp_path}/none"\n'
                    '[backend]\nuri = "test:///default"\n[[listener]]\nport = 0\naddress = "127.0.0.1"\n')
    done = run(server, "--config", file)
    assert done.returncode == 1
    assert f"{tmp_path}/none" in done.stderr


def test_hosts_that_accept_and_are_silent_hold_up_neither_the_start_nor_each_other(fresh_server):
    """Each is tried again."""
    hosts = [socket.create_server(("127.0.0.1", 0)) for _ in range(12)]
    try:
        began = time.monotonic()
        daemon = fresh_server(backend='open_limit = "3s"', more=QUICK_SIGN_IN + "".join(
            f'[[host]]\nname = "h{n}"\nuri = "qemu+tcp://127.0.0.1:{h.getsockname()[1]}/system"\n' for n, h in enumerate(hosts)))
        assert time.monotonic() - began < 30
        assert daemon.post().status == 200
        open_ones = []
        for h in (hosts[0], hosts[-1]):
            h.settimeout(120)
            open_ones += [h.accept()[0] for _ in range(2)]
        for one in open_ones:
            one.close()
    finally:
        for h in hosts:
            h.close()


def test_ready_descriptor(fresh_server, tmp_path):
    source = fresh_server()
    config = (source.state / "wsvirtd.toml").read_text().replace(str(source.state), str(tmp_path / "s"))
    config = re.sub(r"port = \d+", "port = 0", config)
    (tmp_path / "c.toml").write_text(config)
    read, write = os.pipe()
    with subprocess.Popen([source.program, "--config", tmp_path / "c.toml", "--ready-fd", str(write)], pass_fds=[write],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        os.close(write)
        with os.fdopen(read) as lines:
            text = lines.read()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert process.stdout.read() == b""
    assert re.fullmatch(r"listening http 127\.0\.0\.1:\d+\nlistening https 127\.0\.0\.1:\d+\nready\n", text)


def test_state_folder_is_private(fresh_server, tmp_path):
    daemon = Server(state=tmp_path / "not-yet")
    daemon.state.mkdir(mode=0o755)
    daemon.start()
    try:
        for name in ("users", "lock", "wsvirt.db", "tls/server.key"):
            assert os.stat(daemon.state / name).st_mode & 0o077 == 0, name
        for name in ("disks", "exports"):  # QEMU's own user gets files from there
            assert os.stat(daemon.state / name).st_mode & 0o777 == 0o711, name
    finally:
        daemon.end()


def test_metrics_are_off_unless_asked_for(server, fresh_server):
    assert server.post(b"", path="/metrics", method="GET", sign_in=False).status == 404
    daemon = fresh_server(more="[metrics]\nenabled = true\n")
    answer = daemon.post(b"", path="/metrics", method="GET", sign_in=False)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    before = daemon.metric("wsvirt_http_answers_total", status="2xx")
    daemon.post()
    assert daemon.metric("wsvirt_http_answers_total", status="2xx") >= before + 2


def test_log_lines_have_time_level_and_id(server):
    for line in server.log_text().splitlines():
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info|warning|error) wsvirt\.[a-z_.]+", line), line


def test_text_from_outside_makes_no_log_line(server):
    server.raw(server.signed(path="/wsman\x1b[31m"))
    server.post(headers={"Authorization": "Basic YTpiCmluZm8gd3N2aXJ0LmZha2U="})
    assert "wsvirt.fake" not in server.log_text()
    assert "\x1b" not in server.log_text()


# --- its end ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_stop_is_quick_when_nothing_runs(fresh_server, sign):
    daemon = fresh_server()
    idle = [daemon.connect(tls) for tls in (False, True, False)]
    idle[0].send(daemon.signed()).answer()
    begun = time.monotonic()
    daemon.process.send_signal(sign)
    assert daemon.process.wait(30) == 0
    assert time.monotonic() - begun < 10
    for raw in idle:
        assert raw.is_closed()


def test_stop_finishes_what_runs(fresh_server):
    """A request whose body is on its way is still answered; new connections are not taken."""
    daemon = fresh_server()
    text = daemon.signed()
    with daemon.connect() as raw, daemon.connect() as half:
        raw.send(text[:-10])
        half.send(text[:30])
        assert wait_until(lambda: daemon.post().status == 200)
        daemon.process.send_signal(signal.SIGTERM)
        assert wait_until(lambda: refused(daemon.http_port))
        assert half.answer().status == 503
        answer = raw.send(text[-10:]).answer()
        assert answer.status == 200
        assert answer.headers["Connection"] == "close"
        assert raw.is_closed()
    assert daemon.process.wait(30) == 0


def refused(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return False
    except OSError:
        return True


def test_stop_does_not_wait_for_ever(fresh_server):
    daemon = fresh_server(server='stop_time = "1s"')
    with daemon.connect() as raw:
        raw.send(daemon.signed()[:-10])
        time.sleep(0.3)
        begun = time.monotonic()
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(30) == 0
        assert 0.9 < time.monotonic() - begun < 10


def test_stop_does_not_wait_for_a_silent_host():
    """What a host is asked for and does not end is left to the next start, which tells of it."""
    with FaultDaemon(server='stop_time = "1s"', more=QUICK_SIGN_IN) as daemon:
        hyperv = HyperV(daemon)
        daemon.hold("define")
        output = hyperv.define(Instance("Msvm_VirtualSystemSettingData", ElementName="held"))
        assert output["ReturnValue"] == "4096"
        begun = time.monotonic()
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(30) == 0
        assert 0.9 < time.monotonic() - begun < 20
        assert "wsvirt.stopped with work that has not ended" in daemon.log_text()
        daemon.start()
        assert "interrupted" in hyperv.get(output["Job"])["ErrorDescription"]


def test_stop_under_load(fresh_server):
    """Each request that was sent is answered or its connection ends; the daemon ends well."""
    daemon = fresh_server(more=QUICK_SIGN_IN)
    end = threading.Event()
    strange = []

    def client(tls):
        while not end.is_set():
            try:
                status = daemon.post(tls=tls).status
                if status not in (200, 503):
                    strange.append(status)
            except OSError:
                if not end.wait(0.01) and daemon.process.poll() is not None:
                    return
            except Exception as problem:  # noqa: BLE001
                if type(problem).__name__ not in ("RemoteDisconnected", "BadStatusLine", "IncompleteRead"):
                    strange.append(repr(problem))

    threads = [threading.Thread(target=client, args=(n % 2 == 0,)) for n in range(8)]
    for t in threads:
        t.start()
    time.sleep(1)
    daemon.process.send_signal(signal.SIGTERM)
    try:
        assert daemon.process.wait(30) == 0
    finally:
        end.set()
        for t in threads:
            t.join()
    assert not strange

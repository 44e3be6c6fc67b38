"""The service as a process: started, found, stopped; its errors; and that it never touches the user's AWS settings."""

from __future__ import annotations

import errno
import fcntl
import io
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.cli.options import Where
from pipeline.errors import LocalServiceError, UsageError
from pipeline.local.identity import Identity
from pipeline.local.process import lifecycle, locks
from pipeline.local.state_folder import DEFAULT_FOLDER, StateFolder, is_foreign
from tests.support.service import boto_client_of, local_service
from tests.support.torture import length
from tests.support.waiting import PATIENCE, until


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "state"
    yield folder
    lifecycle.stop(folder)


def test_a_detached_service_is_found_used_and_stopped(state: Path) -> None:
    out = io.StringIO()
    lifecycle.start(state, detach=True, out=out)
    found = lifecycle.require(state)
    assert out.getvalue().startswith(
        f"SageMaker on localhost: {found.address}\nconsole: {found.address}/_console/enter?"
    )
    assert boto_client_of(found, "sagemaker").list_pipelines()["PipelineSummaries"] == []
    assert boto_client_of(found, "sts").get_caller_identity()["Account"] == found.identity.account
    assert lifecycle.stop(state) == found.pid
    assert lifecycle.running(state) is None
    assert lifecycle.stop(state) is None
    assert not (state / "server.json").exists()


@pytest.mark.long
def test_the_key_is_minted_once_and_only_its_owner_reads_it(state: Path) -> None:
    with lifecycle.starting(state) as service:
        first = service()
    with lifecycle.starting(state) as service:
        second = service()
        assert second.identity == first.identity
    assert stat.S_IMODE((state / "key.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert first.identity.secret_access_key not in repr(first)


@pytest.mark.long
def test_a_service_that_was_started_and_never_called_for_ends_too(state: Path) -> None:
    with lifecycle.starting(state):
        pass
    assert lifecycle.running(state) is None
    assert locks.holder(StateFolder(state.resolve())) is None
    assert "Traceback" not in (state / "server.log").read_text()


def test_starting_uses_the_one_that_runs_and_leaves_it_running(state: Path) -> None:
    lifecycle.start(state, detach=True, out=io.StringIO())
    before = lifecycle.require(state)
    with lifecycle.starting(state) as service:
        found = service()
        assert found == before
    assert lifecycle.running(state) == before


def test_a_service_of_ones_own_ends_with_the_process_that_started_it(state: Path) -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom pipeline.local.process import lifecycle\n"
        "with lifecycle.starting(Path(sys.argv[1])) as service:\n"
        "    print(service().pid, flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, state], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert lifecycle.running(state) is not None
        owner.kill()
    until(lambda: lifecycle.running(state) is None)

    def gone() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False

    until(gone)


def hold(state: Path, seconds: float) -> subprocess.Popen[str]:
    """A process that uses the service for a while and prints its address and process id."""
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom pipeline.local.process import lifecycle\n"
        "with lifecycle.starting(Path(sys.argv[1])) as service:\n    found = service()\n"
        "    print(found.address, found.pid, flush=True)\n    time.sleep(float(sys.argv[2]))\n"
        "    assert lifecycle.running(Path(sys.argv[1])) == found\n"
    )
    command = [sys.executable, "-c", program, str(state), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.long
def test_users_that_start_at_once_share_one_service_which_ends_with_the_last(state: Path) -> None:
    users = [hold(state, seconds) for seconds in (0.0, 0.5, 1.0, 1.5)]
    printed = []
    for user in users:
        assert user.stdout is not None
        printed.append(user.stdout.readline())
    assert len(set(printed)) == 1
    assert [user.wait(PATIENCE) for user in users] == [0, 0, 0, 0]
    for user in users:
        assert user.stdout is not None
        user.stdout.close()
    end = time.monotonic() + PATIENCE
    while locks.holder(StateFolder(state)) is not None and time.monotonic() < end:
        time.sleep(0.02)
    assert lifecycle.running(state) is None


def test_a_service_that_does_not_answer_is_stopped_all_the_same(state: Path) -> None:
    lifecycle.start(state, detach=True, out=io.StringIO())
    found = lifecycle.require(state)
    os.kill(found.pid, signal.SIGSTOP)
    assert locks.holder(StateFolder(state)) == found.pid
    assert lifecycle.stop(state, seconds=0.2) == found.pid
    assert locks.holder(StateFolder(state)) is None


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGINT, marks=pytest.mark.long),
        signal.SIGTERM,
        pytest.param(signal.SIGHUP, marks=pytest.mark.long),
    ],
)
def test_a_signal_ends_it_in_order(state: Path, number: signal.Signals, request: pytest.FixtureRequest) -> None:
    # These tests may run under nohup themselves, and who starts a service leaves it what is ignored.
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    request.addfinalizer(lambda: signal.signal(signal.SIGHUP, before))
    command = [sys.executable, "-m", "pipeline.local", "--state", str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("SageMaker on localhost: http://127.0.0.1:")
        process.send_signal(number)
        _, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (0, "")
    assert not (state / "server.json").exists()
    assert locks.holder(StateFolder(state)) is None


def test_an_empty_folder_that_others_could_read_becomes_ones_own(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir(mode=0o755)
    StateFolder.open(given)
    assert stat.S_IMODE(given.stat().st_mode) == 0o700


def test_an_empty_folder_of_somebody_else_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def chmod(path: Path, mode: int, **more: bool) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", chmod)
    assert StateFolder.open(tmp_path / "given").root.is_dir()


def test_a_default_folder_of_somebody_else_is_refused_unless_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    StateFolder.open(DEFAULT_FOLDER)
    (DEFAULT_FOLDER / "definitions").mkdir()
    planted = sorted(path.name for path in DEFAULT_FOLDER.iterdir())
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    monkeypatch.setenv("SUDO_UID", str(owner + 2))

    def started(state: Path) -> None:
        with lifecycle.starting(state):
            pass

    for use in (StateFolder.open, lifecycle.running, lifecycle.require, lifecycle.stop, started):
        with pytest.raises(LocalServiceError, match="belongs to another user") as caught:
            use(DEFAULT_FOLDER)
        assert f"--state {tmp_path / DEFAULT_FOLDER}" in caught.value.hint
    assert Where().definitions is None
    assert sorted(path.name for path in DEFAULT_FOLDER.iterdir()) == planted
    assert lifecycle.running(tmp_path / DEFAULT_FOLDER) is None
    assert StateFolder.open(tmp_path / DEFAULT_FOLDER).root == tmp_path / DEFAULT_FOLDER
    assert Where(state=tmp_path / DEFAULT_FOLDER).definitions is not None


def test_sudo_uses_the_folder_of_who_called_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    DEFAULT_FOLDER.mkdir()
    owner = DEFAULT_FOLDER.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "lstat", lambda path: SimpleNamespace(st_uid=owner + 4242))
    assert is_foreign(DEFAULT_FOLDER)
    monkeypatch.setenv("SUDO_UID", str(owner + 4242))
    assert is_foreign(DEFAULT_FOLDER) == (owner != 0)


def test_who_only_looks_whether_a_service_runs_keeps_none_from_starting(state: Path) -> None:
    folder = StateFolder.open(state)
    with folder.lock.open("a") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        threading.Timer(0.02, fcntl.flock, (looking, fcntl.LOCK_UN)).start()
        with locks.owning(folder):
            assert locks.holder(folder) == os.getpid()
            with pytest.raises(locks.Held), locks.owning(folder):
                pass


@pytest.mark.long
def test_nohup_keeps_it_when_the_terminal_goes(state: Path) -> None:
    command = ["nohup", sys.executable, "-m", "pipeline.local", "--state", state]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        assert lifecycle.running(state) is not None
        process.terminate()
        assert process.wait(PATIENCE) == 0


@pytest.mark.long
def test_a_folder_in_use_says_by_whom_and_what_to_do(state: Path) -> None:
    lifecycle.start(state, detach=True, out=io.StringIO())
    found = lifecycle.require(state)
    with pytest.raises(LocalServiceError, match=f"already running on the state folder .* at {found.address}") as caught:
        lifecycle.start(state, detach=True, out=io.StringIO())
    assert "pipeline local stop" in caught.value.hint


def test_a_taken_port_is_one_line_with_a_remedy(state: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        with pytest.raises(LocalServiceError, match=r"port \d+ is taken by another program") as caught:
            lifecycle.start(state, port=other.getsockname()[1], detach=True, out=io.StringIO())
    assert "--port" in caught.value.hint


@pytest.mark.long
def test_a_fixed_port_is_used_again_at_once(state: Path) -> None:
    with lifecycle.starting(state) as service:
        found = service()
        port = int(found.address.rpartition(":")[2])
    for _ in range(2):
        lifecycle.start(state, port=port, detach=True, out=io.StringIO())
        assert lifecycle.require(state).address == f"http://127.0.0.1:{port}"
        lifecycle.stop(state)


def test_a_damaged_database_is_one_line_with_a_remedy(state: Path) -> None:
    with local_service(state.parent):
        pass
    (state / "state.db").write_bytes(b"no database" * 1000)
    with pytest.raises(LocalServiceError, match="cannot be used: file is not a database") as caught:
        lifecycle.start(state, detach=True, out=io.StringIO())
    assert "--state" in caught.value.hint


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("", "it cannot be written"),
        pytest.param("state.db", "its state.db cannot be written", marks=pytest.mark.long),
        pytest.param("lock", "its lock cannot be written", marks=pytest.mark.long),
        pytest.param("s3", "its s3 cannot be written", marks=pytest.mark.long),
        pytest.param("version", "Permission denied", marks=pytest.mark.long),
    ],
)
def test_a_state_folder_that_cannot_be_written_is_one_line_with_a_remedy(state: Path, part: str, words: str) -> None:
    with local_service(state.parent):
        pass
    (state / "lock").touch()  # a service of a process of its own leaves it
    (state / part).chmod(0o000 if part == "version" else 0o555)
    done = subprocess.run(
        [*_without_privileges(), sys.executable, "-m", "pipeline.local", "--state", str(state)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    (state / part).chmod(0o755)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"error: the state folder {state} cannot be used: {words}",
        "hint: name another folder with --state",
    ]


_BEGIN = """
import sys, time
from pathlib import Path
from pipeline.local.state_folder import StateFolder

folder, start = Path(sys.argv[1]), float(sys.argv[2])
for number in range(int(sys.argv[3])):
    while time.time() < start + number / 100:
        pass
    StateFolder.open(folder / str(number)).lock.touch()
"""


def test_services_that_begin_a_folder_at_the_same_moment_find_no_fault_with_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _BEGIN, str(tmp_path), str(time.time() + 1), str(length(20, 100))]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate(timeout=PATIENCE)[1] for process in running] == ["", "", ""]
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"lock", "version"}


_WITHOUT_CAPABILITIES = """
import ctypes, os, sys
for capability in range(64):
    ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP: what is started now cannot have it
os.execv(sys.argv[1], sys.argv[1:])
"""


def _without_privileges() -> list[str]:
    """What makes a command obey the modes of files, which root does not."""
    return [sys.executable, "-c", _WITHOUT_CAPABILITIES] if os.geteuid() == 0 else []


@pytest.mark.long
def test_another_region_than_the_folders_is_refused(state: Path) -> None:
    lifecycle.start(state, detach=True, region="eu-west-1", account="210987654321", out=io.StringIO())
    found = lifecycle.require(state)
    assert (found.identity.region, found.identity.account) == ("eu-west-1", "210987654321")
    lifecycle.stop(state)
    with pytest.raises(LocalServiceError, match="was made for account 210987654321 in eu-west-1"):
        lifecycle.start(state, detach=True, region="us-east-1", out=io.StringIO())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"region": "Europe"}, "'Europe' is not a region"),
        ({"account": "12"}, "'12' is not an account"),
        pytest.param({"port": 70000}, "70000 is not a port", marks=pytest.mark.long),
        pytest.param({"faults": ["thirst=1"]}, "no fault reads 'thirst=1'", marks=pytest.mark.long),
    ],
)
def test_bad_arguments_are_refused_by_name(state: Path, arguments: dict[str, object], words: str) -> None:
    with pytest.raises((UsageError, LocalServiceError), match=words):
        lifecycle.start(state, detach=True, out=io.StringIO(), **arguments)  # type: ignore[arg-type]


@pytest.mark.long
def test_a_dead_service_and_a_stranger_at_its_address_are_not_taken_for_it(state: Path) -> None:
    lifecycle.start(state, detach=True, out=io.StringIO())
    found = lifecycle.require(state)
    server = (state / "server.json").read_text()
    os.kill(found.pid, signal.SIGKILL)
    until(lambda: lifecycle.running(state) is None)
    # Another process has the pid, another service the address: its key tells.
    with lifecycle.starting(state.with_name("other")) as service:
        other = service()
        (state / "server.json").write_text(json.dumps({**json.loads(server), "url": other.address, "pid": other.pid}))
        assert lifecycle.running(state) is None
    with lifecycle.starting(state) as service:
        again = service()
        assert again.identity == found.identity


def test_exports_are_lines_that_a_shell_evaluates(state: Path) -> None:
    identity = Identity("AKIA", "it's secret", "123456789012", "us-east-1")
    found = lifecycle.RunningService("http://127.0.0.1:1", 1, 0.0, state, identity, 7)
    state.mkdir()
    given = {"PATH": os.environ["PATH"], "AWS_PROFILE": "prod", "AWS_SESSION_TOKEN": "x", "AWS_ENDPOINT_URL_POLLY": "x"}
    shell = f"{lifecycle.exports(found, given)}\nenv"
    printed = subprocess.run(["sh", "-c", shell], env=given, capture_output=True, text=True)
    values = dict(line.partition("=")[::2] for line in printed.stdout.splitlines())
    assert values["AWS_SECRET_ACCESS_KEY"] == "it's secret"
    assert values["AWS_ENDPOINT_URL"] == found.address
    assert values["HTTPS_PROXY"].endswith("@127.0.0.1:7")
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_POLLY"} & set(values)


def test_the_users_credentials_are_never_opened_nor_kept(tmp_path: Path, state: Path) -> None:
    """An audit hook in the service's process writes down each file it opens and each address it connects to."""
    home = tmp_path / "home"
    (home / ".aws").mkdir(parents=True)
    for name in ("credentials", "config"):
        (home / ".aws" / name).write_text("[default]\naws_access_key_id = AKIAREALREALREALREAL\n")
    (home / ".boto").write_text("[Credentials]\naws_access_key_id = AKIAREALREALREALREAL\n")
    seen = tmp_path / "seen"
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import sys\n"
        f"log = open({str(seen)!r}, 'a', buffering=1)\n"
        "def hook(event, arguments):\n"
        "    if event in ('open', 'socket.connect', 'socket.getaddrinfo'):\n"
        "        log.write(f'{event} {arguments!r}\\n')\n"
        "sys.addaudithook(hook)\n"
    )
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "HOME": str(home),
        "PYTHONPATH": str(site),
        "AWS_PROFILE": "prod",
        "AWS_ACCESS_KEY_ID": "AKIAREALREALREALREAL",
        "AWS_SECRET_ACCESS_KEY": "real",
        "AWS_SHARED_CREDENTIALS_FILE": str(home / ".aws" / "credentials"),
        "AWS_CONFIG_FILE": str(home / ".aws" / "config"),
        "HTTPS_PROXY": "http://proxy.example:3128",
    }
    command = [sys.executable, "-m", "pipeline.local", "--state", str(state)]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = lifecycle.require(state)
        for name in ("sts", "iam", "logs", "s3", "sagemaker"):
            client = boto_client_of(found, name)
            operation = {"sts": "get_caller_identity", "iam": "list_roles", "logs": "describe_log_groups",
                         "s3": "list_buckets", "sagemaker": "list_models"}[name]  # fmt: skip
            getattr(client, operation)()
        held = Path(f"/proc/{process.pid}/environ")
        assert held.exists()
        process.terminate()
        process.communicate()
    text = seen.read_text()
    assert "open" in text
    assert str(home) not in text
    assert "AKIAREAL" not in text
    addresses = [line for line in text.splitlines() if line.startswith("socket.")]
    assert all("127.0.0.1" in line for line in addresses), addresses

"""What is set wrongly is a sentence at start, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from connie_portal.database import database_settings
from connie_portal.env import EnvironmentProblem, env_hosts, env_web_address

ROOT = Path(__file__).resolve().parents[1]
KEYS = {"CONNIE_SECRET_KEY": "x" * 50, "CONNIE_ENCRYPTION_KEYS": "y", "CONNIE_INDEX_KEY": "z"}


def manage(tmp_path: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    base = {"PATH": os.environ["PATH"], "CONNIE_DATA_DIR": str(tmp_path)}
    process = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**base, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return process.returncode, process.stderr


@pytest.mark.parametrize("missing", list(KEYS))
def test_a_missing_key_is_named(tmp_path: Path, missing: str) -> None:
    code, said = manage(tmp_path, "check", **{name: value for name, value in KEYS.items() if name != missing})
    assert code == 1
    assert said.startswith(f"{missing} is not set.")
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("CONNIE_DATABASE_URL", "mysql://a:b@h:99999/x", "port"),
        ("CONNIE_DATABASE_URL", "oracle://a@h/x", "mysql://"),
        ("CONNIE_DATABASE_URL", "mysql:///x", "needs a host"),
        ("CONNIE_EMAIL_URL", "smtp://h:99999", "CONNIE_EMAIL_URL must look like"),
        ("CONNIE_LOG_LEVEL", "loud", "CONNIE_LOG_LEVEL must be one of"),
        ("CONNIE_ALLOW_PRIVATE", "perhaps", "CONNIE_ALLOW_PRIVATE must be 1 or 0"),
        ("CONNIE_PORT", "eighty", "CONNIE_PORT must be a whole number"),
        ("CONNIE_SANDBOX_PORT", "70000", "CONNIE_SANDBOX_PORT must be a whole number from 1 to 65535"),
        ("CONNIE_DATABASE_URL", "mysql://[::1/x", "names a host or a port that cannot be"),
        ("CONNIE_REDIS_URL", "nonsense", "must look like redis://"),
        ("CONNIE_REDIS_URL", "redis://h:99999/0", "must look like redis://"),
        ("CONNIE_ALLOWED_HOSTS", "a b", "must be host names or addresses"),
        ("CONNIE_PUBLIC_URL", "https://[::zz]", "must look like https://"),
        ("CONNIE_PUBLIC_URL", "portal.example.org", "CONNIE_PUBLIC_URL must look like https://portal.example.org"),
        ("CONNIE_PUBLIC_URL", "https://", "CONNIE_PUBLIC_URL must look like"),
        ("CONNIE_PUBLIC_URL", "https://portal.example.org/connie", "without a path"),
        ("CONNIE_PUBLIC_URL", "http://[::1", "CONNIE_PUBLIC_URL must look like"),
        ("CONNIE_PUBLIC_URL", "https://me:s3cret@portal.example.org", "without a path, a name or a password."),
        ("CONNIE_TWILIO_EVENTS_URL", "http://events.example.com", "CONNIE_TWILIO_EVENTS_URL must begin with https://"),
        ("CONNIE_TWILIO_TASKROUTER_URL", "events.example.com", "CONNIE_TWILIO_TASKROUTER_URL must look like"),
        ("CONNIE_PUBLIC_URL", "https://portal..example.org", "CONNIE_PUBLIC_URL must look like"),
        ("CONNIE_PUBLIC_URL", "https://[fe80::1%eth0]", "CONNIE_PUBLIC_URL must look like"),
        ("CONNIE_DATA_DIR", "/dev/null/connie", "CONNIE_DATA_DIR: the directory /dev/null/connie cannot be made"),
        ("CONNIE_ENCRYPTION_KEYS", " , ", "CONNIE_ENCRYPTION_KEYS is not set"),
        ("CONNIE_SECRET_KEY_FILE", "/no/such/file", "CONNIE_SECRET_KEY_FILE names a file that cannot be read"),
    ],
)
def test_a_wrong_value_is_a_sentence(tmp_path: Path, name: str, value: str, says: str) -> None:
    keys = {key: text for key, text in KEYS.items() if key != name.removesuffix("_FILE")}
    code, said = manage(tmp_path, "check", **{**keys, name: value})
    assert code == 1
    assert says in said
    assert "Traceback" not in said
    assert "s3cret" not in said


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("https://Portal.Example.org:443/", "https://portal.example.org"),
        ("http://portal.example.org:8000", "http://portal.example.org:8000"),
        ("https://[2001:DB8:0:0:0:0:0:1]", "https://[2001:db8::1]"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
        ("https://münchen.example", "https://xn--mnchen-3ya.example"),
        ("https://straße.example", "https://xn--strae-oqa.example"),
        ("https://Portal.example.org.", "https://portal.example.org"),
    ],
)
def test_the_public_address_is_the_one_that_browsers_send(monkeypatch: pytest.MonkeyPatch, written: str, sent: str) -> None:
    monkeypatch.setenv("CONNIE_PUBLIC_URL", written)
    assert env_web_address("CONNIE_PUBLIC_URL") == sent
    monkeypatch.setenv("CONNIE_ALLOWED_HOSTS", "Bücher.example, ::1, .Example.org, *")
    assert env_hosts("CONNIE_ALLOWED_HOSTS", "") == ["xn--bcher-kva.example", "[::1]", ".example.org", "*"]


@pytest.mark.parametrize(
    "foreign",
    [
        {"DJANGO_SETTINGS_MODULE": "shop.settings"},
        {"PYTHONSAFEPATH": "1"},
        {"PYTHONPATH": "FOREIGN"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"PIP_USER": "1", "VIRTUAL_ENV": "/no/such"},
    ],
    ids=lambda foreign: "+".join(foreign),
)
def test_what_a_shell_holds_for_other_programs_changes_nothing(tmp_path: Path, foreign: dict[str, str]) -> None:
    for name in ("django", "integrations", "structlog"):
        (tmp_path / "theirs" / name).mkdir(parents=True)
        (tmp_path / "theirs" / name / "__init__.py").write_text("raise SystemExit('the wrong one')")
    more = {name: str(tmp_path / "theirs") if value == "FOREIGN" else value for name, value in foreign.items()}
    environment = {"PATH": os.environ["PATH"], "CONNIE_DATA_DIR": str(tmp_path / "data"), **KEYS, **more}
    code = "print('Jos\\u00e9 \\u2192 \\u00fc', settings.ROOT_URLCONF)"
    # From elsewhere, as a timer would run it.
    for arguments in (
        ["migrate", "--verbosity", "0"],
        ["shell", "--no-imports", "-c", f"from django.conf import settings; {code}"],
    ):
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode("utf-8") == "José → ü connie_portal.urls\n"


def test_a_terminal_of_fewer_letters_gets_a_question_mark(tmp_path: Path) -> None:
    near, far = os.openpty()
    environment = {"PATH": os.environ["PATH"], "CONNIE_DATA_DIR": str(tmp_path), "PYTHONIOENCODING": "latin-1", **KEYS}
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", "print('\\u00fc \\u2192 x')"]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=far, stderr=subprocess.PIPE, check=False)
    os.close(far)
    assert (done.returncode, os.read(near, 100).strip()) == (0, "ü ? x".encode("latin-1"))
    os.close(near)


def test_a_server_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    code, said = manage(tmp_path, "audit", "verify", "riverside", **KEYS, CONNIE_DATABASE_URL="mysql://a:b@127.0.0.1:1/x")
    assert code == 1
    assert said.startswith("The portal's database cannot be used")


def test_a_missing_driver_is_a_sentence_that_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connie_portal.database.find_spec", lambda _name: None)
    with pytest.raises(EnvironmentProblem, match=r"scripts/bootstrap\.sh mysql"):
        database_settings("mysql://connie@db/connie", tmp_path)


def test_a_file_that_is_no_database_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear Sir or Madam, " * 100)
    code, said = manage(tmp_path, "migrate", **KEYS, CONNIE_DATABASE_URL="sqlite:///letter.txt")
    assert code == 1
    assert said.startswith("The portal's database cannot be used (file is not a database)")


def test_a_database_that_is_not_set_up_says_which_command_does_it(tmp_path: Path) -> None:
    code, said = manage(tmp_path, "audit", "verify", "riverside", **KEYS)
    assert code == 1
    assert said.strip().endswith("Run: manage.py migrate")

"""A backup while the portal runs, and a restore after it was killed: with a real server, on files."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command

from tests.servers import free_port
from tests.test_environment import KEYS, ROOT
from tests.test_serve_several import ask, eventually, look_up, ready

OAK = """
[[organization]]
slug = "oak"
name = "Oak"

[[organization.api_key]]
name = "studio"
key = "env:OAK_KEY"
tier = "basic"
scopes = ["lookup"]
"""
KEY = "connie_a-key-that-is-long-enough-to-be-one"


class Portal:
    """A portal on SQLite in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder / "data", free_port()
        self.database = self.folder / "connie.sqlite3"
        self.environment = {
            "PATH": os.environ["PATH"],
            "CONNIE_DATA_DIR": str(self.folder),
            "CONNIE_PORT": str(self.port),
            "CONNIE_LOG_LEVEL": "ERROR",
            "OAK_KEY": KEY,
            **KEYS,
        }

    def manage(self, *arguments: str) -> tuple[int, str]:
        """The exit code, and both outputs."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        return done.returncode, done.stdout

    @contextmanager
    def serving(self) -> Iterator[subprocess.Popen[bytes]]:
        command = [sys.executable, "manage.py", "serve"]
        process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=subprocess.DEVNULL)
        try:
            eventually(lambda: ready(self.port), "the portal did not start")
            yield process
        finally:
            process.kill()
            process.wait()

    def entries(self) -> int:
        code, said = self.manage("audit", "verify", "oak")
        assert code == 0, said
        return int(said.split()[1])


@pytest.fixture
def portal(tmp_path: Path) -> Portal:
    made = Portal(tmp_path)
    assert made.manage("migrate", "--verbosity", "0") == (0, "")
    (tmp_path / "oak.toml").write_text(OAK)
    code, said = made.manage("config", "import", str(tmp_path / "oak.toml"), "--yes")
    assert code == 0, said
    return made


def test_what_was_copied_while_the_portal_ran_is_back_after_it_was_killed(portal: Portal, tmp_path: Path) -> None:
    copied = tmp_path / "copy.sqlite3"
    with portal.serving() as process:
        assert look_up(portal.port, KEY, 5) == [200] * 5
        code, said = portal.manage("backup", str(copied))
        assert (code, f"Copied to {copied} and verified" in said) == (0, True), said
        assert look_up(portal.port, KEY, 20) == [200] * 20
        code, said = portal.manage("restore", str(copied))
        assert (code, "The portal is running with this database. Stop it first" in said) == (2, True)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert Path(f"{portal.database}-wal").stat().st_size > 0  # what destroyed a copy that was put in by hand
    code, said = portal.manage("restore", str(copied))
    assert (code, "oak: ok 6 entries" in said) == (0, True), said
    assert not any(Path(f"{portal.database}{ending}").exists() for ending in ("-wal", "-shm", "-journal"))
    assert portal.entries() == 6
    with portal.serving():
        assert look_up(portal.port, KEY) == [200]
    assert portal.entries() == 7
    assert {stat.S_IMODE(path.stat().st_mode) for path in (copied, portal.database)} == {0o600}
    # What was there is still to be had: all of it, its log included.
    with closing(sqlite3.connect(f"{portal.database}.replaced")) as before:
        assert before.execute("SELECT COUNT(*) FROM integrations_accessentry WHERE event = 'lookup'").fetchone() == (25,)


def test_a_start_with_a_torn_file_is_refused_in_a_sentence(portal: Portal) -> None:
    with open(portal.database, "r+b") as file:
        file.seek(4096 * 3)
        file.write(os.urandom(4096 * 20))
    for arguments in (("serve",), ("audit", "verify", "oak")):
        code, said = portal.manage(*arguments)
        assert (code != 0, "is damaged" in said, "manage.py restore FILE" in said) == (True, True, True), said
        assert "Traceback" not in said


def test_one_sqlite_file_is_used_by_one_portal(portal: Portal) -> None:
    with portal.serving():
        portal.environment["CONNIE_PORT"] = str(free_port())
        code, said = portal.manage("serve")
        assert (code, "Another portal is running with this database" in said) == (1, True)


def test_a_copy_that_was_made_by_hand_brings_its_log_along(portal: Portal, tmp_path: Path) -> None:
    with portal.serving() as process:
        look_up(portal.port, KEY, 3)
        process.kill()
        process.wait()
    for ending in ("", "-wal"):
        shutil.copy(f"{portal.database}{ending}", f"{tmp_path}/by-hand.sqlite3{ending}")
    shutil.rmtree(portal.folder)
    code, said = portal.manage("restore", str(tmp_path / "by-hand.sqlite3"))
    assert (code, "oak: ok 4 entries" in said) == (0, True), said


@pytest.mark.parametrize("what", ["nothing", "text", "another database", "half", "torn", "later", "itself"])
def test_what_is_no_whole_copy_is_refused_and_nothing_is_changed(portal: Portal, tmp_path: Path, what: str) -> None:
    bad = tmp_path / "bad.sqlite3"
    if what == "text":
        bad.write_text("SQL dump\n" * 1_000)
    elif what == "another database":
        with closing(sqlite3.connect(bad)) as other:
            other.execute("CREATE TABLE t (a)")
    elif what != "nothing":
        assert portal.manage("backup", str(bad))[0] == 0
    if what == "half":
        os.truncate(bad, bad.stat().st_size // 2)
    elif what == "torn":
        with open(bad, "r+b") as file:
            file.seek(4096 * 3)
            file.write(os.urandom(4096 * 20))
    elif what == "later":
        with closing(sqlite3.connect(bad)) as later:
            later.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('integrations', '9999_next', '')")
            later.commit()
    elif what == "itself":
        bad = portal.database
    before = portal.database.read_bytes()
    code, said = portal.manage("restore", str(bad))
    assert (code, "Traceback" in said) == (1, False), said
    assert said.strip().endswith((".", "FILE"))
    assert portal.database.read_bytes() == before
    assert sorted(path.name for path in portal.folder.iterdir() if path.name.startswith(".")) == []
    assert not Path(f"{portal.database}.replaced").exists()


def test_a_backup_is_whole_or_not_there(portal: Portal, tmp_path: Path) -> None:
    code, said = portal.manage("backup", str(tmp_path / "no" / "such" / "folder"))
    assert (code, "No such file or directory" in said, "Traceback" in said) == (1, True, False)
    code, said = portal.manage("backup", str(portal.database))
    assert (code, "is the database itself" in said) == (1, True)
    copied = tmp_path / "copy.sqlite3"
    copied.write_text("yesterday's")
    copied.chmod(0o644)
    assert portal.manage("backup", str(copied))[0] == 0
    assert (copied.read_bytes()[:15], stat.S_IMODE(copied.stat().st_mode)) == (b"SQLite format 3", 0o600)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.sqlite3", "data", "oak.toml"]


def test_an_earlier_versions_copy_says_what_is_to_be_done(portal: Portal, tmp_path: Path) -> None:
    copied = tmp_path / "copy.sqlite3"
    portal.manage("backup", str(copied))
    with closing(sqlite3.connect(copied)) as earlier:
        earlier.execute(
            "DELETE FROM django_migrations WHERE id = (SELECT MAX(id) FROM django_migrations WHERE app = 'integrations')"
        )
        earlier.commit()
    code, said = portal.manage("restore", str(copied))
    assert (code, "Run manage.py migrate, and then manage.py audit verify ORG" in said) == (0, True), said


def test_a_trail_that_is_not_whole_is_told_of(portal: Portal, tmp_path: Path) -> None:
    copied = tmp_path / "copy.sqlite3"
    portal.manage("backup", str(copied))
    with closing(sqlite3.connect(copied)) as changed:
        changed.execute("UPDATE integrations_accessentry SET actor_label = 'somebody else'")
        changed.commit()
    code, said = portal.manage("restore", str(copied))
    assert (code, "oak: entry 1:" in said, "is not whole" in said) == (1, True, True), said


@pytest.mark.parametrize(("command", "line"), [("backup", "mariadb-dump --single-transaction"), ("restore", "mariadb")])
def test_for_a_mariadb_the_line_to_run_is_printed(
    command: str, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    facts = {"NAME": "connie", "HOST": "db.example", "PORT": 3306, "USER": "connie", "PASSWORD": "s3cret"}
    server: Any = SimpleNamespace(vendor="mysql", settings_dict=facts)
    monkeypatch.setattr(f"integrations.management.commands.{command}.connection", server)
    call_command(command, str(tmp_path / "a file.sql"))
    said = capsys.readouterr()
    sign = ">" if command == "backup" else "<"
    assert said.out == (
        f"{line} --host=db.example --port=3306 --user=connie --password connie {sign} '{tmp_path}/a file.sql'\n"
    )
    assert "s3cret" not in said.out + said.err
    assert not (tmp_path / "a file.sql").exists()


def test_the_portal_answers_while_it_is_copied(portal: Portal, tmp_path: Path) -> None:
    with portal.serving():
        command = [sys.executable, "manage.py", "backup", str(tmp_path / "copy.sqlite3")]
        copying = subprocess.Popen(command, cwd=ROOT, env=portal.environment, stdout=subprocess.DEVNULL)
        statuses = []
        while copying.poll() is None:
            statuses += look_up(portal.port, KEY)
        assert copying.returncode == 0
        assert set(statuses) == {200}
        assert ask(portal.port, "GET", "/readyz") == 200

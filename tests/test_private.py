"""The portal's files are their owner's alone, whatever was there before and whatever the umask."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from connie_portal.private import make_private
from tests.test_environment import KEYS, ROOT


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def manage(data_dir: Path, *arguments: str, umask: int = 0o022, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "CONNIE_DATA_DIR": str(data_dir), **KEYS, **more}
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    return subprocess.run(command, env=environment, umask=umask, capture_output=True, text=True, check=False)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder as an operator makes it who thinks of nothing."""
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o755)
    return folder


def test_a_data_directory_that_others_may_read_is_closed_and_told_of(shared: Path) -> None:
    first = manage(shared, "migrate", "--verbosity", "0", umask=0)
    assert first.returncode == 0, first.stderr
    assert f"The data directory {shared} was open to others (755)." in first.stderr
    assert mode(shared) == 0o700
    assert {path.name: oct(mode(path)) for path in shared.iterdir() if mode(path) & 0o077} == {}
    assert manage(shared, "migrate", "--verbosity", "0").stderr == ""


@pytest.mark.parametrize("umask", [0, 0o022, 0o027])
def test_what_is_made_is_for_the_owner_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    folder = tmp_path / "new" / "data"
    assert manage(folder, "migrate", "--verbosity", "0", umask=umask).returncode == 0
    made = [folder, *folder.rglob("*")]
    assert [path.name for path in made if mode(path) & 0o077] == []
    assert "connie.sqlite3" in {path.name for path in made}


def test_what_was_there_is_closed_as_well(shared: Path) -> None:
    (shared / "mail").mkdir()
    names = [
        "connie.sqlite3",
        "connie.sqlite3-wal",
        "connie.sqlite3-shm",
        "queue.sqlite3",
        "demo.json",
        "demo.env",
        "mail/1.log",
    ]
    for name in names:
        (shared / name).touch()
        (shared / name).chmod(0o644)
    said = make_private(shared)
    assert [oct(mode(shared / name)) for name in names] == [oct(0o600)] * len(names)
    assert mode(shared / "mail") == 0o700
    assert len(said) == 2
    assert "7 file(s) of the portal could be read by others" in said[1]
    assert make_private(shared) == []


def test_a_database_elsewhere_is_closed_as_well(tmp_path: Path) -> None:
    elsewhere = tmp_path / "else.sqlite3"
    elsewhere.touch()
    elsewhere.chmod(0o644)
    done = manage(tmp_path / "data", "migrate", "--verbosity", "0", CONNIE_DATABASE_URL=f"sqlite:///{elsewhere}")
    assert done.returncode == 0, done.stderr
    assert (mode(elsewhere), "1 file(s) of the portal could be read by others" in done.stderr) == (0o600, True)


@pytest.mark.parametrize("what", ["sticky", "shared with others"])
def test_a_folder_that_is_not_the_portals_own_is_told_of_and_left(shared: Path, what: str) -> None:
    if what == "sticky":
        shared.chmod(0o1777)
    else:
        (shared / "somebody").mkdir()
    before = mode(shared)
    (said,) = make_private(shared)
    assert "Run chmod 700 on it, or set CONNIE_DATA_DIR to a folder of its own." in said
    assert mode(shared) == before


def test_a_link_is_not_followed(shared: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.touch()
    theirs.chmod(0o644)
    (shared / "demo.json").symlink_to(theirs)
    make_private(shared)
    assert mode(theirs) == 0o644

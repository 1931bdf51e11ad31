"""Private servers for the tests, on free ports of this machine. A missing one is a failure that says what to install."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pymysql
import redis

INSTALL = "apt-get install -y --no-install-recommends mariadb-server-core mariadb-client-core redis-server"
START_S = 30
USER, PASSWORD = "connie", "connie-test-password"


class MissingServer(Exception):
    """``str()`` is the line that installs it."""


@dataclass
class MariaDb:
    """A running server; its user may do everything. One that this process started can be stopped and started again."""

    port: int
    host: str = "127.0.0.1"
    command: tuple[str, ...] = ()
    socket: Path = Path()
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it is ready to answer."""
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START_S
        # The server makes its socket once it is ready.
        while not self.socket.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("MariaDB did not start.")
            time.sleep(0.05)

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(20)

    def url(self, database: str, user: str = USER) -> str:
        """The address as a connector's ``url`` option."""
        return f"mysql://{user}@{self.host}:{self.port}/{database}"

    @property
    def django_url(self) -> str:
        """The address as CONNIE_DATABASE_URL."""
        return f"mysql://{USER}:{PASSWORD}@{self.host}:{self.port}/connie"

    def run(self, *statements: str, database: str | None = None) -> list[tuple[object, ...]]:
        """Execute statements as the user who may do everything; returns the last one's rows."""
        connection = pymysql.connect(
            host=self.host, port=self.port, user=USER, password=PASSWORD, database=database, autocommit=True
        )
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return list(cursor.fetchall())
        finally:
            connection.close()


@dataclass(frozen=True)
class PostgreSql:
    """A running server; its user may do everything."""

    port: int

    def url(self, database: str) -> str:
        """The address as a connector's ``url`` option."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def run(self, *statements: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Execute statements; returns the last one's rows."""
        facts = {"host": "127.0.0.1", "port": self.port, "user": USER, "password": PASSWORD, "dbname": database}
        with import_module("psycopg").connect(**facts, autocommit=True) as connection:
            for statement in statements:
                found = connection.execute(statement)
            return list(found.fetchall()) if found.description else []

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + START_S
        while True:
            try:
                self.run("SELECT 1")
                return
            except import_module("psycopg").OperationalError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("PostgreSQL did not start.") from None
                time.sleep(0.05)


@dataclass(frozen=True)
class RedisServer:
    """A running server without a password."""

    port: int

    @property
    def url(self) -> str:
        """The address as CONNIE_REDIS_URL."""
        return f"redis://127.0.0.1:{self.port}/0"

    def stop(self) -> None:
        """Stop it before its time, as a failure would."""
        with redis.Redis(port=self.port) as client:
            client.shutdown(nosave=True)

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + START_S
        while True:
            try:
                with redis.Redis(port=self.port) as client:
                    client.ping()
                return
            except redis.ConnectionError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("Redis did not start.") from None
                time.sleep(0.05)


def binary(name: str) -> str:
    """The path of a program. Raises MissingServer."""
    if found := shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"):
        return found
    raise MissingServer(f"{name} is missing. Install it: {INSTALL}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def mariadb(*more: str) -> Iterator[MariaDb]:
    """A fresh server that trades durability for speed, stopped and removed afterwards. ``more`` are options of its own."""
    install, server = binary("mariadb-install-db"), binary("mariadbd")
    folder = Path(tempfile.mkdtemp(prefix="connie-mariadb-"))
    as_root = ["--user=root"] if os.geteuid() == 0 else []
    try:
        authentication = "--auth-root-authentication-method=normal"
        # Temporary tables of two servers that share a folder get into each other's way.
        own = f"--tmpdir={folder}"
        command = [install, "--no-defaults", f"--datadir={folder}/data", own, authentication, "--skip-test-db", *as_root]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            raise RuntimeError(f"MariaDB's data directory could not be made: {made.stderr[-500:]}")
        port = free_port()
        options = [
            f"--datadir={folder}/data", own, f"--socket={folder}/s.sock", f"--pid-file={folder}/pid", f"--port={port}",
            "--bind-address=127.0.0.1", "--skip-log-bin", "--skip-name-resolve", "--performance-schema=OFF",
            "--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--innodb-buffer-pool-size=128M",
            "--character-set-server=utf8mb4",
        ]  # fmt: skip
        found = MariaDb(port, command=(server, "--no-defaults", *as_root, *options, *more), socket=folder / "s.sock")
        found.start()
        try:
            _set_up(found.socket)
            yield found
        finally:
            found.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgresql() -> Iterator[PostgreSql]:
    """A fresh server that asks for a password, stopped and removed afterwards. Raises MissingServer."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    programs = installed[-1] if installed else Path(binary("initdb")).parent
    # It does not run as root.
    owner: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="connie-postgresql-"))
    try:
        (folder / "password").write_text(PASSWORD)
        for path in (folder, folder / "password") if owner else ():
            shutil.chown(path, "postgres", "postgres")
        data = folder / "data"
        made = ["-D", str(data), "-U", USER, f"--pwfile={folder}/password", "--auth=scram-sha-256", "-N", "-E", "UTF8"]
        subprocess.run([str(programs / "initdb"), *made], check=True, capture_output=True, cwd=folder, **owner)
        found = PostgreSql(free_port())
        options = ["-h", "127.0.0.1", "-p", str(found.port), "-k", str(folder), "-F"]
        command = [str(programs / "postgres"), "-D", str(data), *options]
        process: subprocess.Popen[bytes] = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, **owner
        )
        try:
            found.wait(process)
            yield found
        finally:
            process.send_signal(signal.SIGINT)  # without waiting for those who are connected
            process.wait(20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def redis_server(port: int = 0) -> Iterator[RedisServer]:
    """A fresh one that keeps nothing on disk, on this port or a free one, stopped afterwards."""
    found = RedisServer(port or free_port())
    options = ["--port", str(found.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"]
    process = subprocess.Popen([binary("redis-server"), *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        found.wait(process)
        yield found
    finally:
        process.terminate()
        process.wait(20)


def _set_up(sock: Path) -> None:
    connection = pymysql.connect(unix_socket=str(sock), user="root", autocommit=True)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE USER '{USER}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
        cursor.execute(f"GRANT ALL ON *.* TO '{USER}'@'127.0.0.1' WITH GRANT OPTION")
        cursor.execute("CREATE DATABASE connie CHARACTER SET utf8mb4")
    connection.close()

"""A Redis that is ill: pages go on, nobody waits for it again and again, and what ails it is said."""

from __future__ import annotations

import http.client
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as client_library
from django.core.cache.backends.base import BaseCache
from pytest_django.fixtures import Settings

from connie_portal import health
from integrations.storage import redis as storage_redis
from integrations.storage.redis import Circuit, LeftAlone, circuit_of, pool_options
from tests.servers import RedisServer, binary, free_port
from tests.test_backup import KEY, Portal
from tests.test_environment import ROOT
from tests.test_serve_several import eventually, look_up


class Ill(RedisServer):
    """A server of the test's own that it may stop and make refuse."""

    process: subprocess.Popen[bytes]

    def make(self, illness: str) -> None:
        with client_library.Redis(port=self.port) as admin:
            if illness == "hangs":
                self.process.send_signal(signal.SIGSTOP)
            elif illness == "is gone":
                self.process.kill()
                self.process.wait()
            elif illness == "OOM":
                admin.config_set("maxmemory", "1")
            elif illness == "READONLY":
                admin.execute_command("REPLICAOF", "127.0.0.1", "1")
            elif illness == "MISCONF":
                Path(admin.config_get("dir")["dir"], "dump.rdb").mkdir()  # so that it cannot save
                admin.config_set("save", "1 1")
                admin.bgsave()
                eventually(lambda: admin.info("persistence")["rdb_last_bgsave_status"] == "err", "it could be saved")
            elif illness == "NOAUTH":
                admin.config_set("requirepass", "s3cret")


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Ill]:
    found = Ill(free_port())
    command = [binary("redis-server"), "--port", str(found.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    object.__setattr__(found, "process", process)
    found.wait(process)
    yield found
    process.kill()
    process.wait()


def cache_of(redis: RedisServer) -> BaseCache:
    from django_redis.cache import RedisCache

    cache: BaseCache = RedisCache(
        redis.url, {"OPTIONS": {"CONNECTION_POOL_KWARGS": pool_options(redis.url), "IGNORE_EXCEPTIONS": True}}
    )
    return cache


ILLNESSES = {
    "hangs": health.NO_REDIS,
    "is gone": health.NO_REDIS,
    "OOM": "its memory is full",
    "READONLY": "a replica that may only be read",
    "MISCONF": "it cannot save to its disk",
    "NOAUTH": "Check the name and the password in CONNIE_REDIS_URL",
}


@pytest.mark.parametrize("illness", ILLNESSES)
def test_what_ails_it_is_said_and_costs_what_was_cached_alone(redis: Ill, settings: Settings, illness: str) -> None:
    settings.REDIS_URL = redis.url
    assert health.redis_problem() == ""
    cache = cache_of(redis)
    redis.make(illness)
    assert ILLNESSES[illness] in health.redis_problem()
    cache.set("a", 1)
    assert cache.get("b") is None
    assert not cache.add("c", 1)


def test_a_server_that_hangs_is_left_alone_by_all_and_asked_again_later(redis: Ill, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, other = cache_of(redis), cache_of(redis)
    cache.set("a", 1)
    redis.make("hangs")
    asked: list[str] = []
    admit = Circuit.admit

    def noted(circuit: Circuit, who: object) -> None:
        admit(circuit, who)
        asked.append("asked")

    monkeypatch.setattr(Circuit, "admit", noted)
    for _time in range(20):
        cache.get("a")
        other.set("a", 2)
    # Each command passes a few times before it is sent; forty that waited would be far more.
    assert len(asked) < 12
    with pytest.raises(LeftAlone):
        admit(circuit_of(f"127.0.0.1:{redis.port}"), object())
    redis.process.send_signal(signal.SIGCONT)
    monkeypatch.setattr(storage_redis, "LEFT_ALONE_S", 0.0)
    circuit_of(f"127.0.0.1:{redis.port}")._closed_until = 0.001  # the pause is over
    eventually(lambda: cache.get("a") is not None, "it was not asked again")


def test_a_moment_without_an_answer_is_no_reason_to_leave_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(storage_redis.time, "monotonic", lambda: now)
    circuit, one, other = Circuit(), object(), object()
    for _one_of_many_at_once in range(50):
        circuit.failed()
    circuit.admit(other)
    now += 0.1
    circuit.answered()
    now += 10
    circuit.failed()
    circuit.admit(other)
    now += storage_redis.PATIENCE_S
    circuit.failed()
    with pytest.raises(LeftAlone):
        circuit.admit(other)
    now += storage_redis.LEFT_ALONE_S
    circuit.admit(one)  # finds out, with as many commands as it takes
    circuit.admit(one)
    with pytest.raises(LeftAlone):
        circuit.admit(other)  # does without meanwhile
    circuit.answered()
    circuit.admit(other)


@pytest.fixture
def portal(tmp_path: Path) -> Portal:
    from tests.test_backup import portal as made

    return made.__wrapped__(tmp_path)  # type: ignore[attr-defined,no-any-return]  # a fixture of that module


def said_by(portal: Portal, path: str, host: str = "127.0.0.1") -> tuple[int, str]:
    client = http.client.HTTPConnection("127.0.0.1", portal.port, timeout=30)
    try:
        client.request("GET", path, headers={"Host": host})
        answer = client.getresponse()
        return answer.status, answer.read().decode()
    finally:
        client.close()


def alive(portal: Portal) -> bool:
    try:
        return said_by(portal, "/livez")[0] == 200
    except OSError:
        return False


def test_the_portal_starts_without_it_says_so_and_answers(portal: Portal) -> None:
    portal.environment["CONNIE_REDIS_URL"] = f"redis://127.0.0.1:{free_port()}/0"
    command = [sys.executable, "manage.py", "serve"]
    process = subprocess.Popen(command, cwd=ROOT, env=portal.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr
    try:
        eventually(lambda: alive(portal), "the portal did not start")
        assert b"does not answer. The portal starts all the same" in process.stderr.readline()
        assert said_by(portal, "/readyz") == (503, f"{health.NO_REDIS}\n")
        assert look_up(portal.port, KEY, 2) == [200, 200]
        for host in ("10.1.2.3:8000", "[2001:db8::7]", "portal.invalid", "xn--mnchen-3ya.example", "?"):
            assert said_by(portal, "/livez", host) == (200, "ok\n"), host
            assert said_by(portal, "/readyz", host)[0] == 503, host
            assert said_by(portal, "/login/", host)[0] == 400, host
    finally:
        process.terminate()
        process.communicate(timeout=30)

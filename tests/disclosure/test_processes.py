"""The audit chain written by several processes at once, and by one that is killed while it writes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from integrations.disclosure import audit
from integrations.models import AccessEntry
from tests.factories import World

ROOT = Path(__file__).resolve().parents[2]


def database() -> dict[str, str]:
    """The place of this test's database, for another process."""
    facts = connection.settings_dict
    if connection.vendor == "sqlite":
        file = Path(str(facts["NAME"]))
        return {"CONNIE_DATA_DIR": str(file.parent), "CONNIE_DATABASE_URL": f"sqlite:///{file.name}"}
    login = f"{quote(facts['USER'])}:{quote(facts['PASSWORD'])}"
    url = f"mysql://{login}@{facts['HOST']}:{facts['PORT']}/{facts['NAME']}"
    return {"CONNIE_DATA_DIR": str(settings.DATA_DIR), "CONNIE_DATABASE_URL": url}


def environment() -> dict[str, str]:
    """The environment of another process of the portal on this test's database."""
    keys = {
        "CONNIE_SECRET_KEY": settings.SECRET_KEY,
        "CONNIE_ENCRYPTION_KEYS": ",".join(settings.ENCRYPTION_KEYS),
        "CONNIE_INDEX_KEY": settings.INDEX_KEY,
        "DJANGO_SETTINGS_MODULE": "connie_portal.settings",
    }
    return {"PATH": os.environ["PATH"], **keys, **database()}


def start(world: World, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.disclosure.writing_process", str(world.riverside.pk), str(count)]
    return subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True)


def test_two_processes_write_one_unbroken_chain(world: World) -> None:
    writers = [start(world, 100), start(world, 100)]
    outputs = [writer.communicate(timeout=60)[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0]
    assert [len(output.split()) for output in outputs] == [100, 100]
    assert audit.verify(world.riverside) == 200


def test_a_killed_process_acknowledged_nothing_without_its_entry(world: World) -> None:
    with start(world, 100_000) as writer:
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline()) for _line in range(40)]
        writer.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in writer.stdout.read().split("\n")[:-1]]
    on_record = {entry["n"] for entry in AccessEntry.objects.values_list("detail", flat=True)}
    assert set(acknowledged) <= on_record
    assert audit.verify(world.riverside) == len(on_record)
    audit.record_now(audit.Entry(organization_id=world.riverside.pk, event="lookup", actor_kind="operator"))
    assert audit.verify(world.riverside) == len(on_record) + 1

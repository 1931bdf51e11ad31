"""``lookup_caller`` and ``audit``, seen from outside."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.core.management import call_command

from integrations.disclosure import audit
from integrations.errors import AuditUnavailable
from integrations.lookup import LookupRequest, LookupResult, LookupStatus, SourceOutcome, SourceStatus
from integrations.management.commands import lookup_caller
from integrations.models import AccessEntry, Organization
from integrations.phone import Number, Withheld
from integrations.profile import CallerProfile, Match, Provenance, SourceRecord, Value
from tests.factories import World

NUMBER = "+14155550101"
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(*arguments, stdout=out, stderr=err)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def person(record_id: str, **fields: object) -> CallerProfile:
    record = SourceRecord(connector="crm", record_id=record_id, fields=fields, matched=(Match("phone", NUMBER),))
    provenance = Provenance(source="crm", fetched_at=NOW)
    return CallerProfile(
        fields={name: Value(value=value, provenance=provenance) for name, value in fields.items()}, records=(record,)
    )


ROSA = person("1", name="Rosa Díaz", email="rosa@mail.example", outstanding_balance={"amount_minor": 1250, "currency": "USD"})
Answer = Callable[..., None]


@pytest.fixture
def sources_answer(monkeypatch: pytest.MonkeyPatch) -> Answer:
    """What the sources are to answer."""

    def answer(status: LookupStatus, *people: CallerProfile, unreadable: tuple[str, ...] = ()) -> None:
        async def look_up(question: LookupRequest) -> LookupResult:
            if isinstance(question.caller_id, Withheld):
                return LookupResult(question.organization_id, question.caller_id, LookupStatus.WITHHELD, (), (), NOW)
            source = SourceOutcome("crm", "HubSpot", "hubspot", SourceStatus.FOUND, latency_ms=81.2, unreadable=unreadable)
            caller = Number(NUMBER, "US")
            return LookupResult(question.organization_id, caller, status, people, (source,), NOW)

        async def close_sources() -> None:
            """No source was opened."""

        monkeypatch.setattr(lookup_caller, "look_up", look_up)
        monkeypatch.setattr(lookup_caller, "close_sources", close_sources)

    return answer


def test_a_caller_is_shown_as_the_tier_may_see_them_and_put_on_record(world: World, sources_answer: Answer) -> None:
    sources_answer(LookupStatus.OK, ROSA)
    code, out, _ = run("lookup_caller", "riverside", NUMBER)
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    assert ["HubSpot", "found", "81"] in lines
    assert ["Name", "Rosa", "Díaz", "HubSpot", "0", "s"] in lines
    assert "r•••@mail.example" in out
    assert "hidden: reveal in the panel" in out
    assert "rosa@mail.example" not in out
    assert "12.50" not in out
    entry = AccessEntry.objects.get(event="lookup")
    assert (entry.actor_kind, entry.channel, entry.tier, bool(entry.actor_label)) == ("operator", "command", "basic", True)


def test_another_tier_sees_what_it_may(world: World, sources_answer: Answer) -> None:
    sources_answer(LookupStatus.OK, ROSA)
    _, out, _ = run("lookup_caller", "riverside", NUMBER, "--as-tier", "admin")
    assert "rosa@mail.example" in out
    assert "$12.50" in out


def test_values_are_written_as_the_panel_writes_them(world: World, sources_answer: Answer) -> None:
    world.riverside.timezone = "America/Los_Angeles"
    world.riverside.save()
    owed = [{"amount_minor": 4250, "currency": "JPY"}, {"amount_minor": 4250, "currency": "CHF"}]
    visit = {"id": "1", "start": "2026-12-01T17:30:00+00:00", "title": "Meals", "status": "no_show"}
    found = person("1", outstanding_balance=owed, appointments=[visit], vip_status=True, notes="one\nline")
    sources_answer(LookupStatus.OK, found)
    _, out, _ = run("lookup_caller", "riverside", NUMBER, "--as-tier", "admin")
    lines = {line.split("  ")[0]: " ".join(line.split()) for line in out.splitlines()}
    assert "¥4,250; 42.50 CHF" in lines["Outstanding balance"]
    assert "Dec 1, 2026, 9:30 a.m. · Meals · did not come" in lines["Appointments"]
    assert lines["VIP"].startswith("VIP Yes ")
    assert "one line" in lines["Notes"]


def test_what_could_not_be_read_is_told(world: World, sources_answer: Answer) -> None:
    sources_answer(LookupStatus.OK, ROSA, unreadable=("last_visit", "shoe_size"))
    _, out, _ = run("lookup_caller", "riverside", NUMBER)
    assert "HubSpot: could not be read and is left out: Last visit, shoe size." in out.splitlines()


def test_several_people_are_one_line_each(world: World, sources_answer: Answer) -> None:
    sources_answer(LookupStatus.AMBIGUOUS, ROSA, person("2", name="Bo Díaz", company="Mill"))
    code, out, _ = run("lookup_caller", "riverside", NUMBER)
    assert (code, "2 people share this number:" in out) == (0, True)
    assert "  Bo Díaz · Company: Mill · HubSpot: phone +14155550101" in out.splitlines()


@pytest.mark.parametrize(("number", "status", "words"), [
    (NUMBER, LookupStatus.NOT_FOUND, "Nobody has this number. The systems that answered do not know this number."),
    (NUMBER, LookupStatus.FAILED, "No system answered. None of your systems could be asked"),
    ("anonymous", LookupStatus.OK, "Number withheld. The caller hides their number, so nobody was looked up."),
])  # fmt: skip
def test_nobody_to_show_is_a_sentence_and_no_failure(
    number: str, status: LookupStatus, words: str, world: World, sources_answer: Answer
) -> None:
    sources_answer(status)
    code, out, _ = run("lookup_caller", "riverside", number)
    assert (code, words in out) == (0, True)


@pytest.mark.parametrize(("arguments", "words"), [
    (("nowhere", NUMBER), "harbor, riverside"),
    (("riverside", "12"), "not a phone number"),
    (("riverside", NUMBER, "--as-tier", "gold"), "admin, advanced, basic"),
])  # fmt: skip
def test_what_cannot_be_looked_up_is_a_sentence_and_exit_2(arguments: tuple[str, ...], words: str, world: World) -> None:
    code, out, err = run("lookup_caller", *arguments)
    assert (code, out, words in err) == (2, "", True)


def test_without_the_audit_trail_nothing_is_shown(
    world: World, sources_answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unavailable(*_entry: object) -> None:
        raise AuditUnavailable

    monkeypatch.setattr(audit, "record", unavailable)
    sources_answer(LookupStatus.OK, ROSA)
    code, out, err = run("lookup_caller", "riverside", NUMBER)
    assert (code, out, "access record" in err) == (1, "", True)
    assert "Rosa" not in err


# -- The audit trail ----------------------------------------------------------------------------------------------


def write_entries(organization: Organization, count: int) -> None:
    for _ in range(count):
        audit.record_now(audit.Entry(organization.pk, "lookup", "operator", actor_label="ann", subject=NUMBER))


def test_a_whole_trail_is_ok(world: World) -> None:
    assert run("audit", "verify", "riverside")[:2] == (0, "ok 0 entries\n")
    write_entries(world.riverside, 3)
    assert run("audit", "verify", "riverside")[:2] == (0, "ok 3 entries\n")


def change(organization: Organization) -> None:
    AccessEntry.objects.filter(organization=organization, seq=2).update(actor_label="bob")


def delete(organization: Organization) -> None:
    AccessEntry.objects.filter(organization=organization, seq=2).delete()


def delete_last(organization: Organization) -> None:
    AccessEntry.objects.filter(organization=organization, seq=3).delete()


def reorder(organization: Organization) -> None:
    entries = AccessEntry.objects.filter(organization=organization)
    for old, new in ((2, 9), (3, 2), (9, 3)):
        entries.filter(seq=old).update(seq=new)


@pytest.mark.parametrize(("tamper", "seq"), [(change, 2), (delete, 2), (delete_last, 3), (reorder, 2)])
def test_a_tampered_trail_names_the_entry(tamper: Callable[[Organization], None], seq: int, world: World) -> None:
    write_entries(world.riverside, 3)
    write_entries(world.harbor, 1)
    tamper(world.riverside)
    code, out, _ = run("audit", "verify", "riverside")
    assert code == 1
    assert out.splitlines()[-1].startswith(f"entry {seq}: ")
    assert run("audit", "verify", "harbor")[0] == 0


def test_an_export_is_json_lines_without_numbers_and_an_entry_itself(world: World) -> None:
    write_entries(world.riverside, 2)
    write_entries(world.harbor, 1)
    code, out, _ = run("audit", "export", "riverside")
    rows = [json.loads(line) for line in out.splitlines()]
    assert (code, [row["seq"] for row in rows]) == (0, [1, 2, 3])
    assert (rows[-1]["event"], rows[-1]["actor_kind"]) == ("audit_export", "operator")
    assert {row["organization"] for row in rows} == {"riverside"}
    assert len(rows[0]["subject_key"]) == 64
    assert NUMBER not in out
    assert "subject_sealed" not in rows[0]


def test_an_export_that_cannot_be_put_on_record_does_not_leave(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(_entry: audit.Entry) -> None:
        raise AuditUnavailable

    write_entries(world.riverside, 1)
    monkeypatch.setattr(audit, "record_now", unavailable)
    code, out, err = run("audit", "export", "riverside")
    assert (code, out, "not" in err) == (1, "", True)


@pytest.mark.parametrize("action", ["verify", "export"])
def test_an_unknown_organisation_is_told_with_the_known_ones(action: str, world: World) -> None:
    code, out, err = run("audit", action, "nowhere")
    assert (code, out, "harbor, riverside" in err) == (2, "", True)

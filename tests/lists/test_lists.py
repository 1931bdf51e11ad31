"""Lists that are uploaded or kept in a sheet: one is in use as a whole, or the one before stays."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.utils import timezone

from integrations import lists, tasks
from integrations.connectors.rows import Table, read_csv
from integrations.disclosure.viewers import Viewer, viewer_of_person
from integrations.errors import AuditUnavailable, ConfigurationError, NoListYet, SourceUnavailable
from integrations.lists import sheets, writing
from integrations.lookup import LookupRequest, LookupResult, look_up
from integrations.lookup.stored_rows import StoredRows
from integrations.models import AccessEntry, Connector, DirectoryKey, DirectoryList, DirectoryRow, DirectoryUpload
from integrations.phone import Number
from tests.factories import World, make_connector
from tests.test_commands import run

pytestmark = pytest.mark.django_db(transaction=True)

ROSA = "+14155550123"
FIRST = "Name,Phone,Status\nRosa Castillo,(415) 555-0123,active\nHarold Winslow,(415) 555-0102,active\n"
SECOND = "Name,Phone,Status\nRosa Castillo,(415) 555-0123,lapsed\n"


@pytest.fixture
def row(world: World) -> Connector:
    return make_connector(world.riverside, "list", "directory", name="Our list")


@pytest.fixture
def ann(world: World) -> Viewer:
    return viewer_of_person(world.ann, channel="admin", address="")


def table(text: str) -> Table:
    return read_csv(text.encode())


def use(row: Connector, viewer: Viewer, text: str, chosen: dict[str, str] | None = None) -> DirectoryList:
    return lists.put_in_use(row, table(text), viewer, origin="clients.csv", chosen=chosen)


def found(row: Connector, number: str = ROSA) -> LookupResult:
    return async_to_sync(look_up)(LookupRequest(row.organization_id, Number(number, "US")))


def statuses(row: Connector, number: str = ROSA) -> list[Any]:
    return [person.fields["status"].value for person in found(row, number).people]


def test_before_the_first_list_the_system_says_that_there_is_none(row: Connector) -> None:
    assert found(row).sources[0].message == NoListYet.public_message


def test_a_caller_is_found_in_the_list_and_its_age_is_told(row: Connector, ann: Viewer) -> None:
    used = use(row, ann, FIRST)
    (person,) = found(row).people
    assert (person.fields["name"].value, person.fields["status"].value) == ("Rosa Castillo", "active")
    assert person.fields["name"].provenance.fetched_at == used.read_at
    assert found(row, "+14155550199").sources[0].status.value == "not_found"


def test_a_new_list_takes_the_place_of_the_old_one_at_once_and_nothing_of_that_is_left(row: Connector, ann: Viewer) -> None:
    use(row, ann, FIRST)
    assert statuses(row) == ["active"]
    use(row, ann, SECOND)
    assert statuses(row) == ["lapsed"]
    assert found(row, "+14155550102").people == ()
    assert DirectoryRow.objects.count() == DirectoryList.objects.count() == 1
    assert set(DirectoryKey.objects.values_list("list", flat=True)) == {DirectoryList.objects.get().pk}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Name,Phone\nRosa,call her sister\n", "No row can be used.*Line 2"),
        ("Name,Cell number\nRosa,4155550123\n", "no column 'phone'"),
    ],
)
def test_a_list_that_cannot_be_used_changes_nothing(row: Connector, ann: Viewer, text: str, says: str) -> None:
    use(row, ann, FIRST)
    with pytest.raises(ConfigurationError, match=says):
        use(row, ann, text)
    assert statuses(row) == ["active"]
    assert DirectoryList.objects.count() == 1


def test_a_list_whose_writing_fails_midway_changes_nothing(
    row: Connector, ann: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(row, ann, FIRST)
    monkeypatch.setattr(writing, "CHUNK", 1)
    monkeypatch.setattr(writing, "_switch", _fail)
    with pytest.raises(RuntimeError):
        use(row, ann, SECOND)
    assert statuses(row) == ["active"]
    assert DirectoryRow.objects.count() == 2


def test_without_its_entry_in_the_audit_a_list_is_not_used(
    row: Connector, ann: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(row, ann, FIRST)
    monkeypatch.setattr("integrations.disclosure.audit.record_within", _no_audit)
    with pytest.raises(AuditUnavailable):
        use(row, ann, SECOND)
    assert statuses(row) == ["active"]


def test_who_put_a_list_in_use_is_on_record(row: Connector, ann: Viewer) -> None:
    use(row, ann, FIRST)
    entry = AccessEntry.objects.get(event="admin_change")
    assert (entry.actor_label, entry.detail["changed"], entry.detail["rows"]) == ("Ann", ["list"], 2)


def test_lines_that_cannot_be_used_are_told_by_number_and_reason(row: Connector, ann: Viewer) -> None:
    text = "Name,Phone,Date of birth\nRosa,4155550123,soon\nNobody,,\nA,B,C,D\nRosa,415-555-0123,\n"
    used = use(row, ann, text)
    assert used.rows == 1
    assert used.refused == [
        (3, "It has no phone number."), (4, "It has 4 values, and there are 3 columns."), (5, "Line 2 is the same person."),
    ]  # fmt: skip
    assert used.unreadable == [(2, "Date of birth")]


def test_what_is_stored_is_not_readable(row: Connector, ann: Viewer, world: World) -> None:
    lists.keep_upload(row, FIRST.encode(), "clients.csv", ann)
    use(row, ann, FIRST)
    from django.db import connection

    lists.keep_upload(row, FIRST.encode(), "clients.csv", ann)
    with connection.cursor() as cursor:
        for model in (DirectoryRow, DirectoryKey, DirectoryUpload):
            cursor.execute(f"SELECT * FROM {model._meta.db_table}")
            stored = str(cursor.fetchall())
            assert "Rosa" not in stored
            assert "5550123" not in stored


def test_columns_that_were_chosen_are_saved_with_the_system_and_known_again(row: Connector, ann: Viewer) -> None:
    chosen = {"name": "name", "phone": "phone_number", "status": ""}
    use(row, ann, FIRST, chosen)
    row.refresh_from_db()
    assert row.options["phone_columns"] == ["phone"]
    assert row.fields == {"name": "name", "status": False}
    assert statuses_of_fields(row) == {"name", "phone"}
    assert lists.likely_columns(row, table(FIRST)) == chosen


def statuses_of_fields(row: Connector) -> set[str]:
    return set(found(row).people[0].fields)


def test_an_expression_that_was_configured_by_hand_stays(row: Connector, ann: Viewer) -> None:
    row.fields = {"company": "status || 'none'"}
    row.save()
    use(row, ann, FIRST, {"name": "name", "phone": "phone_number", "status": "status"})
    row.refresh_from_db()
    assert row.fields["company"] == "status || 'none'"


def test_two_organisations_with_the_same_number_see_their_own_people_only(row: Connector, ann: Viewer, world: World) -> None:
    other = make_connector(world.harbor, "list", "directory")
    use(row, ann, FIRST)
    use(other, viewer_of_person(world.cy, channel="admin", address=""), SECOND)
    assert (statuses(row), statuses(other)) == (["active"], ["lapsed"])
    digests = list(DirectoryKey.objects.values_list("digest", flat=True))
    assert len(digests) == len(set(digests))  # equal numbers cannot be recognised across lists


def test_uploads_and_lists_that_nobody_went_on_with_are_removed(row: Connector, ann: Viewer) -> None:
    use(row, ann, FIRST)
    lists.keep_upload(row, SECOND.encode(), "clients.csv", ann)
    assert lists.remove_abandoned() == 0
    DirectoryUpload.objects.update(uploaded_at=timezone.now() - timedelta(hours=2))
    cut_off = DirectoryList.objects.create(
        connector=row, origin="x", read_by="Ann", read_at=timezone.now() - timedelta(hours=2)
    )
    DirectoryRow.objects.create(list=cut_off, number=0, content="{}")
    assert lists.remove_abandoned() == 2
    assert statuses(row) == ["active"]


def test_a_system_of_another_kind_takes_no_list(world: World, ann: Viewer) -> None:
    row = make_connector(world.riverside, "crm", "hubspot", options={}, secrets={"token": "x"})
    with pytest.raises(ConfigurationError, match="not a list"):
        use(row, ann, FIRST)


def test_a_lookup_reads_no_other_row(row: Connector, ann: Viewer, django_assert_num_queries: Any) -> None:
    use(row, ann, FIRST)
    with django_assert_num_queries(2):
        StoredRows(row.pk)._rows([f"phone:{ROSA}"])


def _fail(*_: object, **_named: object) -> None:
    raise RuntimeError


def _no_audit(*_: object) -> None:
    raise AuditUnavailable


# -- Read again by a runner ----------------------------------------------------------------------------------------


@pytest.fixture
def sheet(row: Connector, ann: Viewer, monkeypatch: pytest.MonkeyPatch) -> Connector:
    """A list that is kept in a sheet, was read, and would now be read anew."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    account = {"type": "service_account", "client_email": "reader@p.iam.example", "private_key": pem.decode()}
    row.options = {"spreadsheet": "1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms"}
    row.secrets = {"service_account": json.dumps(account)}
    row.save()
    use(row, ann, FIRST)
    monkeypatch.setattr(sheets, "fetched", lambda _row: table(SECOND))
    return row


def test_a_sheet_is_read_again_when_it_is_due_and_not_before(sheet: Connector) -> None:
    now = timezone.now()
    assert lists.due(now + timedelta(hours=23)) == []
    assert lists.due(now + timedelta(hours=25)) == [sheet.pk]
    tasks.read_sheet.call(sheet.pk)
    assert statuses(sheet) == ["lapsed"]
    entry = AccessEntry.objects.filter(event="admin_change").latest("seq")
    assert (entry.actor_kind, entry.actor_label) == ("portal", "the portal")


@pytest.mark.parametrize("hours", [0, 48])
def test_it_is_read_as_often_as_it_is_configured(sheet: Connector, hours: int) -> None:
    sheet.options["read_every_hours"] = hours
    sheet.save()
    assert lists.due(timezone.now() + timedelta(hours=25)) == []


def test_a_sheet_of_a_system_that_is_switched_off_is_left_alone(sheet: Connector) -> None:
    sheet.enabled = False
    sheet.save()
    assert lists.due(timezone.now() + timedelta(hours=25)) == []
    tasks.read_sheet.call(sheet.pk)
    assert DirectoryList.objects.get().rows == 2


@pytest.mark.parametrize(
    ("fetch", "says"),
    [
        (lambda _row: _raise(SourceUnavailable("list")), "It cannot be reached at the moment."),
        (lambda _row: table("Name,Telephone\nRosa,1\n"), "no longer those that were chosen"),
    ],
)
def test_a_sheet_that_cannot_be_read_again_leaves_the_list_and_says_why(
    sheet: Connector, monkeypatch: pytest.MonkeyPatch, fetch: Any, says: str
) -> None:
    monkeypatch.setattr(sheets, "fetched", fetch)
    tasks.read_sheet.call(sheet.pk)
    assert statuses(sheet) == ["active"]
    assert says in DirectoryList.objects.get().problem
    assert lists.due(timezone.now() + timedelta(hours=23)) == []  # and it is not tried again at once


def test_what_an_admin_changes_while_the_sheet_is_read_stays_changed(sheet: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
    def changed_meanwhile(read: Connector) -> Table:
        saved = Connector.objects.get(pk=read.pk)
        saved.options["read_every_hours"], saved.fields["email"] = 48, False
        saved.save()
        return table(SECOND)

    monkeypatch.setattr(sheets, "fetched", changed_meanwhile)
    tasks.read_sheet.call(sheet.pk)
    sheet.refresh_from_db()
    assert (sheet.options["read_every_hours"], sheet.fields["email"]) == (48, False)
    assert statuses(sheet) == ["lapsed"]


def _raise(error: Exception) -> Table:
    raise error


# -- The command ----------------------------------------------------------------------------------------------------


def test_the_command_puts_a_file_in_use_and_tells_what_was_left_out(row: Connector, tmp_path: Path) -> None:
    file = tmp_path / "clients.csv"
    file.write_text(FIRST + "Nobody,,\n", encoding="utf-8")
    code, out, err = run("load_list", "riverside", "list", str(file))
    assert (code, out) == (0, "2 people are looked up from now on; 1 lines were left out.\n")
    assert err == "line 4: It has no phone number.\n"
    assert statuses(row) == ["active"]
    entry = AccessEntry.objects.get(event="admin_change")
    assert (entry.actor_kind, entry.channel) == ("operator", "command")


def test_lines_without_an_area_code_are_left_out_and_told(row: Connector, tmp_path: Path) -> None:
    file = tmp_path / "clients.csv"
    file.write_text("Name,Phone\nWilla,555-0123\nOtto,415-555-0124\nNell,867-5309\nIda,4155550125.0\n", encoding="utf-8")
    code, out, err = run("load_list", "riverside", "list", str(file))
    assert (code, out) == (0, "2 people are looked up from now on; 2 lines were left out.\n")
    assert err.count("needs its area code") == 2
    assert "555-0123" not in err
    assert [len(found(row, number).people) for number in ("+14155550124", "+14155550125")] == [1, 1]


def test_what_stands_beside_a_number_and_is_none_is_told(row: Connector, ann: Viewer) -> None:
    row.options = {"phone_columns": ["phone", "mobile"]}
    row.save()
    used = use(row, ann, "Name,Phone,Mobile\nWilla,415-555-0123,555-0199\n")
    assert found(row).people
    assert list(map(list, used.unreadable)) == [[2, "Mobile"]]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["riverside", "crm", "x.csv"], 2, "There is no system called 'crm' in riverside. Its lists: list."),
        (["riverside", "list", "nowhere.csv"], 2, "nowhere.csv cannot be read: No such file"),
        (["riverside", "list"], 2, "spreadsheet: enter the address of a Google Sheet"),
        (["nowhere", "list"], 2, "There is no organisation called 'nowhere'."),
    ],
)
def test_the_command_says_what_to_change(row: Connector, arguments: list[str], code: int, says: str) -> None:
    ended, out, err = run("load_list", *arguments)
    assert (ended, out) == (code, "")
    assert says in err

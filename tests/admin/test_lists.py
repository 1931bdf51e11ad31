"""Uploading a list in the browser: a file in, what its columns are, and callers are found by it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from asgiref.sync import async_to_sync
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from integrations.errors import AuditUnavailable, SourceUnavailable
from integrations.lookup import LookupRequest, look_up
from integrations.models import AccessEntry, Connector, DirectoryList, DirectoryRow, DirectoryUpload, Person
from integrations.phone import Number
from tests.admin.conftest import denials
from tests.factories import World, make_connector

LogIn = Callable[[Person], Client]
pytestmark = pytest.mark.django_db(transaction=True)

CSV = """Client ID,Name,Phone,SSN,Shoe size
17,Rosa Castillo,(415) 555-0123,078-05-1120,38
18,Pete Novak,call his son,,41
"""
CHOSEN = {
    "column-client_id": "record_id",
    "column-name": "name",
    "column-phone": "phone_number",
    "column-ssn": "notes",
    "column-shoe_size": "",
}


@pytest.fixture
def row(world: World) -> Connector:
    return make_connector(world.riverside, "list", "directory", name="Our list", enabled=False)


def address(row: Connector) -> str:
    return reverse("admin:integrations_connector_list_of", args=[row.pk])


def upload(client: Client, row: Connector, text: str | bytes = CSV) -> HttpResponse:
    content = text if isinstance(text, bytes) else text.encode()
    sent = SimpleUploadedFile("clients.csv", content, content_type="text/csv")
    return client.post(address(row), {"step": "upload", "file": sent})  # type: ignore[return-value]


def use(client: Client, row: Connector, **chosen: str) -> HttpResponse:
    facts = {"step": "use", "upload": str(DirectoryUpload.objects.get().pk), **CHOSEN, **chosen}
    return client.post(address(row), facts)  # type: ignore[return-value]


def text_of(response: HttpResponse) -> str:
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    return response.content.decode()


def test_from_a_file_to_a_caller_who_is_found(world: World, log_in: LogIn, row: Connector) -> None:
    ann = log_in(world.ann)
    assert "No list has been read yet" in text_of(ann.get(address(row)))  # type: ignore[arg-type]
    columns = text_of(upload(ann, row))
    assert "clients.csv has 2 rows" in columns
    assert "Rosa Castillo · Pete Novak" in columns
    assert '<option value="record_id" selected>' in columns
    response = use(ann, row)
    assert response.status_code == 302
    page = text_of(ann.get(response["Location"]))  # type: ignore[arg-type]
    assert "1 person is looked up from now on." in page
    assert "Line 3: What stands below “Phone” is not a phone number" in page
    assert "call his son" not in page
    assert "Calls ask Our list from now on." in text_of(ann.post(address(row), {"step": "enable"}, follow=True))  # type: ignore[arg-type]
    (person,) = async_to_sync(look_up)(LookupRequest(row.organization_id, Number("+14155550123", "US"))).people
    assert (person.fields["name"].value, person.refs) == ("Rosa Castillo", {("list", "17")})
    assert not DirectoryUpload.objects.exists()


def test_what_may_never_be_shown_is_neither_previewed_nor_kept_though_it_was_chosen(
    world: World, log_in: LogIn, row: Connector
) -> None:
    ann = log_in(world.ann)
    assert "078-05-1120" not in text_of(upload(ann, row))
    use(ann, row)
    ann.post(address(row), {"step": "enable"})
    (person,) = async_to_sync(look_up)(LookupRequest(row.organization_id, Number("+14155550123", "US"))).people
    assert set(person.fields) == {"name", "phone"}


def test_a_look_at_the_columns_is_on_record_before_and_refused_without_it(
    world: World, log_in: LogIn, row: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = log_in(world.ann)
    upload(ann, row)
    entry = AccessEntry.objects.get(event="list_preview")
    assert (entry.actor_label, entry.detail) == ("Ann", {"connector": "list", "rows": 2})

    def down(*_: object) -> None:
        raise AuditUnavailable

    monkeypatch.setattr("integrations.disclosure.audit.record_now", down)
    page = text_of(ann.get(address(row) + "?columns"))  # type: ignore[arg-type]
    assert AuditUnavailable.public_message in page
    assert "Rosa" not in page


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "The list is empty"),
        (b"PK\x03\x04", "CSV UTF-8"),
        (b"name,phone\n", "no rows below"),
    ],
)
def test_a_file_that_is_no_list_is_refused_in_a_sentence_and_nothing_is_kept(
    world: World, log_in: LogIn, row: Connector, text: bytes, says: str
) -> None:
    assert says in text_of(upload(log_in(world.ann), row, text))
    assert not DirectoryUpload.objects.exists()


def test_a_file_that_is_too_large_is_refused_without_a_temporary_file(
    world: World, log_in: LogIn, row: Connector, settings: object
) -> None:
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 1_000  # type: ignore[attr-defined]
    page = text_of(upload(log_in(world.ann), row, b"name,phone\n" + b"Rosa,4155550123\n" * 200))
    assert "up to 20 MB" in page


def test_a_choice_that_cannot_be_is_said_and_keeps_what_was_chosen(world: World, log_in: LogIn, row: Connector) -> None:
    ann = log_in(world.ann)
    upload(ann, row)
    page = text_of(use(ann, row, **{"column-phone": "", "column-shoe_size": "notes"}))
    assert "Choose at least one column that holds phone numbers" in page
    assert '<option value="notes" selected>' in page
    assert not DirectoryList.objects.exists()


def test_a_field_that_does_not_exist_cannot_be_sent(world: World, log_in: LogIn, row: Connector) -> None:
    ann = log_in(world.ann)
    upload(ann, row)
    assert "there is no field of this name" in text_of(use(ann, row, **{"column-name": "shoe"}))


def test_an_upload_can_be_taken_up_later_or_discarded(world: World, log_in: LogIn, row: Connector) -> None:
    ann = log_in(world.ann)
    upload(ann, row)
    page = text_of(ann.get(address(row)))  # type: ignore[arg-type]
    assert "clients.csv, uploaded by Ann." in page
    assert "Rosa" not in page
    assert "Rosa Castillo" in text_of(ann.get(address(row) + "?columns"))  # type: ignore[arg-type]
    ann.post(address(row), {"step": "discard"})
    assert not DirectoryUpload.objects.exists()


def test_nobody_else_reaches_the_list(world: World, log_in: LogIn, row: Connector, root: Client) -> None:
    upload(log_in(world.ann), row)
    for client, status in ((log_in(world.cy), 404), (log_in(world.bea), 302), (Client(), 302)):
        for response in (client.get(address(row) + "?columns"), client.post(address(row), {"step": "discard"})):
            assert response.status_code == status
            assert b"Rosa" not in response.content
    assert "open connector in admin" in denials(world.harbor)
    # A superuser is nobody's colleague, so callers are not shown to them.
    assert root.get(address(row) + "?columns").status_code == 403
    assert DirectoryUpload.objects.count() == 1


def test_the_upload_of_another_system_cannot_be_used(world: World, log_in: LogIn, row: Connector) -> None:
    ann = log_in(world.ann)
    upload(ann, row)
    other = make_connector(world.riverside, "other", "directory")
    facts = {"step": "use", "upload": str(DirectoryUpload.objects.get().pk), **CHOSEN}
    assert "no longer there" in text_of(ann.post(address(other), facts))  # type: ignore[arg-type]


def test_a_system_of_another_kind_has_no_such_page_and_no_button(world: World, log_in: LogIn, row: Connector) -> None:
    crm = make_connector(world.riverside, "crm", "hubspot", secrets={"token": "x"})
    ann = log_in(world.ann)
    settings_page = ann.get(reverse("admin:integrations_connector_change", args=[crm.pk])).content.decode()
    assert address(crm) not in settings_page
    assert address(row) in ann.get(reverse("admin:integrations_connector_change", args=[row.pk])).content.decode()
    assert ann.get(address(crm)).status_code == 403


def test_a_sheet_that_cannot_be_read_says_what_google_said(
    world: World, log_in: LogIn, row: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(_row: Connector) -> None:
        raise SourceUnavailable("list", "status 500")

    monkeypatch.setattr("integrations.lists.fetched", down)
    page = text_of(log_in(world.ann).post(address(row), {"step": "read"}))  # type: ignore[arg-type]
    assert "It cannot be reached at the moment. (status 500)" in page


def test_adding_a_list_leads_to_its_upload(world: World, log_in: LogIn) -> None:
    facts = {"kind": "directory", "key": "pantry", "name": "Pantry"}
    response = log_in(world.ann).post(reverse("admin:integrations_connector_add"), facts)
    assert response["Location"] == address(Connector.objects.get(key="pantry"))


def test_a_system_is_deleted_with_its_list_without_reading_each_row(
    world: World, log_in: LogIn, row: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = log_in(world.ann)
    upload(ann, row)
    use(ann, row)

    def read(*_: object) -> None:
        pytest.fail("a row was read")

    monkeypatch.setattr(DirectoryRow, "from_db", read)
    delete = reverse("admin:integrations_connector_delete", args=[row.pk])
    assert "the people in its list: 1" in ann.get(delete).content.decode()
    ann.post(delete, {"post": "yes"})
    assert not Connector.objects.exists()
    assert not DirectoryRow.objects.exists()


@pytest.mark.parametrize("sent", ["", "x", "-1", "9" * 40])
def test_an_upload_that_cannot_be_is_no_longer_there(world: World, log_in: LogIn, row: Connector, sent: str) -> None:
    facts = {"step": "use", "upload": sent, **CHOSEN}
    assert "no longer there" in text_of(log_in(world.ann).post(address(row), facts))  # type: ignore[arg-type]

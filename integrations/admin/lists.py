"""The page of a system that is a list: what is in use, uploading a file or reading the sheet, choosing what its columns are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations import lists
from integrations.admin.tenancy import viewer_in
from integrations.connectors import kinds
from integrations.connectors.rows import LEFT_OUT, MAX_BYTES, PHONE, RECORD_ID, RowsConnector, Table
from integrations.disclosure import audit
from integrations.disclosure.viewers import Viewer
from integrations.errors import AuditUnavailable, ConfigurationError, SourceError
from integrations.models import Connector, DirectoryList, DirectoryUpload, Event
from integrations.models.connectors import vocabulary_of
from integrations.presentation.translation import translated
from integrations.profile import Field, Sensitivity
from integrations.redaction import is_never, named_like, scrub

_BY_NUMBER = ("phone", "phones")  # made of the columns with numbers, and not to be chosen by themselves
_WHAT = "column-"


@dataclass(frozen=True)
class Choice:
    """What a column may be taken for."""

    value: str
    label: str


@dataclass(frozen=True)
class ColumnLine:
    """One column: its heading, some of what stands in it, and what it is taken for. ``never``: as what it cannot be kept."""

    input: str
    label: str
    examples: list[str]
    chosen: str
    never: str


def is_a_list(connector: Connector) -> bool:
    kind = kinds().get(connector.kind)
    return kind is not None and issubclass(kind, RowsConnector)


def list_page(
    request: HttpRequest, connector: Connector, context: dict[str, Any], switch_on: Callable[[], None]
) -> HttpResponse:
    """The page, or what one of its buttons leads to. What it shows of anybody is on record before.

    ``switch_on()`` enables the system, on record.
    """
    page = _Page(request, connector, context)
    steps = {"upload": page.upload, "read": page.read_sheet, "use": page.use, "discard": page.discard}
    if request.POST.get("step") == "enable":
        switch_on()
        return HttpResponseRedirect(request.path)
    try:
        if request.method == "POST":
            return steps.get(request.POST.get("step", ""), page.draw)()
        if "columns" in request.GET and (waiting := connector.uploads.last()):
            return page.columns(waiting, lists.table_of(waiting))
        return page.draw()
    except ConfigurationError as problem:
        return page.draw(str(problem))
    except SourceError as problem:
        return page.draw(f"{translated(problem.public_message)} ({problem.detail or problem.status})")
    except AuditUnavailable as problem:
        return page.draw(translated(problem.public_message))


class _Page:
    """One request to the page."""

    def __init__(self, request: HttpRequest, connector: Connector, context: dict[str, Any]) -> None:
        self.request = request
        self.connector = connector
        self.context = context

    def draw(self, problem: str = "") -> HttpResponse:
        connector = self.connector
        facts = {
            "current": DirectoryList.objects.filter(current_for=connector).first(),
            "waiting": connector.uploads.last(),
            "sheet": connector.options.get("spreadsheet"),
            "largest": MAX_BYTES // 1024**2,
            "problem": problem,
        }
        return self._answer("admin/list.html", facts)

    def upload(self) -> HttpResponse:
        sent = self.request.FILES.get("file")
        if sent is None:
            return self.draw(_("Choose a file first. It may be up to %(largest)d MB.") % {"largest": MAX_BYTES // 1024**2})
        upload, table = lists.keep_upload(self.connector, sent.read(), sent.name or "", self._viewer())
        return self.columns(upload, table)

    def read_sheet(self) -> HttpResponse:
        """The sheet takes the place of what is in use; its columns are chosen the first time, and whenever they differ."""
        table = lists.fetched(self.connector)
        if lists.is_known(self.connector, table):
            return self._put_in_use(table, "Google Sheet")
        return self.columns(lists.keep_table(self.connector, table, "Google Sheet", self._viewer()), table)

    def columns(self, upload: DirectoryUpload, table: Table, chosen: Mapping[str, str] = {}, problem: str = "") -> HttpResponse:
        """What the columns are. The examples are caller data, so that they were looked at is on record first."""
        detail = {"connector": self.connector.key, "rows": len(table.rows)}
        audit.record_now(
            self._viewer().entry(Event.LIST_PREVIEW, outcome="shown", purpose=_("Uploading a list"), detail=detail)
        )
        taken = chosen or lists.likely_columns(self.connector, table)
        lines = [
            ColumnLine(
                input=f"{_WHAT}{column.name}",
                label=scrub(column.label),
                examples=[] if is_never(column.label) else [scrub(cell) for cell in table.examples(index)],
                chosen=taken.get(column.name, LEFT_OUT),
                never=named_like(column.label) or named_like(column.name),
            )
            for index, column in enumerate(table.columns)
        ]
        facts = {"upload": upload, "lines": lines, "rows": len(table.rows), "problem": problem}
        facts |= {"finding": _finding(), "fields": self._fields()}
        return self._answer("admin/list_columns.html", facts)

    def use(self) -> HttpResponse:
        sent = self.request.POST.get("upload", "")
        upload = self.connector.uploads.filter(pk=sent if sent.isdecimal() else 0).first()
        if upload is None:
            return self.draw(_("This upload is no longer there: it was used or replaced. Upload the file again."))
        table = lists.table_of(upload)
        posted = {column.name: self.request.POST.get(f"{_WHAT}{column.name}", LEFT_OUT) for column in table.columns}
        # The form has no input for what is never kept.
        never = {column.name for column in table.columns if is_never(column.name) or is_never(column.label)}
        chosen = {name: LEFT_OUT if name in never else what for name, what in posted.items()}
        try:
            return self._put_in_use(table, upload.file_name, chosen)
        except ConfigurationError as problem:
            return self.columns(upload, table, chosen, str(problem))

    def discard(self) -> HttpResponse:
        self.connector.uploads.all().delete()
        return HttpResponseRedirect(self.request.path)

    def _put_in_use(self, table: Table, origin: str, chosen: Mapping[str, str] | None = None) -> HttpResponse:
        used = lists.put_in_use(self.connector, table, self._viewer(), origin=origin, chosen=chosen)
        said = ngettext("%(rows)d person is looked up from now on.", "%(rows)d people are looked up from now on.", used.rows)
        messages.success(self.request, said % {"rows": used.rows})
        return HttpResponseRedirect(self.request.path)

    def _viewer(self) -> Viewer:
        viewer = viewer_in(self.request, self.connector.organization_id)
        if viewer is None:
            raise PermissionDenied
        return viewer

    def _fields(self) -> list[Choice]:
        shown = (field for name, field in vocabulary_of(self.connector.organization).items() if name not in _BY_NUMBER)
        choices = [Choice(field.name, _told(field)) for field in shown if field.sensitivity is not Sensitivity.NEVER]
        return sorted(choices, key=lambda choice: choice.label)

    def _answer(self, template: str, facts: dict[str, Any]) -> HttpResponse:
        context = {**self.context, "connector": self.connector, "here": self.request.path, **facts}
        context["settings"] = reverse("admin:integrations_connector_change", args=[self.connector.pk])
        context["trial"] = reverse("admin:integrations_connector_try_it", args=[self.connector.pk])
        return TemplateResponse(self.request, template, context, headers={"Cache-Control": "no-store"})


def _finding() -> list[Choice]:
    return [Choice(PHONE, _("Phone number: callers are found by it")), Choice(RECORD_ID, _("Id of the person"))]


def _told(field: Field) -> str:
    plain = field.sensitivity is Sensitivity.BASIC
    return _(field.label) if plain else f"{_(field.label)} ({_(field.sensitivity.value)})"

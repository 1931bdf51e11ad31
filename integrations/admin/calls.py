"""Admin pages of calls: to read only. A number is named by its last four digits."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.admin.tenancy import ReadOnlyAdmin
from integrations.lookup import LookupStatus
from integrations.models import Call, CallTask, PanelOpening, Reservation
from integrations.presentation.endings import WORDS


@admin.register(Call)
class CallAdmin(ReadOnlyAdmin):
    list_display = ("caller", "call_sid", "direction", "status", "ended_at", "created_at")
    list_filter = ("direction", "status", "created_at")
    search_fields = ("call_sid",)
    fields = ("organization", "caller", "call_sid", "direction", "status", "ended_at", "duration_s", "created_at", "touched_at")

    @admin.display(description=gettext_lazy("caller"))
    def caller(self, call: Call) -> str:
        return (
            _("caller ending %(digits)s") % {"digits": call.number[-4:]} if call.number else str(WORDS[LookupStatus.WITHHELD])
        )


@admin.register(CallTask)
class CallTaskAdmin(ReadOnlyAdmin):
    list_display = ("task_sid", "call", "kind", "channel", "state", "ended_at", "created_at")
    list_filter = ("kind", "state")
    list_select_related = ("call",)
    search_fields = ("task_sid", "call__call_sid")
    fields = ("organization", "call", "task_sid", "kind", "channel", "parent", "state", "began_at", "ended_at", "created_at")


@admin.register(Reservation)
class ReservationAdmin(ReadOnlyAdmin):
    list_display = ("reservation_sid", "task", "worker_sid", "state", "began_at", "ended_at")
    list_filter = ("state",)
    search_fields = ("reservation_sid", "worker_sid")


@admin.register(PanelOpening)
class PanelOpeningAdmin(ReadOnlyAdmin):
    list_display = ("call", "person", "opened_at")
    list_filter = ("opened_at",)
    list_select_related = ("call", "person__user")
    search_fields = ("call__call_sid",)

"""Admin page of what others told the portal: to read, and to have it processed again. What was told is not shown."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from integrations.admin.tenancy import ReadOnlyAdmin, changing
from integrations.jobs import inbox
from integrations.models import WebhookDelivery
from integrations.tasks import process_delivery


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    list_display = ("received_at", "number", "source", "kind", "state", "attempts", "due", "error", "organization")
    list_filter = ("state", "source", "received_at")
    search_fields = ("kind", "key")
    actions = ("process_again",)
    fields = ("organization", "number", "source", "kind", "key", "received_at", "state", "attempts", "due", "error")
    readonly_fields = ("number", "due")

    @admin.display(description=_("number"), ordering="pk")
    def number(self, row: WebhookDelivery) -> int:
        return row.pk

    @admin.display(description=_("next attempt"), ordering="due_at")
    def due(self, row: WebhookDelivery) -> Any:
        return row.due_at if row.state == WebhookDelivery.State.WAITING else None

    @admin.action(description=_("Process the chosen deliveries again"))
    def process_again(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        with changing(request):
            replayed = [row for row in queryset if inbox.replay(row.pk)]
            for row in replayed:
                process_delivery.enqueue(row.pk)
                self.record_change(request, row, "replayed")
        count, left = len(replayed), len(queryset) - len(replayed)
        if count:
            done = ngettext("%(count)d delivery is processed again.", "%(count)d deliveries are processed again.", count)
            self.message_user(request, done % {"count": count})
        if left:
            kept = ngettext(
                "Of %(count)d delivery nothing was kept, because the portal has no use for it.",
                "Of %(count)d deliveries nothing was kept, because the portal has no use for them.",
                left,
            )
            self.message_user(request, kept % {"count": left}, messages.WARNING)

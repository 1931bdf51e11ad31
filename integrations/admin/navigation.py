"""The admin's sidebar, in the words of those who use it."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from integrations.admin.tenancy import administered


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Groups of links, as Unfold wants them."""
    people = ["person", "tier", "restrictedrecord", "apikey", "organization"]
    if administered(request) is None:
        people.append("user")
    return [
        {"items": [{"title": _("Back to the dashboard"), "link": "/", "active": False}]},
        _group(_("People and access"), people),
        _group(_("Systems"), ["connector", "slowsystem", "attempt", "customfield", "twilioaccount"]),
        _group(_("Calls"), ["menurule", "call", "calltask", "reservation", "panelopening", "webhookdelivery"]),
        _group(_("Audit"), ["accessentry", "configurationchange"]),
    ]


def _group(title: str, names: list[str]) -> dict[str, Any]:
    own = {"slowsystem": _("Slow and failing systems")}
    links = [
        {
            "title": own.get(name) or capfirst(apps.get_model("integrations", name)._meta.verbose_name_plural),
            "link": reverse(f"admin:integrations_{name}_changelist"),
        }
        for name in names
    ]
    return {"title": title, "separator": True, "items": links}

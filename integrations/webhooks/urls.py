"""Addresses of webhooks."""

from __future__ import annotations

from django.urls import path

from integrations.twilio.events import Form
from integrations.webhooks.views import receive

urlpatterns = [
    path(f"<str:hook_key>/twilio/{form.value}", receive, {"form": form}, name=f"hooks-{form.value}")
    for form in (Form.TASK_EVENTS, Form.EVENT_STREAMS, Form.VOICE_STATUS)
]

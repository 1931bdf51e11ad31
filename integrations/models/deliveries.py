"""What others told the portal: each event as it was received, and what became of it."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from integrations.models.keys import KeyField
from integrations.models.organizations import Organization
from integrations.storage.encryption import EncryptedJSONField


class WebhookDelivery(models.Model):
    """One event of one source, stored before it was acknowledged. ``key`` is the source's own name for it.

    ``payload`` is what is read of it; null where the portal has no use for it. ``due_at``: not tried before;
    ``claimed_at``: when the runner took it that works on it.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waits")
        DONE = "done", _("processed")
        IGNORED = "ignored", _("of no use here")
        DEAD = "dead", _("given up")

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="deliveries")
    source = KeyField(_("source"), max_length=40)
    key = KeyField(_("event"), max_length=100)
    kind = KeyField(_("what"), max_length=80)
    payload = EncryptedJSONField(null=True, editable=False)
    received_at = models.DateTimeField(_("received"), default=timezone.now)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    due_at = models.DateTimeField(_("next attempt"), default=timezone.now)
    claimed_at = models.DateTimeField(null=True, blank=True, editable=False)
    error = models.CharField(_("last error"), max_length=200, blank=True)

    class Meta:
        ordering = ["-received_at"]
        constraints = [models.UniqueConstraint(fields=["organization", "key"], name="delivery_once")]
        indexes = [
            models.Index(fields=["state", "due_at"], name="deliveries_due"),
            models.Index(fields=["organization", "-received_at"], name="deliveries_recent"),
            models.Index(fields=["organization", "kind", "-received_at"], name="deliveries_of_kind"),
        ]
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class CallIntake(models.Model):
    """How far an organisation's call events were read. Its row is locked while one is applied: they go one after another.

    ``read_until``: account SID → until when its events were fetched. ``problems``: account SID → why they cannot be.
    """

    organization = models.OneToOneField(Organization, on_delete=models.CASCADE, related_name="call_intake")
    read_until = models.JSONField(default=dict)
    problems = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("intake of call events")
        verbose_name_plural = _("intakes of call events")

    def __str__(self) -> str:
        return str(self.organization_id)

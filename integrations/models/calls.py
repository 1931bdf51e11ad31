"""Calls: what an agent's panel is about. Numbers are encrypted, with a keyed index beside them."""

from __future__ import annotations

import secrets

from django.db import models
from django.utils.translation import gettext_lazy as _

from integrations.models.connectors import Connector
from integrations.models.keys import KeyField
from integrations.models.organizations import Organization
from integrations.models.people import Person
from integrations.storage.encryption import INDEX_VERSION, EncryptedTextField, blind_index


def new_panel_key() -> str:
    """128 random bits in lower hex: names a call's panel and grants nothing."""
    return secrets.token_hex(16)


class Direction(models.TextChoices):
    INBOUND = "inbound", _("inbound")
    OUTBOUND = "outbound", _("outbound")


class Call(models.Model):
    """One call, or one look at a number from the dashboard. ``number`` is E.164; empty when withheld.

    ``from_events``: nobody but Twilio's events named it; ``number_doubted``: the phone network did not
    vouch for it; ``number_at``: of the event that the number is of. ``status`` is of
    the call itself, which the caller may have ended while an agent still holds a task of it. A ``mark`` says how far
    something has come; a smaller one changes nothing (see ``calls.progress``).
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="calls")
    key = KeyField(max_length=32, unique=True, default=new_panel_key, editable=False)
    call_sid = KeyField(_("call SID"), max_length=64, null=True, blank=True)
    direction = models.CharField(max_length=8, choices=Direction.choices, default=Direction.INBOUND)
    number = EncryptedTextField(blank=True, default="")
    number_index = KeyField(max_length=64, blank=True, default="", db_index=True)
    index_version = models.PositiveSmallIntegerField(default=INDEX_VERSION)
    named_by_api = models.BooleanField(default=False)
    from_events = models.BooleanField(default=False)
    number_doubted = models.BooleanField(default=False)
    number_at = models.DateTimeField(null=True, blank=True)
    status = models.CharField(_("status"), max_length=16, blank=True, default="")
    status_at = models.DateTimeField(null=True, blank=True)
    status_mark = KeyField(max_length=24, blank=True, default="")
    duration_s = models.PositiveIntegerField(_("took (s)"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    touched_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-touched_at"]
        constraints = [models.UniqueConstraint(fields=["organization", "call_sid"], name="call_sid_per_organization")]
        indexes = [
            models.Index(fields=["organization", "-touched_at"], name="calls_recent"),
            models.Index(fields=["organization", "named_by_api", "-touched_at"], name="calls_named"),
            models.Index(fields=["status", "status_at"], name="calls_by_status"),
        ]
        verbose_name = _("call")
        verbose_name_plural = _("calls")

    def __str__(self) -> str:
        return self.call_sid or self.key

    def set_number(self, e164: str) -> None:
        """``""`` for a withheld caller."""
        self.number = e164
        self.number_index = blind_index(e164, scope=f"call:{self.organization_id}") if e164 else ""
        self.index_version = INDEX_VERSION


class CallTask(models.Model):
    """A TaskRouter task of the call. ``link`` says by what it belongs to the call; ``state`` is empty until an event tells."""

    class Kind(models.TextChoices):
        INBOUND = "inbound", _("inbound")
        CALLBACK = "callback", _("callback")
        VOICEMAIL = "voicemail", _("voicemail")
        OUTBOUND = "outbound", _("outbound")

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="tasks")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    task_sid = KeyField(_("task SID"), max_length=34)
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.INBOUND)
    channel = KeyField(max_length=40, blank=True, default="voice")
    parent = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="children")
    link = KeyField(max_length=80, blank=True, default="")
    state = models.CharField(_("state"), max_length=16, blank=True, default="")
    state_at = models.DateTimeField(null=True, blank=True)
    mark = KeyField(max_length=24, blank=True, default="")
    began_at = models.DateTimeField(_("began"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["organization", "task_sid"], name="task_sid_per_organization")]
        indexes = [models.Index(fields=["ended_at", "state_at"], name="tasks_open")]
        verbose_name = _("call task")
        verbose_name_plural = _("call tasks")

    def __str__(self) -> str:
        return self.task_sid


class Reservation(models.Model):
    """A worker's hold on a task."""

    task = models.ForeignKey(CallTask, on_delete=models.CASCADE, related_name="reservations")
    reservation_sid = KeyField(max_length=34)
    worker_sid = KeyField(max_length=34)
    state = models.CharField(max_length=16)
    state_at = models.DateTimeField(null=True, blank=True)
    mark = KeyField(max_length=24, blank=True, default="")
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-began_at"]
        constraints = [models.UniqueConstraint(fields=["task", "reservation_sid"], name="reservation_sid_per_task")]
        indexes = [models.Index(fields=["ended_at", "state_at"], name="reservations_open")]
        verbose_name = _("reservation")
        verbose_name_plural = _("reservations")

    def __str__(self) -> str:
        return self.reservation_sid


class CallRecord(models.Model):
    """A record in one system of which an agent said that it is the call's caller, or that it is not.

    ``found_by``: what the caller was searched for with; empty where they were found by their number.
    """

    class State(models.TextChoices):
        PICKED = "picked", _("is calling")
        REJECTED = "rejected", _("is not calling")

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="records")
    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="+")
    record_id = KeyField(max_length=190)
    state = models.CharField(max_length=8, choices=State.choices, default=State.PICKED)
    found_by = EncryptedTextField(blank=True, default="")
    person = models.ForeignKey(Person, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["call", "connector", "record_id"], name="record_once_per_call")]
        verbose_name = _("call record")
        verbose_name_plural = _("call records")

    def __str__(self) -> str:
        return f"{self.connector_id}:{self.record_id}"


class Voicemail(models.Model):
    """A message that a call left. Its recording stays with Twilio; here is only by what to tell it apart."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    recording_sid = KeyField(max_length=34)
    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="voicemails")
    task_sid = KeyField(max_length=34, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["organization", "recording_sid"], name="voicemail_once_per_recording")]
        verbose_name = _("voicemail")
        verbose_name_plural = _("voicemails")

    def __str__(self) -> str:
        return self.recording_sid


class IdentityCheck(models.Model):
    """Whether it was checked that the call's caller is who they are taken for. The answers themselves are nowhere.

    ``records`` are ``[connector key, record id]`` of the person whom ``outcome`` is about.
    """

    class Outcome(models.TextChoices):
        PASSED = "passed", _("passed")
        SKIPPED = "skipped", _("skipped with a reason")

    call = models.OneToOneField(Call, on_delete=models.CASCADE, related_name="identity_check")
    outcome = models.CharField(max_length=8, choices=Outcome.choices, blank=True, default="")
    records = models.JSONField(default=list)
    person = models.ForeignKey(Person, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("identity check")
        verbose_name_plural = _("identity checks")

    def __str__(self) -> str:
        return f"{self.call_id}: {self.outcome}"


class IdentityTries(models.Model):
    """How many answers were given in vain about a person, by one of their records (keyed, so that it is not told)."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    record = KeyField(max_length=64)
    used = models.PositiveSmallIntegerField(default=0)
    last_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "record"], name="tries_once_per_record")]
        indexes = [models.Index(fields=["last_at"], name="tries_by_time")]
        verbose_name = _("answers about a person")
        verbose_name_plural = _("answers about people")

    def __str__(self) -> str:
        return f"{self.record[:8]}: {self.used}"


class PanelOpening(models.Model):
    """A person opened the panel of a call."""

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="openings")
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="openings")
    opened_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-opened_at"]
        constraints = [models.UniqueConstraint(fields=["call", "person"], name="opening_once_per_person")]
        indexes = [models.Index(fields=["person", "-opened_at"], name="openings_recent")]
        verbose_name = _("panel opening")
        verbose_name_plural = _("panel openings")

    def __str__(self) -> str:
        return f"{self.call_id}/{self.person_id}"

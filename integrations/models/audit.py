"""The audit trail: one hash chain of access entries per organisation. Rows are only ever added."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.utils.translation import gettext_lazy as _

from integrations.models.keys import KeyField
from integrations.models.organizations import Organization

FORMAT_VERSION = 1


class Event(models.TextChoices):
    """What an entry tells of. Stored in chains that cannot be rewritten: a word that is used stays, with its meaning."""

    LOOKUP = "lookup", _("caller looked up")
    OPEN = "open", _("panel opened")
    REVEAL = "reveal", _("field revealed with a reason")
    SEARCH = "search", _("people searched for")
    PICK = "pick", _("caller picked among several")
    NOT_THIS_PERSON = "not_this_person", _("said not to be calling")
    CHOOSE_AGAIN = "choose_again", _("choice of the caller taken back")
    IDENTITY_CHECK = "identity_check", _("caller's identity checked")
    AVAILABILITY = "availability", _("asked what is free")
    DENIED = "denied", _("refused")
    PROBING = "probing", _("many unknown numbers looked up")
    LOG_IN = "log_in", _("logged in")
    LOG_OUT = "log_out", _("logged out")
    ADMIN_CHANGE = "admin_change", _("settings changed")
    CONFIG_IMPORT = "config_import", _("configuration file imported")
    LIST_PREVIEW = "list_preview", _("rows of a list looked at")
    AUDIT_EXPORT = "audit_export", _("audit trail exported")


class ActorKind(models.TextChoices):
    """The kinds of who did it. Words that are used stay, as an event's do."""

    PERSON = "person", _("person of the organisation")
    USER = "user", _("user without a part in it")
    API_KEY = "api_key", _("API key")
    TWILIO = "twilio", _("Twilio account")
    OPERATOR = "operator", _("operator, by a command")
    PORTAL = "portal", _("the portal itself")
    ANONYMOUS = "anonymous", _("somebody not logged in")


class Channel(models.TextChoices):
    """The places where it was done. Words that are used stay, as an event's do."""

    PANEL = "panel", _("panel")
    DASHBOARD = "dashboard", _("agents' page")
    API = "api", _("API")
    STUDIO = "studio", _("Studio")
    ADMIN = "admin", _("administration")
    COMMAND = "command", _("command")
    RUNNER = "runner", _("runner")


class AuditHead(models.Model):
    """The end of an organisation's chain; its row is locked while the chain grows."""

    organization = models.OneToOneField(Organization, on_delete=models.PROTECT, related_name="audit_head")
    seq = models.PositiveBigIntegerField(default=0)
    hash = KeyField(max_length=64, blank=True, default="")

    class Meta:
        verbose_name = _("end of the audit chain")
        verbose_name_plural = _("ends of the audit chains")

    def __str__(self) -> str:
        return f"{self.organization_id}@{self.seq}"


@receiver(post_save, sender=Organization)
def begin_chain(sender: object, instance: Organization, created: bool, raw: bool = False, **_facts: Any) -> None:
    """Every organisation has its chain's end from the start: made on demand, two writers could lock each other out."""
    if created and not raw:
        AuditHead.objects.create(organization=instance)


class AccessEntry(models.Model):
    """One entry of the trail: who saw, asked for or was refused what, of whom, and why.

    ``subject_key`` is the caller's number keyed with the organisation's audit secret, ``subject_sealed`` the number
    encrypted with it: destroying the secret makes both unreadable. ``fields`` lists ``{"field", "effect", "sources"}``.
    ``hash`` covers every other column and ``prev_hash``.
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="access_entries")
    seq = models.PositiveBigIntegerField()
    prev_hash = KeyField(max_length=64, blank=True)
    hash = KeyField(max_length=64)
    format_version = models.PositiveSmallIntegerField(default=FORMAT_VERSION)
    segment = models.PositiveIntegerField(default=0)
    at = models.DateTimeField()
    event = models.CharField(_("event"), max_length=40, choices=Event.choices)
    outcome = models.CharField(_("outcome"), max_length=40, blank=True)
    actor_kind = models.CharField(_("kind of actor"), max_length=16, choices=ActorKind.choices)
    actor_id = KeyField(max_length=64, blank=True)
    actor_label = models.CharField(_("who"), max_length=200, blank=True)
    person_id = models.BigIntegerField(null=True, blank=True)
    team = KeyField(max_length=80, blank=True)
    tier = KeyField(max_length=40, blank=True)
    channel = models.CharField(_("where"), max_length=20, blank=True, choices=Channel.choices)
    address = KeyField(max_length=64, blank=True)
    purpose = models.CharField(_("why"), max_length=500, blank=True)
    subject_key = KeyField(max_length=64, blank=True)
    subject_sealed = models.TextField(blank=True)
    key_version = models.PositiveSmallIntegerField(default=1)
    call_sid = KeyField(max_length=64, blank=True)
    task_sid = KeyField(max_length=34, blank=True)
    panel_key = KeyField(max_length=32, blank=True)
    view_id = KeyField(max_length=32, blank=True)
    sources = models.JSONField(default=list)
    fields = models.JSONField(default=list)
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ["-seq"]
        constraints = [models.UniqueConstraint(fields=["organization", "seq"], name="chain_position")]
        indexes = [
            models.Index(fields=["organization", "-at"], name="audit_by_time"),
            models.Index(fields=["organization", "subject_key", "-at"], name="audit_by_subject"),
            models.Index(fields=["organization", "person_id", "-at"], name="audit_by_person"),
            models.Index(fields=["organization", "call_sid"], name="audit_by_call"),
            models.Index(fields=["organization", "event", "-seq"], name="audit_by_event"),
        ]
        verbose_name = _("access entry")
        verbose_name_plural = _("access entries")

    def __str__(self) -> str:
        return f"{self.seq} {self.event}"

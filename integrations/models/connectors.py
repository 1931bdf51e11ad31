"""Configured sources, and an organisation's own fields."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from integrations.models.keys import KeyField, NameField
from integrations.models.organizations import Organization, validate_currency, validate_region
from integrations.profile import FIELDS, Field, FieldType, Section, Sensitivity, vocabulary_with
from integrations.redaction import is_never
from integrations.storage.encryption import EncryptedJSONField, EncryptedTextField

key_validator = RegexValidator(r"\A[a-z0-9][a-z0-9-]{0,39}\Z", _("Use up to 40 lower-case letters, digits and hyphens."))
field_name_validator = RegexValidator(
    r"\A[a-z][a-z0-9_]{0,63}\Z", _("Use up to 64 lower-case letters, digits and underscores, a letter first.")
)


class CustomField(models.Model):
    """A field that an organisation adds to the vocabulary."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="custom_fields")
    name = NameField(_("name"), max_length=64, validators=[field_name_validator])
    label = models.CharField(_("label"), max_length=80)
    type = models.CharField(_("type"), max_length=16, choices=[(t.value, t.value) for t in FieldType], default=FieldType.TEXT)
    sensitivity = models.CharField(
        _("sensitivity"), max_length=12, choices=[(s.value, s.value) for s in Sensitivity if s is not Sensitivity.NEVER]
    )
    section = models.CharField(
        _("card"), max_length=16, choices=[(s.value, s.value) for s in Section], default=Section.ACCOUNT.value
    )
    cacheable = models.BooleanField(_("may be kept for a few minutes"), default=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="field_name_per_organization")]
        verbose_name = _("custom field")
        verbose_name_plural = _("custom fields")

    def __str__(self) -> str:
        return self.label

    def clean(self) -> None:
        if self.name in FIELDS or self.name in set(Sensitivity):
            raise ValidationError({"name": _("The portal already has a field or sensitivity of this name.")})
        if is_never(self.name):
            raise ValidationError({"name": _("Values of this kind are never shown, so no field can hold them.")})

    def definition(self) -> Field:
        """The field as a word of the vocabulary."""
        return Field(
            self.name, self.label, Section(self.section), FieldType(self.type), Sensitivity(self.sensitivity), self.cacheable
        )


def vocabulary_of(organization: Organization) -> dict[str, Field]:
    """Every field that an organisation's callers may have, by name. (sync)"""
    return vocabulary_with(own.definition() for own in organization.custom_fields.all())


class Connector(models.Model):
    """One system that an organisation has connected.

    ``options`` and ``fields`` are checked by the kind's own models when saved; ``version`` grows with every save, so
    that every process notices a change. ``details_by`` names the connector whose record id is sent as customer id,
    or ``field:account_id``, ``field:email``. ``allow_private`` is True or a list of names, addresses and networks.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="connectors")
    key = NameField(_("key"), max_length=40, validators=[key_validator])
    kind = KeyField(_("kind"), max_length=40)
    name = models.CharField(_("name"), max_length=80)
    enabled = models.BooleanField(_("enabled"), default=True)
    priority = models.PositiveIntegerField(
        _("priority"), default=100, help_text=_("When systems disagree, the lower number wins.")
    )
    essential = models.BooleanField(_("essential"), default=False)
    timeout_ms = models.PositiveIntegerField(
        _("time to wait (ms)"), default=5_000, validators=[MinValueValidator(50), MaxValueValidator(6_000)]
    )
    allow_private = models.JSONField(_("private addresses allowed"), default=list, blank=True)
    hosts = models.JSONField(_("other hosts allowed"), default=list, blank=True)
    region = models.CharField(
        _("country of its numbers"),
        max_length=2,
        blank=True,
        default="",
        validators=[validate_region],
        help_text=_("Two letters, where it is not your organisation's. Stored numbers without a country code are read as its."),
    )
    currency = models.CharField(
        _("currency"),
        max_length=3,
        blank=True,
        validators=[validate_currency],
        help_text=_("Three letters, of amounts that name none, like USD. Empty: the organisation's."),
    )
    cache = models.JSONField(_("cache"), default=dict, blank=True)
    limits = models.JSONField(_("limits"), default=dict, blank=True)
    options = models.JSONField(_("options"), default=dict, blank=True)
    secrets = EncryptedJSONField(_("secrets"), default=dict, blank=True)
    secret_refs = models.JSONField(default=dict, blank=True, editable=False)
    fields = models.JSONField(_("fields"), default=dict, blank=True)
    details_by = KeyField(_("asked by"), max_length=80, blank=True)
    fallback_for = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="fallbacks", verbose_name=_("stands in for")
    )
    version = models.PositiveIntegerField(default=1, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["priority", "key"]
        constraints = [models.UniqueConstraint(fields=["organization", "key"], name="connector_key_per_organization")]
        verbose_name = _("connected system")
        verbose_name_plural = _("connected systems")

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Every save is a new configuration version."""
        if self.pk:
            self.version += 1
            if (names := kwargs.get("update_fields")) is not None:
                kwargs["update_fields"] = {*names, "version", "updated_at"}
        super().save(*args, **kwargs)


class RestrictedRecord(models.Model):
    """A client whom only the tier ``admin`` may see, named by their record in one system.

    For systems that hold no such mark themselves; the field ``restricted`` says the same where they do.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="restricted_records")
    connector = models.ForeignKey(
        Connector, on_delete=models.CASCADE, related_name="restricted_records", verbose_name=_("system")
    )
    record_id = KeyField(
        _("record id"),
        max_length=190,
        help_text=_("As the system names the record; in most it is the last part of the page's address."),
    )
    note = EncryptedTextField(
        _("note"), blank=True, default="", help_text=_("For other admins. It is kept encrypted; write no more than they need.")
    )
    added_by = models.CharField(_("added by"), max_length=200, blank=True, editable=False)
    added_at = models.DateTimeField(_("added"), auto_now_add=True)

    class Meta:
        ordering = ["-added_at"]
        constraints = [models.UniqueConstraint(fields=["connector", "record_id"], name="restricted_once")]
        verbose_name = _("restricted client")
        verbose_name_plural = _("restricted clients")

    def __str__(self) -> str:
        return f"{self.connector}: {self.record_id}"

    def clean(self) -> None:
        self.record_id = self.record_id.strip()
        if not self.record_id:
            raise ValidationError({"record_id": _("Enter the id that the system has for this record.")})
        if self.connector_id and self.organization_id and self.connector.organization_id != self.organization_id:
            raise ValidationError({"connector": _("Choose a system of the same organisation.")})

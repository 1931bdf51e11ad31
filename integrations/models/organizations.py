"""Tenants: an organisation and its Twilio accounts."""

from __future__ import annotations

import secrets
from typing import Any
from zoneinfo import available_timezones

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from integrations.models.keys import KeyField, NameField
from integrations.money import CURRENCIES, currency_of
from integrations.storage.encryption import EncryptedJSONField, EncryptedTextField

SYSTEM_SLUG = "system"  # holds the audit chain of what belongs to no organisation
RESERVED_SLUGS = frozenset({SYSTEM_SLUG, "session"})

# What of a caller Twilio Studio may be sent beside what calls are routed by.
STUDIO_SHARE = ("name", "email", "customer")

slug_validator = RegexValidator(r"\A[a-z0-9-]{2,40}\Z", _("Use 2 to 40 lower-case letters, digits and hyphens."))


def new_hook_key() -> str:
    """128 random bits in lower hex."""
    return secrets.token_hex(16)


def new_audit_secret() -> str:
    """256 random bits. Destroying an organisation's is the erasure of its audit subjects."""
    return secrets.token_hex(32)


def default_retention() -> dict[str, int]:
    """Days that each kind of row is kept."""
    return {"audit": 2190, "calls": 365, "attempts": 30, "deliveries": 30}


def default_languages() -> list[str]:
    return ["en"]


def default_studio_share() -> list[str]:
    return list(STUDIO_SHARE)


def default_flex_roles() -> dict[str, dict[str, str]]:
    """Flex role → portal role and tier."""
    return {
        "agent": {"role": "agent", "tier": "basic"},
        "supervisor": {"role": "supervisor", "tier": "advanced"},
        "admin": {"role": "admin", "tier": "admin"},
    }


def validate_timezone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(_("%(name)s is not a time zone. Use a name like America/Los_Angeles."), params={"name": name})


def validate_region(code: str) -> None:
    if code not in phonenumbers.SUPPORTED_REGIONS:
        raise ValidationError(_("%(code)s is not a country code. Use two letters, like US."), params={"code": code})


def validate_currency(code: str) -> None:
    if code not in CURRENCIES:
        raise ValidationError(_("%(code)s is not a currency. Use three letters, like USD."), params={"code": code})


def validate_slug(slug: str) -> None:
    slug_validator(slug)
    if slug in RESERVED_SLUGS:
        raise ValidationError(_("%(slug)s is reserved. Choose another short name."), params={"slug": slug})


class IdentityQuestion(models.TextChoices):
    """What a caller is asked before money and health are shown; nothing else of the portal knows them by sight."""

    OFF = "off", _("nothing")
    BIRTH_DATE = "birth_date", _("their date of birth")
    ZIP = "zip", _("their ZIP code")

    @property
    def answered_by(self) -> str:
        """The field that holds the answer; empty if nothing is asked for."""
        return {"off": "", "birth_date": "date_of_birth", "zip": "address"}[self.value]


class OrganizationQuerySet(models.QuerySet["Organization"]):
    def tenants(self) -> OrganizationQuerySet:
        """All but the reserved one."""
        return self.exclude(slug=SYSTEM_SLUG)

    def system(self) -> Organization:
        """The reserved one, on whose audit chain stands what belongs to no tenant."""
        return self.get_or_create(slug=SYSTEM_SLUG, defaults={"name": "System"})[0]


class Organization(models.Model):
    """A tenant. Its audit secret is never rotated: audit subjects are keyed with it."""

    slug = NameField(_("short name"), max_length=40, unique=True, validators=[validate_slug])
    name = models.CharField(_("name"), max_length=200)
    timezone = models.CharField(_("time zone"), max_length=64, default="UTC", validators=[validate_timezone])
    region = models.CharField(
        _("country"),
        max_length=2,
        default="US",
        validators=[validate_region],
        help_text=_("Two letters. Phone numbers without a country code are read as numbers of this country."),
    )
    currency = models.CharField(
        _("currency"),
        max_length=3,
        blank=True,
        validators=[validate_currency],
        help_text=_("Three letters, of amounts that name none. Empty: that of the country."),
    )
    languages = models.JSONField(_("languages"), default=default_languages)
    identity_check = models.CharField(
        _("callers are asked for"),
        max_length=12,
        choices=IdentityQuestion.choices,
        default=IdentityQuestion.OFF,
        help_text=_(
            "Before financial and health fields are shown beside a call. The answer is compared and never shown. "
            "Programs cannot ask, so their answers leave these fields out."
        ),
    )
    shared_numbers = models.JSONField(
        _("numbers that many people share"),
        default=list,
        blank=True,
        help_text=_("Of a care home, a shelter, a switchboard. Nobody is taken for the caller by them."),
    )
    origins = models.JSONField(
        _("who may frame the panel"), default=list, blank=True, help_text=_("Web addresses, like https://flex.twilio.com.")
    )
    studio_share = models.JSONField(_("what Twilio Studio is sent"), default=default_studio_share, blank=True)
    retention_days = models.JSONField(_("days to keep"), default=default_retention)
    flex_roles = models.JSONField(_("Flex roles"), default=default_flex_roles, blank=True)
    hook_key = KeyField(_("webhook key"), max_length=32, unique=True, default=new_hook_key, editable=False)
    audit_secret = EncryptedTextField(default=new_audit_secret, editable=False)
    audit_key_version = models.PositiveSmallIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        verbose_name = _("organisation")
        verbose_name_plural = _("organisations")

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; without a currency it gets its country's."""
        if not self.currency:
            self.currency = currency_of(self.region)
            if (names := kwargs.get("update_fields")) is not None:
                kwargs["update_fields"] = {*names, "currency"}
        super().save(*args, **kwargs)


class TwilioAccount(models.Model):
    """An account or sub-account; each signs its webhooks with its own tokens."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="twilio_accounts")
    account_sid = KeyField(
        _("account SID"),
        max_length=34,
        unique=True,
        validators=[RegexValidator(r"\AAC[0-9a-f]{32}\Z", _("An account SID is AC followed by 32 digits or letters a to f."))],
    )
    auth_tokens = EncryptedJSONField(_("auth tokens"), default=list, help_text=_("Newest first while rotating."))
    auth_token_refs = models.JSONField(default=list, blank=True, editable=False)
    api_key_sid = KeyField(
        _("API key SID"),
        max_length=34,
        blank=True,
        validators=[RegexValidator(r"\ASK[0-9a-f]{32}\Z", _("An API key SID is SK followed by 32 digits or letters a to f."))],
        help_text=_("With which the portal asks Twilio. Without one it takes the auth token."),
    )
    api_secret = EncryptedTextField(_("API key's secret"), blank=True, default="")
    api_secret_ref = models.CharField(max_length=200, blank=True, default="", editable=False)
    tier = models.ForeignKey(
        "integrations.Tier",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="twilio_accounts",
        verbose_name=_("tier"),
        help_text=_("What this account's Studio flows may see of a caller. Empty: the tier basic."),
    )
    workspace_sid = KeyField(
        _("workspace SID"),
        max_length=34,
        blank=True,
        validators=[RegexValidator(r"\AWS[0-9a-f]{32}\Z", _("A workspace SID is WS followed by 32 digits or letters a to f."))],
    )

    class Meta:
        ordering = ["account_sid"]
        verbose_name = _("Twilio account")
        verbose_name_plural = _("Twilio accounts")

    def __str__(self) -> str:
        return f"…{self.account_sid[-6:]}"

    def clean(self) -> None:
        if self.tier and self.organization_id and self.tier.organization_id != self.organization_id:
            raise ValidationError({"tier": _("Choose a tier of the same organisation.")})

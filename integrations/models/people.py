"""People and programs that ask, and what each may see: users, people of an organisation, tiers with their rules, API keys."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from integrations.models.keys import KeyField, NameField
from integrations.models.organizations import Organization
from integrations.profile import Field, Sensitivity

API_SCOPES = ("lookup", "enrich", "availability", "health")
# What a new organisation starts with: tier → sensitivity or field → effect. What is not named is hidden.
DEFAULT_TIERS: dict[str, dict[str, str]] = {
    "basic": {"basic": "clear", "personal": "mask", "financial": "reveal", "health": "reveal"},
    "advanced": {
        "basic": "clear",
        "personal": "clear",
        "financial": "clear",
        "health": "clear",
        "date_of_birth": "mask",
        "notes": "reveal",
    },
    "admin": {"basic": "clear", "personal": "clear", "financial": "clear", "health": "clear"},
}


class User(AbstractUser):
    """Someone who logs in. What they may see comes from their Person in an organisation, never from the user."""

    username = NameField(
        _("user name"),
        max_length=150,
        unique=True,
        validators=[UnicodeUsernameValidator()],
        error_messages={"unique": _("This user name is taken.")},
    )

    class Meta(AbstractUser.Meta):
        abstract = False


class Effect(models.TextChoices):
    """What a viewer gets of a field."""

    CLEAR = "clear", _("shown")
    MASK = "mask", _("masked, cannot be revealed")
    REVEAL = "reveal", _("hidden until revealed with a reason")
    HIDE = "hide", _("not shown")


class Tier(models.Model):
    """A named set of rules. No rule for a field means hide."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="tiers")
    name = NameField(_("name"), max_length=40, db_index=True, validators=[validate_slug])

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="tier_name_per_organization")]
        verbose_name = _("tier")
        verbose_name_plural = _("tiers")

    def __str__(self) -> str:
        return self.name


def make_default_tiers(organization: Organization) -> None:
    """Give a new organisation the tiers of DEFAULT_TIERS with their rules."""
    for name, rules in DEFAULT_TIERS.items():
        tier = Tier.objects.create(organization=organization, name=name)
        TierRule.objects.bulk_create(TierRule(tier=tier, target=target, effect=effect) for target, effect in rules.items())


def rule_for(field: Field, rules: Mapping[str, str]) -> str | None:
    """The target among ``rules`` that decides over the field, if any: a field rule beats a sensitivity rule."""
    return next((target for target in (field.name, field.sensitivity.value) if target in rules), None)


class TierRule(models.Model):
    """``target`` is a sensitivity or a field's name; a field rule beats a sensitivity rule."""

    tier = models.ForeignKey(Tier, on_delete=models.CASCADE, related_name="rules")
    target = KeyField(_("field or sensitivity"), max_length=64)
    effect = models.CharField(_("effect"), max_length=8, choices=Effect.choices)

    class Meta:
        ordering = ["target"]
        constraints = [models.UniqueConstraint(fields=["tier", "target"], name="one_rule_per_target")]
        verbose_name = _("rule")
        verbose_name_plural = _("rules")

    def __str__(self) -> str:
        return f"{self.target}: {self.get_effect_display()}"

    def clean(self) -> None:
        if self.target == Sensitivity.NEVER:
            raise ValidationError({"target": _("Fields that are never shown cannot be given a rule.")})


class Role(models.TextChoices):
    """What a person does in the portal; what they see of callers is their tier's matter."""

    AGENT = "agent", _("agent")
    SUPERVISOR = "supervisor", _("supervisor")
    ADMIN = "admin", _("admin")


class Person(models.Model):
    """A user, a Flex worker, or both, within one organisation."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="people")
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True, related_name="people")
    worker_sid = KeyField(_("Flex worker SID"), max_length=34, null=True, blank=True)
    role = models.CharField(_("role"), max_length=12, choices=Role.choices, default=Role.AGENT)
    team = KeyField(_("team"), max_length=80, blank=True)
    tier = models.ForeignKey(Tier, on_delete=models.PROTECT, related_name="people")
    active = models.BooleanField(_("active"), default=True)

    class Meta:
        ordering = ["user__username", "worker_sid"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "user"], name="person_per_user"),
            models.UniqueConstraint(fields=["organization", "worker_sid"], name="person_per_worker"),
        ]
        verbose_name = _("person")
        verbose_name_plural = _("people")

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """How the portal names them to others."""
        if self.user:
            return self.user.get_full_name() or self.user.get_username()
        return self.worker_sid or f"#{self.pk}"

    def clean(self) -> None:
        if self.tier_id and self.organization_id and self.tier.organization_id != self.organization_id:
            raise ValidationError({"tier": _("Choose a tier of the same organisation.")})


def new_api_key() -> str:
    """A key to be shown once."""
    return f"connie_{secrets.token_urlsafe(32)}"


def hash_api_key(key: str) -> str:
    """SHA-256 in lower hex. The keys are random, so a fast hash loses nothing."""
    return hashlib.sha256(key.encode()).hexdigest()


class ApiKey(models.Model):
    """A program's way in: hashed, of one organisation, with a tier and scopes."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="api_keys")
    name = NameField(_("name"), max_length=80)
    hash = KeyField(max_length=64, unique=True, editable=False)
    hint = models.CharField(_("ends with"), max_length=4, blank=True, editable=False)
    reference = models.CharField(max_length=200, blank=True, editable=False)
    tier = models.ForeignKey(Tier, on_delete=models.PROTECT, related_name="api_keys")
    scopes = models.JSONField(_("scopes"), default=list)
    active = models.BooleanField(_("active"), default=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="api_key_name_per_organization")]
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return self.name

    def set_key(self, key: str) -> None:
        """Keep the hash and the last four characters of ``key``, and forget it."""
        self.hash, self.hint = hash_api_key(key), key[-4:]

    @property
    def usable(self) -> bool:
        return self.active and (self.expires_at is None or self.expires_at > timezone.now())

    def clean(self) -> None:
        if self.tier_id and self.organization_id and self.tier.organization_id != self.organization_id:
            raise ValidationError({"tier": _("Choose a tier of the same organisation.")})
        if not isinstance(self.scopes, list) or not set(self.scopes) <= set(API_SCOPES):
            raise ValidationError({"scopes": _("Scopes are a list out of: %(known)s.") % {"known": ", ".join(API_SCOPES)}})

"""What calls are routed by: the rules of an organisation's menu."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from integrations.conditions import BadCondition, parse
from integrations.models.connectors import vocabulary_of
from integrations.models.keys import NameField
from integrations.models.organizations import Organization
from integrations.profile import Field, FieldType, Sensitivity
from integrations.sentences import in_language

MAX_OPTIONS = 10
# What a rule gives a flow. What is empty is left to other rules.
GIVEN = ("greeting", "options", "queue", "priority", "preferred_agent", "language", "interpreter")
# Flows get it masked, whatever the tier sees, so it decides nothing.
_NEVER_ASKED = frozenset({"email"})
_BREAKING = re.compile(r"[\"\\{}<>`]")

option_validator = RegexValidator(
    r"\A[A-Za-z0-9][A-Za-z0-9 _-]{0,23}\Z", _("Use up to 24 letters from a to z, digits, blanks, hyphens and underscores.")
)
language_validator = RegexValidator(r"\A[a-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z", _("Use a code of a language, like en or es."))


def plain_validator(text: str) -> None:
    """A flow's author puts the text into JSON or Liquid by hand."""
    if _BREAKING.search(text) or not text.isprintable():
        raise ValidationError(_("Write it on one line, without quotation marks, curly or angle brackets and backslashes."))


def short_validator(text: str) -> None:
    """Keep it short enough for a task, in which each character that is not ASCII takes six."""
    if len(json.dumps(text)) > 60:
        raise ValidationError(_("Use at most 58 characters; each with an accent counts as six."))


def rule_types(vocabulary: Mapping[str, Field]) -> dict[str, FieldType]:
    """The fields that a rule may ask about."""
    return {
        name: field.type
        for name, field in vocabulary.items()
        if field.sensitivity is not Sensitivity.NEVER and name not in _NEVER_ASKED
    }


def gives_nothing(rule: Mapping[str, Any]) -> bool:
    return all(rule[name] in ("", [], None) for name in GIVEN)


GIVES_NOTHING = _("Say what the rule gives: a greeting, options, a queue, a priority, an agent, a language or an interpreter.")


class MenuRule(models.Model):
    """Says whom it fits, and what a flow of Studio then gets: each value from the first rule that fits and gives it."""

    class Interpreter(models.TextChoices):
        YES = "yes", _("is needed")
        NO = "no", _("is not needed")

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="menu_rules")
    name = NameField(_("name"), max_length=80)
    enabled = models.BooleanField(_("enabled"), default=True)
    position = models.PositiveIntegerField(
        _("position"), default=100, help_text=_("Where two rules give the same, the one with the lower number counts.")
    )
    conditions = models.JSONField(_("whom it fits"), default=dict, blank=True)
    greeting = models.CharField(
        _("greeting"), max_length=200, blank=True, validators=[plain_validator], help_text=_("What the flow says first.")
    )
    options = models.JSONField(_("options"), default=list, blank=True)
    queue = models.CharField(_("queue"), max_length=58, blank=True, validators=[plain_validator, short_validator])
    priority = models.PositiveIntegerField(
        _("priority"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(10_000)],
        help_text=_("Of the task: the higher number is answered first. Usual is 0."),
    )
    preferred_agent = models.CharField(
        _("preferred agent"), max_length=58, blank=True, validators=[plain_validator, short_validator]
    )
    language = models.CharField(_("language"), max_length=20, blank=True, validators=[language_validator])
    interpreter = models.CharField(_("interpreter"), max_length=3, blank=True, choices=Interpreter.choices)

    class Meta:
        ordering = ["position", "name"]
        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="menu_rule_name_per_organization")]
        verbose_name = _("menu rule")
        verbose_name_plural = _("menu rules")

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.organization_id:
            try:
                parse(self.conditions, rule_types(vocabulary_of(self.organization)), self.organization.currency)
            except BadCondition as problem:
                raise ValidationError({"conditions": worded_problem(problem)}) from None
        if len(self.options) > MAX_OPTIONS:
            raise ValidationError({"options": _("Name at most %(count)d options.") % {"count": MAX_OPTIONS}})
        for option in self.options:
            try:
                option_validator(option)
            except ValidationError as problem:
                raise ValidationError({"options": problem.messages}) from None
        if gives_nothing({name: getattr(self, name) for name in GIVEN}):
            raise ValidationError(GIVES_NOTHING)


def worded_problem(problem: BadCondition) -> str:
    """The sentence for people, with the line that it is about."""
    sentence = in_language(problem.sentence, _t)
    lines = [part + 1 for part in problem.place if isinstance(part, int)]
    return _t("Line %(line)s: %(why)s") % {"line": ".".join(map(str, lines)), "why": sentence} if lines else sentence

"""The forms of a connected system: an input for everything that one line can hold, made from its kind's own models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.utils.text import capfirst, format_lazy
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from pydantic import ValidationError
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
)

from integrations.admin.checks import SECRET, connector_problems
from integrations.admin.mapping_field import MappingField
from integrations.admin.option_fields import PREFIX, ListField, option_fields, option_value
from integrations.admin.tenancy import TenantForm
from integrations.configuration.history import worded
from integrations.connectors import kinds
from integrations.connectors.aims import aimed_elsewhere
from integrations.connectors.base import Limits
from integrations.lookup.cache import FRESH_S, NEGATIVE_S, STALE_S
from integrations.models import Connector
from integrations.outbound.network import checked_host, checked_private

# The columns that hold an object whose keys have inputs of their own, by what these inputs' names begin with.
_BEGINNINGS = {"options": PREFIX, "cache": "cache-", "limits": "limits-"}
_BY_FIELD = {"field:account_id": _("the account that another system knows"), "field:email": _("the e-mail address")}


class NewConnectorForm(TenantForm):
    """The kind comes first, because everything else depends on it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # None is chosen already: somebody who has not read this far would get a form that asks for the wrong things.
        choices = [("", _("Choose")), *((name, kind.label) for name, kind in kinds().items())]
        help_text = _(
            "What the next page asks for depends on it. For a system that is not named here, take “Other system (HTTP)”."
        )
        self.fields["kind"] = forms.ChoiceField(
            label=_("Kind"), choices=choices, widget=UnfoldAdminSelectWidget, help_text=help_text
        )


class ConnectorForm(TenantForm):
    """Checked by the kind's own models. Secrets are entered and never shown; an empty one is kept."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kept_secrets: dict[str, str] = dict(self.instance.secrets or {})
        # What has an input of its own is not shown twice.
        self.initial["options"] = {
            name: value for name, value in self._stored("options").items() if f"{PREFIX}{name}" not in self.fields
        }
        for name, field in _opened(self.instance).items():
            if name in self.fields:  # only a superuser's form has them
                self.fields[name] = field
        if "fields" in self.fields:
            means = _(
                "Where each field stands in the system's records. Enter another place, as a JMESPath expression, only where "
                "yours differs; “Try it with a number” shows what is read."
            )
            self.fields["fields"] = MappingField(self.instance, label=_("Fields"), help_text=means)
        if "details_by" in self.fields:
            self.fields["details_by"] = _asked_by(self.instance)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if data.get("options", {}) is None:
            data["options"] = {}
        if isinstance(data.get("options", {}), dict):
            data["options"] = self._entered("options", data.get("options", self.initial["options"]))
        for column in ("cache", "limits"):
            data[column] = self._entered(column, self._stored(column))
        self._forget_what_was_for_another(data["options"])
        for name, sentence in connector_problems(self.instance, data, self._secrets()):
            self.add_error(*self._placed(name, sentence))
        return data

    @property
    def changed_data(self) -> list[str]:
        """The inputs that changed, without those that were not sent: what a program leaves out stays as it is."""
        made = tuple(_BEGINNINGS.values())
        return [name for name in super().changed_data if not name.startswith(made) or name in self.data]

    def _stored(self, column: str) -> dict[str, Any]:
        stored = getattr(self.instance, column)
        # As in the file, where what is left out has its default.
        return {name: value for name, value in stored.items() if value is not None} if isinstance(stored, dict) else {}

    def _entered(self, column: str, others: Mapping[str, Any]) -> dict[str, Any]:
        """What the column's inputs hold, over ``others``; an empty input means the default."""
        entered, beginning = dict(others), _BEGINNINGS[column]
        for name, field in self.fields.items():
            if name.startswith(beginning) and name in self.data:
                value = option_value(field, self.cleaned_data.get(name))
                entered.pop(name.removeprefix(beginning), None)
                if value is not None:
                    entered[name.removeprefix(beginning)] = value
        return entered

    def _placed(self, name: str, sentence: str) -> tuple[str | None, str]:
        """The problem, put at the input that its sentence is about."""
        key, _colon, rest = sentence.partition(": ")
        own = f"{_BEGINNINGS[name]}{key}" if name in _BEGINNINGS and rest else ""
        if own in self.data and own in self.fields:
            return own, rest
        inputs = [own for own in self.fields if name in _BEGINNINGS and own.startswith(_BEGINNINGS[name])]
        return name if name in self.fields else next(iter(inputs), None), sentence

    def _typed_secrets(self) -> dict[str, str]:
        typed = {name: self.cleaned_data.get(name) for name in self.fields if name.startswith(SECRET)}
        return {name.removeprefix(SECRET): value for name, value in typed.items() if value}

    def _secrets(self) -> dict[str, str]:
        return {**self._kept_secrets, **self._typed_secrets()}

    def _forget_what_was_for_another(self, options: Any) -> None:
        """A secret was entered for one server: before anything is asked of another, it is entered again."""
        stored = dict(self.instance.secrets or {})
        kind = kinds().get(self.instance.kind)
        if not kind or not isinstance(options, dict) or not aimed_elsewhere(kind, self.instance.options, options):
            return
        self._kept_secrets, typed = {}, self._typed_secrets()
        try:
            used = kind.Secrets.in_use(kind.Options.model_validate(options))
        except ValidationError:
            used = frozenset(stored)
        said = _("Enter this again: what is stored was entered for another address or another way to sign in.")
        for name, secret in stored.items():
            if secret and name in used and name not in typed:
                self.add_error(f"{SECRET}{name}" if f"{SECRET}{name}" in self.fields else None, said)

    def save(self, commit: bool = True) -> Any:
        for column in _BEGINNINGS:
            setattr(self.instance, column, self.cleaned_data[column])
        self.instance.secrets = self._secrets()
        # A configuration file's reference no longer names a secret that was typed over.
        typed, references = self._typed_secrets(), self.instance.secret_refs.items()
        self.instance.secret_refs = {
            name: reference for name, reference in references if name not in typed and name in self._kept_secrets
        }
        return super().save(commit)


class OpenedField(ListField):
    """Names with commas between them, or the word for any."""

    def prepare_value(self, value: Any) -> Any:
        return "true" if value is True else super().prepare_value(value)

    def to_python(self, value: Any) -> Any:
        return True if str(value).strip().lower() in ("true", "on") else super().to_python(value)

    def clean(self, value: Any) -> Any:
        entered = super().clean(value)
        try:
            return checked_private(entered, everywhere=settings.ALLOW_PRIVATE)
        except ValueError as problem:
            raise forms.ValidationError(str(problem)) from None

    def validate(self, value: Any) -> None:
        super().validate(["true"] if value is True else value)


class HostsField(ListField):
    def clean(self, value: Any) -> Any:
        try:
            return [checked_host(host) for host in super().clean(value)]
        except ValueError as problem:
            raise forms.ValidationError(str(problem)) from None


def _opened(row: Connector) -> dict[str, forms.Field]:
    """What only a superuser opens."""
    private = _("Which private addresses it may reach: names, addresses or networks like 10.0.0.0/24, with commas between.")
    hosts = _("A system of one vendor speaks to that vendor's hosts. Others that it may speak to, with commas between.")
    return {
        "allow_private": OpenedField(
            label=_("Private addresses allowed"), required=False, initial=row.allow_private or [], help_text=private
        ),
        "hosts": HostsField(label=_("Other hosts allowed"), required=False, initial=row.hosts, help_text=hosts),
    }


def form_of(row: Connector) -> type[ConnectorForm]:
    """The form with an input for each plain option, each secret and each limit of the row's kind; with no option and no
    secret for a kind that this version does not have."""
    inputs = {**_reaching(row), **_tuning(row)}
    return type("ConnectorForm", (ConnectorForm,), inputs)


def fieldsets_of(row: Connector) -> list[tuple[Any, dict[str, list[str]]]]:
    """The form's sections. The options' object is shown where the kind has options that no line can hold."""
    tuning = ["priority", "fallback_for", "timeout_ms", *_tuning(row)]
    plain = {name.removeprefix(PREFIX) for name in _reaching(row)}
    brackets = ["options"] if _bracketed(row.kind) or set(row.options) - plain else []
    return [
        (None, {"fields": ["organization", "kind_label", "key", "name", "enabled", "essential", "how_it_does"]}),
        (_("How it is reached"), {"fields": [*_reaching(row), *brackets, "allow_private", "hosts"]}),
        (_("What is read, and by what it is asked"), {"fields": ["details_by", "region", "currency", "fields"]}),
        (_("Fine tuning"), {"fields": tuning}),
    ]


def help_texts_of(kind_name: str) -> dict[str, Any]:
    """Help texts for the inputs that every kind has."""
    known = [f"{name}: {(text or '').rstrip('.')}".rstrip(": ") for name, text in _bracketed(kind_name).items()]
    return {
        "essential": _("Without it the portal counts as unhealthy; without another system, only as degraded."),
        "options": format_lazy("{} {}", _("What has no input above, in curly brackets. Known here:"), "; ".join(known)),
    }


def _reaching(row: Connector) -> dict[str, forms.Field]:
    """An input for each plain option and each secret of the kind."""
    kind = kinds().get(row.kind)
    if kind is None:
        return {}
    kept = _("Never shown again. Leave empty to keep what is stored.")
    secrets = {
        f"{SECRET}{name}": forms.CharField(
            label=capfirst(worded(name)),
            required=False,
            help_text=format_lazy("{} {}", field.description or "", kept),
            widget=UnfoldAdminPasswordWidget(render_value=False),
        )
        for name, field in kind.Secrets.model_fields.items()
    }
    return {**option_fields(kind.Options, row.options), **secrets}


def _bracketed(kind_name: str) -> dict[str, str | None]:
    """The kind's options that have no input of their own, with what they are."""
    kind = kinds().get(kind_name)
    if kind is None:
        return {}
    plain = option_fields(kind.Options, {})
    return {name: field.description for name, field in kind.Options.model_fields.items() if f"{PREFIX}{name}" not in plain}


def _tuning(row: Connector) -> dict[str, forms.Field]:
    """Inputs for how long answers are kept and how often the system is asked, with what holds where they are empty."""
    usual = kind.default_limits if (kind := kinds().get(row.kind)) else Limits()
    kept = {
        "fresh_s": (_("Counts as new for"), _("Seconds for which an answer is shown without asking again."), FRESH_S),
        "stale_s": (_("Kept for"), _("Seconds for which it is shown, with its age, while the system is asked again."), STALE_S),
        "negative_s": (
            _("“Not known” kept for"),
            _("Seconds for which it is believed that a number is not known."),
            NEGATIVE_S,
        ),
    }
    cache = {
        f"cache-{name}": forms.IntegerField(
            label=label,
            required=False,
            initial=row.cache.get(name),
            help_text=format_lazy("{} {}", means, _when_empty(default)),
            widget=UnfoldAdminIntegerFieldWidget,
        )
        for name, (label, means, default) in kept.items()
    }
    rps = forms.FloatField(
        label=_("Questions in a second"),
        required=False,
        initial=row.limits.get("rps"),
        help_text=format_lazy("{} {} {}", _("At most, of all processes together."), _when_empty(usual.rps), usual.why),
        widget=UnfoldAdminDecimalFieldWidget,
    )
    concurrency = forms.IntegerField(
        label=_("Questions at a time"),
        required=False,
        initial=row.limits.get("concurrency"),
        help_text=format_lazy("{} {}", _("At most, of all processes together."), _when_empty(usual.concurrency)),
        widget=UnfoldAdminIntegerFieldWidget,
    )
    return {**cache, "limits-rps": rps, "limits-concurrency": concurrency}


def _when_empty(default: float) -> Any:
    return format_lazy(_("Empty: {}."), f"{default:g}") if default else _("Empty: without a limit.")


def _asked_by(row: Connector) -> forms.ChoiceField:
    """A choice among what the portal knows of a caller by then; what is stored and gone can be seen, and is refused."""
    others = Connector.objects.filter(organization=row.organization_id).exclude(pk=row.pk)
    choices = [
        ("", _t("the caller's number")),
        *((other.key, _t("the id of the caller's record in %(name)s") % {"name": other.name}) for other in others),
        *_BY_FIELD.items(),
    ]
    if row.details_by not in dict(choices):
        choices.append((row.details_by, _t("%(key)s, which is not there") % {"key": row.details_by}))
    means = _("By all but the number it can be asked only once another system has found the caller.")
    return forms.ChoiceField(
        label=_("Asked by"), choices=choices, required=False, help_text=means, widget=UnfoldAdminSelectWidget
    )

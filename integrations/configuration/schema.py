"""The shape of the configuration file. An omitted key takes its default, so that the file is the whole truth."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.validators import RegexValidator, validate_email
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from integrations.models.connectors import field_name_validator, key_validator
from integrations.models.keys import folded
from integrations.models.organizations import (
    STUDIO_SHARE,
    IdentityQuestion,
    default_flex_roles,
    default_languages,
    default_retention,
    validate_currency,
    validate_region,
    validate_slug,
    validate_timezone,
)
from integrations.models.people import API_SCOPES, Effect, Role
from integrations.models.routing import MAX_OPTIONS, language_validator, option_validator, plain_validator, short_validator
from integrations.models.routing import MenuRule as MenuRuleRow
from integrations.money import currency_of
from integrations.outbound.network import checked_host, checked_private
from integrations.phone import UNUSABLE, NotANumber, Number, Withheld, classify
from integrations.profile import FieldType, Section, Sensitivity

SENSITIVITIES = tuple(word.value for word in Sensitivity if word is not Sensitivity.NEVER)
_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:[^\0\n]+")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
# What is said of a plain secret must not repeat it.
NOT_A_REFERENCE = (
    "Secrets are not written into this file. Give a reference instead: env:NAME for an environment variable, "
    "or file:PATH for a file that holds the secret."
)


def _by_django(validator: Callable[[str], object]) -> AfterValidator:
    """One of the models' own validators, so that file and admin refuse the same with the same words."""

    def check(value: str) -> str:
        try:
            validator(value)
        except DjangoValidationError as error:
            raise ValueError(" ".join(error.messages)) from None
        return value

    return AfterValidator(check)


def _pattern(pattern: str, sentence: str) -> AfterValidator:
    return _by_django(RegexValidator(rf"\A{pattern}\Z", sentence))


def _word(known: tuple[str, ...]) -> AfterValidator:
    def check(value: str) -> str:
        if value not in known:
            raise ValueError(f"{value!r} is not known here. Use one of: {', '.join(known)}.")
        return value

    return AfterValidator(check)


def in_full(numbers: list[Any], region: str) -> list[Any]:
    """Numbers as they are compared, each once; what is none is left where it is, to be told."""
    read = [classify(one, region) for one in numbers]
    whole = [found.e164 if isinstance(found, Number) else one for found, one in zip(read, numbers, strict=True)]
    return sorted(set(whole)) if all(isinstance(found, Number) for found in read) else whole


def _shared_number(value: str) -> str:
    found = classify(value, "US")
    if isinstance(found, Withheld):
        raise ValueError("This is no one's number. Name one that people call from.")
    if isinstance(found, NotANumber) or not value.startswith("+"):
        raise ValueError(found.reason if isinstance(found, NotANumber) else UNUSABLE.reason)
    return value


def _reference(value: str) -> str:
    if not _REFERENCE.fullmatch(value):
        raise ValueError(NOT_A_REFERENCE)
    return value


def _language(value: str) -> str:
    if not _LANGUAGE.fullmatch(value):
        raise ValueError(f"{value!r} is not a language. Use codes like en or es.")
    return value


def _origin(value: str) -> str:
    parts = urlsplit(value)
    bare = f"https://{parts.netloc}"
    if value != bare or not parts.hostname or "@" in parts.netloc or re.search(r"[\s;,'\"*]", value):
        raise ValueError("Give a web address that is https:// and a host name, without a path, like https://flex.twilio.com.")
    return value


def _private(value: bool | list[str]) -> bool | list[str]:
    return checked_private(value, everywhere=settings.ALLOW_PRIVATE)


def _moment(value: Any) -> Any:
    """TOML has moments of its own; text in the same notation is as good."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("This is not a date and time. Write it like 2027-01-31T00:00:00Z.") from None
    if not isinstance(value, datetime):
        raise ValueError("This is not a date and time. Write it like 2027-01-31T00:00:00Z.")
    if value.tzinfo is None:
        raise ValueError("The time needs a zone. Write it like 2027-01-31T00:00:00Z.")
    return value.astimezone(UTC).isoformat()


_NO_CONTROL = AfterValidator(lambda text: _printable(text))


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("Remove line breaks and control characters from this text.")
    return text


# A name as the database will have it, so that the file may spell it otherwise.
_FOLDED = BeforeValidator(lambda name: folded(name) if isinstance(name, str) else name)

Text = Annotated[str, _NO_CONTROL]
Name = Annotated[str, Field(min_length=1), _NO_CONTROL]
Reference = Annotated[str, AfterValidator(_reference)]
WorkerSid = Annotated[str, _pattern(r"(WK[0-9a-f]{32})?", "A worker SID is WK followed by 32 digits or letters a to f.")]
ConnectorKey = Annotated[str, _FOLDED, _by_django(key_validator)]
TierName = Annotated[str, _FOLDED, _pattern(r"[a-z0-9_-]{1,40}", "Use up to 40 letters, digits, hyphens and underscores.")]
NameOfTier = Annotated[str, _FOLDED]  # of one that stands elsewhere in the file
NameOfField = Annotated[str, _FOLDED]
Currency = Annotated[str, _by_django(lambda code: code and validate_currency(code))]
Days = Annotated[int, Field(ge=1, le=36_500)]
Seconds = Annotated[int, Field(ge=0, le=604_800)]


class Table(BaseModel):
    """A table of the file: no key but these, and no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Retention(Table):
    audit: Days = default_retention()["audit"]
    calls: Days = default_retention()["calls"]
    attempts: Days = default_retention()["attempts"]
    deliveries: Days = default_retention()["deliveries"]


class Studio(Table):
    share: Annotated[
        list[Annotated[str, _word(STUDIO_SHARE)]],
        AfterValidator(lambda words: [word for word in STUDIO_SHARE if word in words]),
    ] = list(STUDIO_SHARE)


class FlexRole(Table):
    role: Annotated[str, _word(tuple(Role.values))]
    tier: NameOfTier


class Twilio(Table):
    account_sid: Annotated[str, _pattern(r"AC[0-9a-f]{32}", "An account SID is AC followed by 32 digits or letters a to f.")]
    auth_tokens: Annotated[list[Reference], Field(max_length=5)] = []
    api_key: Annotated[str, _pattern(r"(SK[0-9a-f]{32})?", "An API key SID is SK followed by 32 digits or letters a to f.")] = (
        ""
    )
    api_secret: Reference | None = None
    tier: NameOfTier = ""
    workspace_sid: Annotated[
        str, _pattern(r"(WS[0-9a-f]{32})?", "A workspace SID is WS followed by 32 digits or letters a to f.")
    ] = ""

    @model_validator(mode="after")
    def _signs_in(self) -> Twilio:
        if bool(self.api_key) != bool(self.api_secret):
            raise ValueError("api_key and api_secret belong together. Give both, or neither.")
        if not self.auth_tokens and not self.api_key:
            raise ValueError(
                "The account needs auth_tokens, or api_key with api_secret. What it signs is verified with its tokens."
            )
        return self


class Tier(Table):
    name: TierName
    rules: dict[NameOfField, Annotated[str, _word(tuple(Effect.values))]] = {}


class OwnField(Table):
    name: Annotated[str, _FOLDED, _by_django(field_name_validator)]
    label: Annotated[Name, Field(max_length=80)]
    type: Annotated[str, _word(tuple(word.value for word in FieldType))] = FieldType.TEXT.value
    sensitivity: Annotated[str, _word(SENSITIVITIES)]
    section: Annotated[str, _word(tuple(word.value for word in Section))] = Section.ACCOUNT.value
    cacheable: bool = True


class Cache(Table):
    fresh_s: Seconds | None = None
    stale_s: Seconds | None = None
    negative_s: Seconds | None = None

    @model_validator(mode="after")
    def _fresh_before_stale(self) -> Cache:
        if self.fresh_s is not None and self.stale_s is not None and self.fresh_s > self.stale_s:
            raise ValueError("fresh_s must not be greater than stale_s. Lower fresh_s or raise stale_s.")
        return self


class Limits(Table):
    rps: Annotated[float, Field(gt=0, le=10_000)] | None = None
    concurrency: Annotated[int, Field(gt=0, le=1_000)] | None = None


class Connector(Table):
    key: ConnectorKey
    kind: Annotated[Name, Field(max_length=40)]
    name: Annotated[Name, Field(max_length=80)]
    enabled: bool = True
    priority: Annotated[int, Field(ge=0, le=2_147_483_647)] = 100
    essential: bool = False
    timeout_ms: Annotated[int, Field(ge=50, le=6_000)] | None = None
    allow_private: Annotated[bool | list[str], AfterValidator(_private)] = []
    hosts: Annotated[list[str], AfterValidator(lambda hosts: [checked_host(host) for host in hosts])] = []
    region: Annotated[str, _by_django(lambda code: code and validate_region(code))] = ""
    currency: Currency = ""
    cache: Cache = Cache()
    limits: Limits = Limits()
    options: dict[str, JsonValue] = {}
    secrets: dict[str, Reference] = {}
    fields: dict[NameOfField, str | Literal[False]] = {}
    details_by: Annotated[Text, Field(max_length=80), _FOLDED] = ""
    fallback_for: Annotated[Text, _FOLDED] = ""


class Person(Table):
    username: Annotated[str, Field(min_length=1, max_length=150), _FOLDED, _by_django(UnicodeUsernameValidator())]
    email: Annotated[str, Field(max_length=254), _by_django(lambda email: email and validate_email(email))] = ""
    first_name: Annotated[Text, Field(max_length=150)] = ""
    last_name: Annotated[Text, Field(max_length=150)] = ""
    role: Annotated[str, _word(tuple(Role.values))]
    tier: NameOfTier
    team: Annotated[Text, Field(max_length=80)] = ""
    worker_sid: WorkerSid = ""
    existing_user: bool = False


class ApiKey(Table):
    name: Annotated[Name, Field(max_length=80), _FOLDED]
    key: Reference
    tier: NameOfTier
    scopes: Annotated[list[Annotated[str, _word(API_SCOPES)]], Field(min_length=1)]
    expires: Annotated[str | None, BeforeValidator(_moment)] = None


class MenuRule(Table):
    name: Annotated[Name, Field(max_length=80), _FOLDED]
    enabled: bool = True
    position: Annotated[int, Field(ge=0, le=2_147_483_647)] = 100
    conditions: dict[str, JsonValue] = {}
    greeting: Annotated[str, Field(max_length=200), _by_django(plain_validator)] = ""
    options: Annotated[list[Annotated[str, _by_django(option_validator)]], Field(max_length=MAX_OPTIONS)] = []
    queue: Annotated[str, _by_django(plain_validator), _by_django(short_validator)] = ""
    priority: Annotated[int, Field(ge=0, le=10_000)] | None = None
    preferred_agent: Annotated[str, _by_django(plain_validator), _by_django(short_validator)] = ""
    language: Annotated[str, Field(max_length=20), _by_django(lambda code: code and language_validator(code))] = ""
    interpreter: Annotated[str, _word(("", *MenuRuleRow.Interpreter.values))] = ""


class Organization(Table):
    """The organisation's own keys; its sections stand in ``sections``."""

    slug: Annotated[str, _FOLDED, _by_django(validate_slug)]
    name: Annotated[Name, Field(max_length=200)]
    timezone: Annotated[str, _by_django(validate_timezone)] = "UTC"
    region: Annotated[str, _by_django(validate_region)] = "US"
    currency: Currency = ""
    languages: Annotated[list[Annotated[str, AfterValidator(_language)]], Field(min_length=1)] = default_languages()
    identity_check: Annotated[str, _word(tuple(IdentityQuestion.values))] = IdentityQuestion.OFF.value
    shared_numbers: Annotated[list[Annotated[str, AfterValidator(_shared_number)]], Field(max_length=500)] = []
    origins: list[Annotated[str, AfterValidator(_origin)]] = []
    studio: Studio = Studio()
    retention_days: Retention = Retention()
    flex_roles: dict[str, FlexRole] | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_a_currency(cls, table: Any) -> Any:
        """Fill in the country's currency where none is named."""
        if not isinstance(table, dict) or table.get("currency"):
            return table
        region = table.get("region", "US")
        return {**table, "currency": currency_of(region) if isinstance(region, str) else ""}

    @model_validator(mode="before")
    @classmethod
    def _in_full(cls, table: Any) -> Any:
        """Shared numbers as they are compared, read in the organisation's country."""
        numbers = table.get("shared_numbers") if isinstance(table, dict) else None
        if not isinstance(numbers, list):
            return table
        region = table.get("region", "US")
        return {**table, "shared_numbers": in_full(numbers, region if isinstance(region, str) else "US")}

    def roles_among(self, tiers: Container[str]) -> dict[str, dict[str, str]]:
        """Flex role → role and tier. The default ones count as far as their tiers exist."""
        if self.flex_roles is not None:
            return {name: role.model_dump() for name, role in self.flex_roles.items()}
        return {name: role for name, role in default_flex_roles().items() if role["tier"] in tiers}

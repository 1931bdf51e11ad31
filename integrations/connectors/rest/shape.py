"""The declarative shape of an HTTP system: what to send, what comes back, and what of it is which field.

Everything is checked when it is saved: expressions are compiled, placeholders known, headers sendable. The models
are the options that docs/connectors/rest.md describes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from integrations.connectors.base import ConnectorOptions
from integrations.connectors.expressions import compiled
from integrations.connectors.rest.presets import hosts_of, names, with_preset
from integrations.errors import ConfigurationError
from integrations.redaction import is_never

# What a step can be asked with. ``phone`` is the number in the format that ``phone.format`` names; ``date`` is today, or
# the day that is asked for, and ``date_to`` thirty days later.
INPUTS = (
    "phone", "phone_e164", "phone_nsn", "phone_national", "phone_digits", "phone_variants", "customer_id", "email",
    "account_id", "call_sid", "service_type", "location", "date", "date_to", "query",
)  # fmt: skip
# What is known as soon as the phone rings.
BY_PHONE = {"phone", "phone_e164", "phone_nsn", "phone_national", "phone_digits", "phone_variants", "date", "date_to"}
# What tells of nobody: asked with these alone, a system would answer the same whoever calls.
_OF_NOBODY = {"date", "date_to", "call_sid", "service_type", "location", "query"}
_ASKS_ABOUT_NOBODY = (
    "It needs nothing of the caller, so the answer would be the same for everybody. "
    "Ask by a phone number, customer_id, account_id or email, and name it in requires if that is given."
)
# Names in a map that are no fields: where the record's own id and its page are.
OWN = ("id", "url")
PLACEHOLDER = re.compile(r"\{(\w*)\}")
_HEADER = re.compile(r"[A-Za-z0-9-]+")
_NOT_YOURS = {
    "authorization", "host", "cookie", "connection", "content-length", "content-type", "transfer-encoding", "accept-encoding",
}  # fmt: skip

PhoneFormat = Literal["e164", "nsn", "national", "digits", "rfc3966"]


def _expression(text: str) -> str:
    try:
        compiled(text, "")
    except ConfigurationError as error:
        raise ValueError(str(error).removeprefix(": ")) from None
    return text


def _template(text: str) -> str:
    if "{" in PLACEHOLDER.sub("", text) or "}" in PLACEHOLDER.sub("", text):
        raise ValueError("Write a placeholder as {name}; other curly brackets cannot be used.")
    return text


def _path(text: str) -> str:
    if not text.startswith("/") or text.startswith("//"):
        raise ValueError("Begin the path with one '/': it follows base_url.")
    if any(character in text for character in "?#\\") or " " in text or not text.isprintable():
        raise ValueError("Leave '?', '#', '\\' and spaces out of the path; put parameters into query.")
    if any(unquote(part) in {".", ".."} for part in text.split("/")):
        raise ValueError("Leave '.' and '..' out of the path: it cannot lead upwards.")
    return text


def _header(name: str) -> str:
    if not _HEADER.fullmatch(name) or name.lower() in _NOT_YOURS:
        raise ValueError(
            f"The header {name!r} cannot be set here. Use letters, digits and hyphens; signing in belongs into auth."
        )
    return name


def _token_url(text: str) -> None:
    try:
        parts = urlsplit(text)
        _path(parts.path or "/")
    except ValueError as error:
        raise ValueError(f"token_url: {error}") from None
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("token_url: give a web address like https://login.example.org/token, with nothing after a '?' or '#'.")


def _field_name(name: str) -> str:
    if is_never(name):
        raise ValueError("Values of this kind are never shown, so they cannot be mapped.")
    return name


def _templates_within(tree: Any) -> Any:
    for text in texts_of(tree):
        _template(text)
    return tree


def texts_of(tree: Any) -> Iterator[str]:
    """Every text in a tree of dicts and lists, keys apart."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, Mapping):
        for value in tree.values():
            yield from texts_of(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from texts_of(value)


Expression = Annotated[str, Field(min_length=1), AfterValidator(_expression)]
Template = Annotated[str, AfterValidator(_template)]
Path = Annotated[str, AfterValidator(_path), AfterValidator(_template)]
Header = Annotated[str, AfterValidator(_header)]
FieldName = Annotated[str, AfterValidator(_field_name)]
Tree = Annotated[dict[str, Any], AfterValidator(_templates_within)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _whole(raw: object) -> object:
    return {"expr": raw} if isinstance(raw, str) else raw


class Mapped(_Part):
    """The place of a field's value. ``cents``: a whole number of the smallest unit of the connector's currency."""

    expr: Expression
    default: Any = None
    type: Literal["text", "number", "cents"] | None = None

    @cached_property
    def expression(self) -> str:
        """All of it as one JMESPath expression."""
        default = orjson.dumps(self.default).decode().replace("`", "\\`")
        inner = self.expr if self.default is None else f"not_null({self.expr}, `{default}`)"
        return {
            None: inner,
            "text": f'to_string(not_null({inner}, `""`))',
            "number": f"to_number({inner})",
            "cents": f"{{amount_minor: {inner}}}",
        }[self.type]


class Step(_Part):
    """One request, and how its answer is read."""

    requires: list[str] = []
    method: Literal["GET", "POST"] = "GET"
    path: Path
    query: dict[str, Template] = {}
    headers: dict[Header, Template] = {}
    body: Tree | None = Field(None, alias="json")
    form: dict[str, Template] | None = None
    records: Expression = "@"
    found: Expression | None = None
    drop_ended: bool = False
    map: dict[FieldName, Annotated[Mapped, BeforeValidator(_whole)]] = {}

    @cached_property
    def in_path(self) -> set[str]:
        return set(PLACEHOLDER.findall(self.path))

    @cached_property
    def placeholders(self) -> set[str]:
        """Every input that the step names."""
        texts = [self.path, *texts_of(self.query), *texts_of(self.headers), *texts_of(self.body), *texts_of(self.form)]
        return {name for text in texts for name in PLACEHOLDER.findall(text)}

    @cached_property
    def names(self) -> set[str]:
        """Every input that it names or cannot do without."""
        return self.placeholders | set(self.requires)

    @cached_property
    def needs(self) -> set[str]:
        """The values without which it is skipped: those of the path, and ``requires``, or all if that is not given."""
        return self.in_path | (set(self.requires) or self.placeholders)

    @model_validator(mode="after")
    def _one_body(self) -> Step:
        if self.body is not None and self.form is not None:
            raise ValueError("Give json or form, not both.")
        if self.method == "GET" and (self.body is not None or self.form is not None):
            raise ValueError("A GET request has no body: use query, or the method POST.")
        return self

    def check(self, known: set[str]) -> None:
        """Raises ValueError for an input that does not exist."""
        if strange := sorted((self.placeholders | set(self.requires)) - known):
            raise ValueError(f"There is no input called {strange[0]!r}. Use: {', '.join(sorted(known))}.")


class Lookup(_Part):
    steps: list[Step] = Field(min_length=1, max_length=2)

    @model_validator(mode="after")
    def _inputs_exist(self) -> Lookup:
        known = set(INPUTS)
        for which, step in zip(("first", "second"), self.steps, strict=False):
            try:
                step.check(known)
                if not step.needs - _OF_NOBODY:
                    raise ValueError(_ASKS_ABOUT_NOBODY)
            except ValueError as error:
                raise ValueError(f"The {which} step: {error}") from None
            known |= {"record_id", *step.map} - {"id", "url"}
        first = self.steps[0]
        if any(name.startswith("phone") for name in first.needs) and "id" not in first.map:
            raise ValueError("The first step: say in map.id where a record's id is; the system is asked by phone number.")
        return self


class Phone(_Part):
    format: PhoneFormat = "e164"
    variants: list[PhoneFormat] = Field([], max_length=4)
    trusted: bool = False


class Auth(_Part):
    type: Literal["none", "basic", "bearer", "api_key", "oauth2_client_credentials", "oauth2_refresh", "jwt_bearer"] = "none"
    place: Literal["header", "query"] = Field("header", alias="in")
    name: str = "X-Api-Key"
    token_url: str = ""
    scopes: list[str] = []

    @model_validator(mode="after")
    def _complete(self) -> Auth:
        if self.type == "api_key" and self.place == "header":
            _header(self.name)
        if (self.type.startswith("oauth2") or self.type == "jwt_bearer") and not self.token_url:
            raise ValueError("token_url: say where tokens are given out.")
        if self.token_url:
            _token_url(self.token_url)
        return self


class Rule(_Part):
    """What an answer means that its status alone does not tell. The first rule that fits counts."""

    status: list[Annotated[int, Field(ge=100, le=599)]] = []
    when: Expression | None = None
    meaning: Literal["not_found", "auth", "rate_limited", "invalid", "transient"] = Field(alias="as")
    retry_after: Header | None = None

    @model_validator(mode="after")
    def _has_a_condition(self) -> Rule:
        if not self.status and not self.when:
            raise ValueError("Give status or when: a rule without a condition would fit every answer.")
        return self


class RestOptions(ConnectorOptions):
    """The whole shape, or a preset with some of its keys changed."""

    base_url: str = Field(description="Where the system's API is, like https://api.example.org.")
    preset: str = Field(
        "",
        description="A ready-made description of a well-known system. Its keys can be changed one by one.",
        json_schema_extra={"enum": ["", *names()]},
    )
    phone: Phone = Field(
        Phone.model_validate({}),
        description="How {phone} is written, and what else to try; trusted: nobody is checked.",
    )
    auth: Auth = Field(Auth.model_validate({}), description="How to sign in: type, and what the type needs.")
    lookup: Lookup | None = Field(None, description="One or two steps: what to send, and which field is where in the answer.")
    search: Step | None = Field(None, description="One step that finds people by {query}.")
    availability: Step | None = Field(
        None, description="One step that asks what is free, by {service_type}, {location}, {date}."
    )
    health: Step | None = Field(None, description="One step that tells whether the system works, without a person's data.")
    errors: list[Rule] = Field([], description="What answers mean that their status does not tell.")

    @property
    def hosts(self) -> tuple[str, ...]:
        return hosts_of(self.preset)

    @model_validator(mode="before")
    @classmethod
    def _on_its_preset(cls, raw: Any) -> Any:
        return with_preset(raw) if isinstance(raw, dict) and raw.get("preset") else raw

    @model_validator(mode="after")
    def _search_finds_people(self) -> RestOptions:
        """Check that a search tells ids and names: without them people could be neither picked nor told apart."""
        if self.search:
            if not self.search.needs & {"query", "email"}:
                raise ValueError("search: ask with {query}, which is what somebody types, or with {email}.")
            if missing := {"id", "name"} - set(self.search.map):
                raise ValueError(f"search: say in map.{min(missing)} where a record's {min(missing)} is.")
        return self

    @model_validator(mode="after")
    def _single_steps(self) -> RestOptions:
        if not (self.lookup or self.search or self.availability):
            raise ValueError("lookup: describe what to ask for, or name a preset.")
        for name in ("search", "availability", "health"):
            step: Step | None = getattr(self, name)
            try:
                if step:
                    step.check(set(INPUTS))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        return self

"""HubSpot's answers, as far as they are used. Unknown keys are ignored; a wrong type is an InvalidResponse."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from integrations.profile import same_id


def _flag_as_text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


Text = Annotated[str, BeforeValidator(_flag_as_text)]


class Ref(BaseModel):
    """An object that belongs to another one."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    id: str = Field(min_length=1)


class Refs(BaseModel):
    results: list[Ref]


class CrmObject(BaseModel):
    """A contact, company, deal or ticket. HubSpot sends every property as text or null, whatever it means; numbers and
    flags are taken as well, so that a change of that habit costs no caller."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    id: str = Field(min_length=1)
    properties: dict[str, Text | None]
    archived: bool = Field(False, exclude=True)
    associations: dict[str, Refs] = Field(default_factory=dict, exclude=True)


class Page(BaseModel):
    """What a search or a reading of several returns."""

    results: list[CrmObject]


class Stage(BaseModel):
    """One stage of a pipeline. Deals and tickets each have their own word for its being the end."""

    id: str
    label: str
    metadata: dict[str, Any] = {}

    @property
    def closed(self) -> bool:
        return self.metadata.get("ticketState") == "CLOSED" or str(self.metadata.get("isClosed")).lower() == "true"


class Pipeline(BaseModel):
    stages: list[Stage]


class Pipelines(BaseModel):
    results: list[Pipeline]


class _Detail(BaseModel):
    context: dict[str, list[str]] = {}


class Problem(_Detail):
    """The reason why HubSpot refuses. Every key may be missing."""

    category: str = ""
    policy: str = Field("", alias="policyName")  # of the limit that was reached
    errors: list[_Detail] = []

    @classmethod
    def of(cls, body: bytes) -> Self:
        """An empty one where the body says nothing that is known: the status has to say it all then."""
        try:
            return cls.model_validate_json(body)
        except ValidationError:
            return cls.model_validate({})

    @property
    def scopes(self) -> list[str]:
        """Scopes that it names as missing or needed."""
        contexts = [self.context, *(error.context for error in self.errors)]
        return [scope for context in contexts for name in context if name.endswith("Scopes") for scope in context[name]]


def contact_key(written: str) -> str:
    """The id of a contact, however it is written. Raises ValueError, a sentence, for what is none."""
    if not (key := same_id(written)).isdecimal():
        raise ValueError("A HubSpot record id is a number, the last one in the address of the record's page.")
    return key

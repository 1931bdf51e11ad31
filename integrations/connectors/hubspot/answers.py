"""HubSpot's answers, as far as they are used. Unknown keys are ignored; a wrong type is an InvalidResponse."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from integrations.connectors.http import Answer
from integrations.errors import InvalidResponse, SourceUnavailable

# Locked for a moment, or an account being moved between data centres: nobody's mistake, and over soon.
_PASSING = {423, 477}


def _flag_as_text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


Text = Annotated[str, BeforeValidator(_flag_as_text)]


class CrmObject(BaseModel):
    """A contact, company or deal. HubSpot sends every property as text or null, whatever it means; numbers and flags
    are taken as well, so that a change of that habit costs no caller."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    id: str = Field(min_length=1)
    properties: dict[str, Text | None]


class Page(BaseModel):
    """What a search returns."""

    results: list[CrmObject]


class Stage(BaseModel):
    id: str
    label: str


class Pipeline(BaseModel):
    stages: list[Stage]


class Pipelines(BaseModel):
    results: list[Pipeline]


def parse[Model: BaseModel](model: type[Model], body: Any, connector: str) -> Model:
    """Raises InvalidResponse naming the place and never the value."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors(include_input=False, include_url=False)[0]["loc"])
        raise InvalidResponse(connector, f"unexpected shape at {place or 'the top'}") from None


def explain(connector: str, answer: Answer) -> None:
    """What HubSpot means by statuses that others use differently."""
    if answer.status in _PASSING:
        raise SourceUnavailable(connector, f"status {answer.status}")

"""pydantic's findings as sentences that say what to change. Values are never repeated: they may be secrets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from integrations.configuration.problems import Where

MISSING = "This key is missing. Add it."
_SENTENCES = {
    "missing": MISSING,
    "string_type": "Give text in quotes.",
    "int_type": "Give a whole number, without quotes.",
    "int_from_float": "Give a whole number.",
    "float_type": "Give a number, without quotes.",
    "bool_type": "Give true or false, without quotes.",
    "list_type": "Give a list in square brackets.",
    "dict_type": "Give a table, like {{ name = value }}.",
    "model_type": "Give a table, like {{ name = value }}.",
    "greater_than_equal": "Give at least {ge}.",
    "greater_than": "Give more than {gt}.",
    "less_than_equal": "Give at most {le}.",
    "string_too_short": "Give a text that is not empty.",
    "string_too_long": "Give at most {max_length} characters.",
    "too_short": "Give at least one.",
    "too_long": "Give at most {max_length}.",
    "finite_number": "Give a finite number.",
}
_ARMS = frozenset({"str", "float", "int", "bool", "list", "dict", "nullable"})


def findings(error: ValidationError, model: type[BaseModel], also: Iterable[str] = ()) -> Iterator[tuple[Where, str]]:
    """The places in ``model``'s input where something is wrong, each with its sentence. One per place.

    ``also``: keys that are known beside the model's own.
    """
    seen: set[Where] = set()
    for found in error.errors(include_url=False, include_input=False, include_context=True):
        where = _without_union_arms(tuple(found["loc"]))
        if where not in seen:
            seen.add(where)
            yield where, _sentence(found, where, model, also)


def _without_union_arms(where: Where) -> Where:
    """pydantic ends a place with the arm of a union that failed (``str``, ``literal[False]``), which is no key of the file."""
    while where and isinstance(last := where[-1], str) and (last in _ARMS or "[" in last):
        where = where[:-1]
    return where


def _sentence(found: Any, where: Where, model: type[BaseModel], also: Iterable[str]) -> str:
    kind, context = found["type"], found.get("ctx", {})
    if kind == "extra_forbidden":
        return f"This key is not known. {_known_keys(where, model, also)}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return f"Use one of: {context['expected']}."
    if sentence := _SENTENCES.get(kind):
        return sentence.format(**context)
    return f"{found['msg']}."


def _known_keys(where: Where, model: type[BaseModel], also: Iterable[str]) -> str:
    table = model
    for part in where[:-1]:
        if isinstance(part, int):
            continue
        if part not in table.model_fields or not (inner := _model_in(table.model_fields[part].annotation)):
            return "Remove it, or correct its spelling."
        table = inner
    known = [*table.model_fields, *(also if table is model else ())]
    return f"Remove it, or use one of: {', '.join(known)}."


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for inner in get_args(annotation) if (model := _model_in(inner))), None)

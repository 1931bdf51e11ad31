"""What systems of one organisation say of each other: by whose record id one is asked, and for whom one stands in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

BY_FIELD = ("field:account_id", "field:email")


def relation_problems(
    key: str, details_by: str, fallback_for: str, asked_by: Mapping[str, str], stands_in: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """The setting, and the sentence, for each relation of the system ``key`` that cannot be.

    ``asked_by`` and ``stands_in`` hold the two settings of every system of the organisation by its key; that of ``key`` itself
    may be missing.
    """
    if details_by == key:
        yield "details_by", "A system cannot be asked by its own record id. Name another one."
    elif details_by and details_by not in asked_by and details_by not in BY_FIELD:
        yield "details_by", f"There is no other system with the key {details_by!r} here. Name one, or {' or '.join(BY_FIELD)}."
    elif _runs_in_a_circle(key, details_by, asked_by):
        yield "details_by", "These systems would ask for each other in a circle. Name another one."
    if fallback_for and fallback_for != key and fallback_for not in stands_in:
        yield "fallback_for", f"There is no other system with the key {fallback_for!r} here. Name one."
    elif _runs_in_a_circle(key, fallback_for, stands_in):
        yield "fallback_for", "These systems would stand in for each other in a circle. Name another one."


def _runs_in_a_circle(key: str, target: str, following: Mapping[str, str]) -> bool:
    seen = {key}
    while target in following and target not in seen:
        seen.add(target)
        target = following[target]
    return target == key

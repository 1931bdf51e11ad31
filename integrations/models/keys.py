"""Columns that identify: two texts are the same only if each of their characters is, on every database.

A MariaDB compares text as its default says, which mostly is without capitals, accents and trailing blanks; SQLite compares it
as it is. So a column by which something is told apart from another (an id, a key, a hash, a SID, a name) is a ``KeyField``,
or a ``NameField`` where people choose and type it. A test walks the models and names each column that is neither.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

# By code point, without padding. SQLite's own is the same.
COLLATIONS = {"mysql": "utf8mb4_nopad_bin"}
# The searches of admin pages go on to ignore capitals; with which collation, MariaDB has to be told.
_SEARCHED_AS = "utf8mb4_general_ci"
# No name is as long. Text of strangers is not worked on without an end.
_LONGEST = 1_000


def folded(name: str) -> str:
    """The one spelling under which a name is stored, looked up and counted.

    Without differences of capitals, width and composition, and without blanks around it or characters that are not seen;
    accents stay: José is somebody else than Jose.
    """
    if len(name) > _LONGEST:
        return name
    if name.isascii():
        return " ".join(name.lower().split())
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    seen = "".join(character for character in plain if unicodedata.category(character) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", seen.casefold()).split())


_Set = TypeVar("_Set", contravariant=True)
_Get = TypeVar("_Get", covariant=True)

if TYPE_CHECKING:
    _CharField = models.CharField
else:

    class _CharField(models.CharField):
        """Django's own, which is generic for whoever checks types alone."""

        def __class_getitem__(cls, _types: Any) -> Any:
            return cls


class KeyField(_CharField[_Set, _Get]):
    """Text that identifies, kept and compared exactly as it is."""

    description = "Text that identifies (up to %(max_length)s)"

    def db_parameters(self, connection: BaseDatabaseWrapper) -> Any:
        return {**super().db_parameters(connection), "collation": COLLATIONS.get(connection.vendor)}


class NameField(KeyField[_Set, _Get]):
    """A name that people choose and type and that is unique: ``folded()`` where it is stored and where it is looked up."""

    description = "Unique name (up to %(max_length)s)"

    def to_python(self, value: Any) -> Any:
        found = super().to_python(value)
        return folded(found) if isinstance(found, str) else found

    def get_prep_value(self, value: Any) -> Any:
        return self.to_python(super().get_prep_value(value))

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = self.to_python(super().pre_save(model_instance, add))
        setattr(model_instance, self.attname, value)
        return value


class _AnyCase:
    """MariaDB's LIKE ignores capitals by the column's collation, and a key's does not."""

    def get_rhs_op(self, connection: BaseDatabaseWrapper, rhs: str) -> str:
        operator: str = super().get_rhs_op(connection, rhs)  # type: ignore[misc]  # of the lookup that this is mixed into
        return f"COLLATE {_SEARCHED_AS} {operator}" if connection.vendor == "mysql" else operator


for _lookup in (models.lookups.IExact, models.lookups.IContains, models.lookups.IStartsWith, models.lookups.IEndsWith):
    KeyField.register_lookup(type(f"AnyCase{_lookup.__name__}", (_AnyCase, _lookup), {}))

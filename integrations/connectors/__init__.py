"""The kinds of system that can be connected: one sub-package each, found by looking.

A kind is a folder ``<kind>/`` with a ``connector.py`` that defines one ``Connector`` whose ``kind`` is the folder's
name. Nothing else has to be told of it.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from integrations.connectors.base import Connector, SourceSettings
from integrations.connectors.rows import RowReader, RowsConnector
from integrations.errors import ConfigurationError
from integrations.outbound.http import close_clients
from integrations.outbound.http import warm_up as warm_up_http

__all__ = ["build", "close_clients", "kind_named", "kinds", "warm_up"]


@cache
def kinds() -> dict[str, type[Connector]]:
    """Every kind by name."""
    found: dict[str, type[Connector]] = {}
    for package in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        if package.ispkg:
            module = importlib.import_module(f"{__name__}.{package.name}.connector")
            found[package.name] = next(
                value
                for value in vars(module).values()
                if isinstance(value, type) and issubclass(value, Connector) and getattr(value, "kind", None) == package.name
            )
    return found


def kind_named(name: str) -> type[Connector]:
    """Raises ConfigurationError naming the known kinds."""
    try:
        return kinds()[name]
    except KeyError:
        known = ", ".join(kinds())
        raise ConfigurationError(f"There is no kind of system called {name!r}. Known kinds: {known}.") from None


def build(settings: SourceSettings, reader: RowReader | None = None) -> Connector:
    """A connector ready to be asked. Raises ConfigurationError, or pydantic's ValidationError for options.

    ``reader`` gives a kind that declares ``needs_rows`` the rows that are stored for it.
    """
    kind = kind_named(settings.kind)
    return kind(settings, reader) if issubclass(kind, RowsConnector) else kind(settings)


def warm_up() -> None:
    """Load every kind and what their doors need, so that the first caller does not wait for it."""
    kinds()
    warm_up_http()

"""``[[organization.connector]]``: the systems that an organisation has connected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from integrations import connectors
from integrations.configuration import schema
from integrations.configuration.check_connector import check_connector, kept_for_another
from integrations.configuration.problems import Where
from integrations.configuration.reading import Reading
from integrations.configuration.references import Secret, as_stored, fingerprint, placeholder
from integrations.configuration.relations import relation_problems
from integrations.configuration.sections.fields import vocabulary
from integrations.configuration.sections.section import Action, Held, Kept, Writing
from integrations.configuration.state import Facts, State
from integrations.models import Connector, Organization

_COLUMNS = (
    *("kind", "name", "enabled", "priority", "essential", "timeout_ms", "allow_private", "hosts", "region", "currency"),
    *("cache", "limits"),
)


def check(reading: Reading) -> None:
    known_kinds = connectors.kinds()
    for where, row in reading.rows("connector"):
        if row.kind not in known_kinds and reading.skip_unknown_kinds:
            reading.left_out.add(row.key)
            reading.notes.append(
                f"{reading.slug}: connector {row.key}: left out, because this version has no kind {row.kind!r}"
            )
            continue
        secrets = {
            name: reading.resolve((*where, "secrets", name), reference, row.key) for name, reference in row.secrets.items()
        }
        if row.kind in known_kinds:
            _check_references(reading, where, row)
            _check_by_kind(reading, where, row, {name: secret for name, secret in secrets.items() if secret})
        else:
            reading.problem(
                (*where, "kind"),
                f"There is no kind of system called {row.kind!r}. Use one of: {', '.join(known_kinds)}; "
                "or leave such connectors out with --skip-unknown-kinds.",
            )


def _check_by_kind(reading: Reading, where: Where, row: schema.Connector, secrets: Mapping[str, Secret]) -> None:
    if reading.table is None:
        return
    values = {name: secret.value for name, secret in secrets.items()}
    # As they stand in the file, those included that are no references.
    raw = reading.raw["connector"][where[-1]].get("secrets", {})
    unresolved = (set(raw) if isinstance(raw, dict) else set()) - values.keys()
    found = check_connector(row, reading.table, values, unresolved, vocabulary(reading), reading.named("field"))
    kept = [name for name, secret in secrets.items() if secret.unreferenced]
    for place, sentence in [*found, *kept_for_another(row, reading.slug, kept)]:
        reading.problem((*where, *place), sentence)


def _check_references(reading: Reading, where: Where, row: schema.Connector) -> None:
    rows = {other.key: other for _, other in reading.rows("connector")}
    # One with a mistake of its own is there all the same.
    others = dict.fromkeys(reading.named("connector"), "")
    asked_by = others | {key: other.details_by for key, other in rows.items()}
    stands_in = others | {key: other.fallback_for for key, other in rows.items()}
    for name, sentence in relation_problems(row.key, row.details_by, row.fallback_for, asked_by, stands_in):
        reading.problem((*where, name), sentence)


def wanted(reading: Reading) -> dict[str, Facts]:
    return {row.key: _facts(reading, where, row) for where, row in reading.rows("connector") if row.key not in reading.left_out}


def _facts(reading: Reading, where: Where, row: schema.Connector) -> Facts:
    main = row.fallback_for
    if main in reading.left_out:
        reading.notes.append(f"{reading.slug}: connector {row.key}: asked on every call, because {main} was left out")
        main = ""
    return {
        **row.model_dump(exclude={"key", "cache", "limits", "timeout_ms"}),
        "cache": row.cache.model_dump(exclude_none=True),
        "limits": row.limits.model_dump(exclude_none=True),
        "timeout_ms": row.timeout_ms or connectors.kinds()[row.kind].default_timeout_ms,
        "secrets": {name: reading.secrets[(*where, "secrets", name)] for name in row.secrets},
        "fallback_for": main,
    }


def stored(organization: Organization) -> Iterator[Held]:
    for row in organization.connectors.select_related("fallback_for").order_by("key"):
        facts = {
            **{name: getattr(row, name) for name in _COLUMNS},
            "options": _written(row.options),
            "secrets": {
                name: as_stored(row.secret_refs.get(name, ""), placeholder(row.key, name), fingerprint(value), value)
                for name, value in (row.secrets or {}).items()
            },
            "fields": row.fields,
            "details_by": row.details_by,
            "fallback_for": row.fallback_for.key if row.fallback_for else "",
        }
        yield Held(row.key, facts)


def _written(options: Facts) -> Facts:
    """A database's conditions without JSON's null, for which a file has no word but the text."""
    where = options.get("where")
    if not isinstance(where, dict):
        return options
    words = {
        name: ["null" if value is None else value for value in held]
        if isinstance(held, list)
        else "null"
        if held is None
        else held
        for name, held in where.items()
    }
    return {**options, "where": words}


def absent(name: str, now: State, wanted: State) -> Action | Kept:
    is_on = now.sections["connector"][name]["enabled"]
    return Action.DEACTIVATE if is_on and name not in wanted.left_out else Kept()


def write(writing: Writing, key: str, facts: Facts) -> None:
    organization = writing.organization
    row = Connector.objects.filter(organization=organization, key=key).first() or Connector(organization=organization, key=key)
    for name, value in facts.items():
        if name not in ("secrets", "fallback_for"):
            setattr(row, name, value)
    secrets: dict[str, Secret] = facts["secrets"]
    row.secrets = {name: secret.value for name, secret in secrets.items()}
    row.secret_refs = {name: secret.stored_reference for name, secret in secrets.items()}
    row.save()


def link_fallbacks(organization: Organization, written: Mapping[str, Facts]) -> None:
    """Link fallbacks, after all connectors are written: one may stand in for another that comes later in the file."""
    rows = {row.key: row for row in organization.connectors.all()}
    for key, facts in written.items():
        row, main = rows[key], rows.get(facts["fallback_for"])
        if row.fallback_for_id != (main.pk if main else None):
            row.fallback_for = main
            row.save()


def retire(organization: Organization, key: str) -> None:
    row = organization.connectors.get(key=key)
    row.enabled = False
    row.save()

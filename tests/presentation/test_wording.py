"""Wording of statuses and outcomes: every one has its words, and they stand in one place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from integrations.lookup.attempts import GIVEN_UP, OVER_BUDGET
from integrations.lookup.result import LookupStatus, SourceStatus
from integrations.models.health import FAILURES
from integrations.presentation import endings, systems

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "integrations"
STATUSES = {status.value for kind in (SourceStatus, LookupStatus) for status in kind}
# What maps a status word to something that nobody reads.
NO_WORDING = {"presentation/systems.py", "presentation/endings.py"}


def pauses() -> set[str]:
    """The words under which a source is left alone, as the breaker names them."""
    tree = ast.parse((PACKAGE / "lookup/breaker.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    begun = [call.args[0] for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "_begin"]
    return {str(word.value) for word in begun if isinstance(word, ast.Constant)}


def test_every_status_outcome_and_pause_has_its_words() -> None:
    assert set(systems.WORDS) == {*SourceStatus, GIVEN_UP, OVER_BUDGET}
    assert set(systems.ANSWERS) == {status for status in SourceStatus if status.answered}
    assert set(systems.PAUSES) == pauses() != set()
    assert set(endings.WORDS) == set(LookupStatus)
    assert set(FAILURES) <= set(systems.WORDS)


def status_words(table: ast.Dict) -> Iterator[str]:
    """The statuses among the keys of a table of texts, as they are written or by the name of the member."""
    for key, value in zip(table.keys, table.values, strict=True):
        text = value.args[0] if isinstance(value, ast.Call) and value.args else value
        if not (isinstance(text, ast.Constant) and isinstance(text.value, str) and " " in text.value):
            continue
        if isinstance(key, ast.Constant) and key.value in STATUSES:
            yield str(key.value)
        elif isinstance(key, ast.Attribute) and isinstance(key.value, ast.Name) and key.value.id.endswith("Status"):
            yield key.attr


def test_no_other_table_words_them() -> None:
    copies = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Dict) and len(list(status_words(node))) > 1
    }
    assert copies == NO_WORDING


def test_no_page_and_no_module_repeats_them() -> None:
    tables = (systems.WORDS, systems.ANSWERS, systems.PAUSES, endings.WORDS)
    texts = {str(text) for table in tables for text in table.values() if " " in str(text)}
    files = [*PACKAGE.rglob("*.py"), *(ROOT / "templates").rglob("*.html")]
    found = [
        f"{path.relative_to(ROOT)}: {text}"
        for path in files
        if path.parent.name != "presentation"
        for text in texts
        if f'"{text}"' in path.read_text(encoding="utf-8")
    ]
    assert found == []

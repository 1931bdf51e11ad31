"""Nothing that nobody uses: every function, class and value of a module has a user outside of the tests."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "integrations"
READY = "what Twilio tells of calls, which live panels and task attributes will ask"
# What is found by its name, or stands ready, and by whom or for what.
FOUND_BY_NAME = {
    "Command": "Django, in management/commands",
    "urlpatterns": "Django",
    "integrations.apps.IntegrationsConfig": "Django",
    "integrations.dashboard.session_store.SessionStore": "Django, in the module that SESSION_ENGINE names",
    "integrations.calls.holding.holder_of": READY,
    "integrations.calls.progress.ASSIGNED": READY,
    "integrations.calls.progress.CALL_OPEN": READY,
    "integrations.twilio.events.SLOWED": READY,
    "integrations.sandbox.studio.run_flow": "how the tests play a call flow",
    "integrations.sandbox.people.PLANTED": "the tests, which look for what must never come out",
}

type Name = tuple[str, str]  # module, name


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def sources() -> dict[str, ast.Module]:
    folders = ("integrations", "connie_portal", "bench", "scripts")
    paths = [path for folder in folders for path in ROOT.glob(f"{folder}/**/*.py")]
    return {module_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in paths if path.parent.name != "migrations"}


def packages() -> set[str]:
    return {module_of(path) for path in PACKAGE.rglob("__init__.py")}


def imported(tree: ast.Module) -> dict[str, Name]:
    """What each name in a module is imported from."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {alias.asname or alias.name: (node.module, alias.name) for alias in node.names}
    return found


def uses(module: str, tree: ast.Module, *, is_package: bool) -> Iterator[Name]:
    """What a module's code names: its own, what it imports, attributes of modules, dotted paths in texts."""
    origins = imported(tree)
    if not is_package:  # a package that only passes a name on does not use it
        yield from origins.values()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield origins.get(node.id, (module, node.id))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in origins:
            yield ".".join(origins[node.value.id]), node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("integrations."):
            head, _dot, name = node.value.rpartition(".")
            yield head, name


def defined(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if not node.decorator_list:  # else somebody was told of it
                yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def is_excused(module: str, name: str) -> bool:
    is_a_kind = module.startswith("integrations.connectors.") and module.endswith(".connector") and name.endswith("Connector")
    return is_a_kind or name.startswith("__") or name in FOUND_BY_NAME or f"{module}.{name}" in FOUND_BY_NAME


def test_everything_has_a_user() -> None:
    trees, whole = sources(), packages()
    used = {use for module, tree in trees.items() for use in uses(module, tree, is_package=module in whole)}
    for module in sorted(whole & trees.keys(), key=len, reverse=True):
        # Who uses what a package passes on uses what it stands for.
        used |= {origin for name, origin in imported(trees[module]).items() if (module, name) in used}
    dead = [
        f"{module}.{name}"
        for module, tree in trees.items()
        if module.startswith("integrations")
        for name in defined(tree)
        if (module, name) not in used and not is_excused(module, name)
    ]
    assert dead == []


def test_nothing_is_excused_that_is_gone() -> None:
    trees = sources()
    names = {f"{module}.{name}" for module, tree in trees.items() for name in defined(tree)}
    assert {name for name in FOUND_BY_NAME if "." in name} <= names


def test_every_template_is_drawn() -> None:
    files = [path for folder in ("templates", "integrations", "connie_portal") for path in (ROOT / folder).rglob("*")]
    texts = [path.read_text(encoding="utf-8") for path in files if path.suffix in {".py", ".html"}]
    # The others are found by Django's own views and by Unfold, by where they stand.
    for path in (ROOT / "templates" / "integrations").rglob("*.html"):
        assert any(path.name in text for text in texts), path.name

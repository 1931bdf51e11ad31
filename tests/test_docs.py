"""The docs are complete: what can be set, typed, called or connected is named in them."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands

from integrations import coercion
from integrations.api.errors import STATUS_OF
from integrations.api.urls import urlpatterns
from integrations.api.views import ApiView
from integrations.configuration import schema
from integrations.configuration.sections import SECTIONS
from integrations.connectors import kinds
from integrations.connectors.base import Connector
from integrations.connectors.rest.presets import names as preset_names
from integrations.models import Event
from integrations.models.people import API_SCOPES
from integrations.profile import FIELDS, FieldType

ROOT = Path(__file__).resolve().parents[1]
DOCS = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
}
EVERYTHING = "\n".join(DOCS.values())
CONFIGURATION = DOCS["docs/configuration.md"]


# Words that begin neither with a verb nor with the noun that is described, so that a reader has to guess what is meant.
_NO_BEGINNING = """
    After Also Although And As At Because Before Behind Beside Between Beyond But By During For From If In Into It Its Never Nor
    Not Of On Once Only Or Out Over Past Since So That Their There These They This Those Though Through To Towards Under Unless
    Unlike Until Upon Whatever When Whenever Where Wherever Which Whichever While Who Whoever Whom Whose Why With Within Without
"""
NO_BEGINNING = frozenset(_NO_BEGINNING.split())


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in sorted(ROOT.glob(f"{folder}/**/*.py")) if path.parent.name != "migrations")


def settings_read() -> set[str]:
    source = "\n".join(
        path.read_text(encoding="utf-8") for path in [*ROOT.glob("connie_portal/*.py"), *ROOT.glob("integrations/**/*.py")]
    )
    return set(re.findall(r"\"(CONNIE_[A-Z_]+)\"", source))


@pytest.mark.parametrize("name", sorted(settings_read()))
def test_every_setting_is_documented(name: str) -> None:
    assert name in CONFIGURATION


@pytest.mark.parametrize("command", sorted(name for name, app in get_commands().items() if app == "integrations"))
def test_every_command_is_documented(command: str) -> None:
    assert f"manage.py {command}" in EVERYTHING


def undocumented(kind: type[Connector]) -> list[str]:
    """Options and secrets that the kind's page does not name; the page itself if there is none."""
    page = DOCS.get(f"docs/connectors/{kind.kind}.md", "")
    own = Path(inspect.getfile(kind)).with_name("README.md")
    if page and f"(connectors/{kind.kind}.md)" not in CONFIGURATION:
        return [f"a link to docs/connectors/{kind.kind}.md in docs/configuration.md"]
    text = page or (own.read_text(encoding="utf-8") if own.exists() else "")
    if not text:
        return [f"docs/connectors/{kind.kind}.md, or README.md in its folder"]
    return [name for name in [*kind.Options.model_fields, *kind.Secrets.model_fields] if f"`{name}`" not in text]


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_every_kind_of_system_is_documented_with_its_options_and_secrets(kind: str) -> None:
    assert undocumented(kinds()[kind]) == []


@pytest.mark.parametrize("preset", preset_names())
def test_every_preset_is_documented(preset: str) -> None:
    assert f"| `{preset}` |" in DOCS["docs/connectors/rest.md"]


@pytest.mark.parametrize("code", sorted(STATUS_OF))
def test_every_error_code_is_documented(code: str) -> None:
    assert f"`{code}`" in EVERYTHING


def endpoints() -> list[tuple[type[ApiView], str]]:
    """The endpoints, each with the line of docs/api.md that begins its section."""
    found = []
    for page in urlpatterns:
        view = getattr(page.callback, "view_class", None)
        if view and issubclass(view, ApiView):
            method = "GET" if "get" in view.http_method_names and hasattr(view, "get") else "POST"
            found.append((view, f"## `{method} /api/{re.sub(r'<[a-z]+:', '<', str(page.pattern))}`"))
    return found


@pytest.mark.parametrize(("view", "heading"), endpoints(), ids=lambda one: getattr(one, "__name__", None))
def test_every_endpoint_has_a_section_that_names_its_scope(view: type[ApiView], heading: str) -> None:
    section = DOCS["docs/api.md"].partition(f"{heading}\n")[2].partition("\n## ")[0]
    assert f"Scope `{view.scope}`" in section
    assert view.scope in API_SCOPES


@pytest.mark.parametrize("kind", FieldType)
def test_every_type_of_field_is_documented_and_can_be_read(kind: FieldType) -> None:
    table = CONFIGURATION.partition("### `[[organization.field]]`")[2].partition("\n### ")[0]
    assert f"`{kind}`" in table
    assert kind in coercion._SHAPES


def keys_of_the_file() -> list[tuple[str, str]]:
    """Each section of the configuration file with each of its keys."""
    tables = {"": schema.Organization, **{section.name: section.table for section in SECTIONS}}
    return [(name, field.alias or key) for name, table in tables.items() for key, field in table.model_fields.items()]


@pytest.mark.parametrize(("section", "key"), keys_of_the_file())
def test_every_key_of_the_configuration_file_is_documented(section: str, key: str) -> None:
    heading = f"### `[[organization{f'.{section}' if section else ''}]]`"
    told = CONFIGURATION.partition(f"{heading}\n")[2].partition("\n### `[[")[0]
    # One that is a table is shown as it is written: `rules = { … }`, or under a heading of its own.
    assert re.search(rf"`{key}`|`{key} = |`\[organization\.{key}\]`", told)


@pytest.mark.parametrize("field", sorted(FIELDS))
def test_every_field_is_documented(field: str) -> None:
    assert f"`{field}`" in EVERYTHING


@pytest.mark.parametrize("event", Event.values)
def test_every_event_of_the_audit_trail_is_documented(event: str) -> None:
    assert f"`{event}`" in DOCS["docs/running.md"]


LEVELS = frozenset(["debug", "info", "warning", "error", "exception", "critical"])


def events_logged() -> set[tuple[str, str]]:
    """Each event that the code logs, with its level. An event is named where it is logged, so that it can be found."""
    found = set()
    for path in sources("integrations", "connie_portal"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="log" | "logger"), attr=level)) if level in LEVELS:
                    assert node.args, path
                    assert isinstance(node.args[0], ast.Constant), path
                    found.add((str(node.args[0].value), level))
    return found


def events_told() -> set[tuple[str, str]]:
    own = DOCS["docs/logs.md"].partition("## Lines of libraries")[0]
    return set(re.findall(r"^\| `([\w.]+)` \| (\w+) \| [^|]+\. \| [^|]+\. \|$", own, re.MULTILINE))


def test_every_event_of_the_log_is_told_with_what_it_means_and_what_to_do() -> None:
    assert events_logged() - events_told() == set()


def test_no_event_of_the_log_is_told_that_the_code_does_not_know() -> None:
    assert events_told() - events_logged() == set()


def test_the_picture_of_the_threads_has_each_that_the_code_makes() -> None:
    picture = DOCS["docs/architecture.md"].partition("## Threads and loops")[2].partition("## ")[0]
    made = set()
    for path in sources("integrations", "connie_portal"):
        source = path.read_text(encoding="utf-8")
        made |= set(re.findall(r"\bThread\([^\n]*\bname=f?\"([\w-]+)", source))
        made |= set(re.findall(r"thread_name_prefix=f?\"([\w-]+)", source))
        named = len(re.findall(r"\b(?:Thread|ThreadPoolExecutor)\((?=\S)", source))
        assert named == len(re.findall(r"\b(?:Thread|ThreadPoolExecutor)\([^\n]*(?:name|thread_name_prefix)=", source)), path
    assert len(made) > 5
    assert [name for name in made if f"`{name}" not in picture] == []


@pytest.mark.parametrize("page", ["docs/agents.md", "docs/setup.md"])
def test_what_is_pressed_and_read_is_called_as_on_the_page(page: str) -> None:
    places = [*ROOT.glob("templates/**/*.html"), *ROOT.glob("integrations/**/*.py")]
    told = "\n".join(path.read_text(encoding="utf-8") for path in places).casefold()
    named = re.findall(r"(?<![*\w])\*([A-Z][^*]+)\*(?!\*)", DOCS[page])
    assert len(named) > 5
    assert [name for name in named if " ".join(name.split()).casefold() not in told] == []


def packages() -> list[str]:
    """The packages and modules of the portal, and those within the packages that are shared, but for kinds of system."""
    names = []
    for folder in (
        "integrations",
        "integrations/connectors",
        "integrations/outbound",
        "integrations/storage",
        "integrations/jobs",
    ):
        for path in sorted((ROOT / folder).iterdir()):
            name = path.stem if path.suffix == ".py" else path.name if (path / "__init__.py").exists() else ""
            if name and not name.startswith("__") and name not in {*kinds(), "migrations", "apps"}:
                names.append(name)
    return names


@pytest.mark.parametrize("name", packages())
def test_the_map_of_the_code_names_every_package(name: str) -> None:
    table = DOCS["docs/architecture.md"].partition("## Where things are")[2].partition("## ")[0]
    assert re.search(rf"`([a-z]+/)?{name}`", table)


def test_every_document_that_the_code_refers_to_is_there() -> None:
    sources = [path for folder in ("integrations", "connie_portal", "bench") for path in ROOT.glob(f"{folder}/**/*.py")]
    named = {name for path in sources for name in re.findall(r"[\w/.-]+\.md\b", path.read_text(encoding="utf-8"))}
    # The page of a kind in its own folder, which the portal's own kinds have under docs/ instead.
    assert sorted(name for name in named - {"README.md"} if not (ROOT / name).exists()) == []


def docstrings(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def test_a_docstring_begins_with_a_verb_or_with_what_it_describes() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {text.splitlines()[0]}"
        for path in sources("integrations", "connie_portal", "bench", "scripts", "tests")
        for text in docstrings(path)
        if text and text.split()[0].strip("`*,.:;") in NO_BEGINNING
    ]
    assert found == []


def test_every_package_says_what_it_decides() -> None:
    packages = [path for path in sources("integrations", "connie_portal", "bench", "scripts") if path.name == "__init__.py"]
    # Django finds the habits of each country by the names of these; what they decide is their parent's to say.
    told = [path for path in packages if path.parents[1].name != "formats"]
    assert [str(path.relative_to(ROOT)) for path in told if not ast.get_docstring(ast.parse(path.read_text("utf-8")))] == []


def paths_named(text: str) -> set[str]:
    """The files and folders of the code that a document names, whole or by their last parts."""
    outside = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    found = re.findall(r"`((?:[\w.-]+/)+|(?:[\w.-]+/)*[\w-]+\.py)`", outside)
    return {one for one in found if not re.search(r"[A-Z]{4}", one)}


def test_every_module_that_a_document_names_is_there() -> None:
    folders = ["bench", "connie_portal", "docs", "integrations", "scripts", "templates", "tests"]
    paths = [path for folder in folders for path in [ROOT / folder, *ROOT.glob(f"{folder}/**/*")]]
    there = [f"/{path.relative_to(ROOT)}{'/' if path.is_dir() else ''}" for path in [*paths, *ROOT.glob("*.py")]]
    # Folders that only an installation has.
    made = {".venv/", "var/", "mail/", "test-report/"}
    named = [(page, one) for page, text in DOCS.items() for one in paths_named(text) - made if page != "CHANGELOG.md"]
    assert [where for where in named if not any(path.endswith(f"/{where[1]}") for path in there)] == []


def test_every_link_leads_somewhere() -> None:
    broken = []
    for page, text in DOCS.items():
        for target in re.findall(r"\]\(([^)#\s]+)", text):
            if not target.startswith(("http://", "https://", "mailto:")) and not (ROOT / page).parent.joinpath(target).exists():
                broken.append(f"{page}: {target}")
    assert broken == []


@pytest.mark.parametrize("command", ["make run", "make test"])
def test_the_readme_names_the_two_commands_and_the_makefile_has_them(command: str) -> None:
    assert command in DOCS["README.md"]
    assert re.search(rf"^{command.split()[1]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_docs_name_no_machine() -> None:
    # Paths of a developer's machine and hosts of package indexes belong in no document.
    assert not re.search(r"(^|[\s(`])/(home|root|work|Users)/", EVERYTHING)

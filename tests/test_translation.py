"""Everything that a person may read is marked, so that ``makemessages`` finds it, and translated where it is shown."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import translation

from integrations import errors, whose
from integrations.phone import NotANumber, classify
from integrations.presentation.translation import translated
from integrations.profile import FIELDS
from integrations.sentences import Sentence, gettext_noop

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("integrations", "connie_portal")
MARKS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy"}
# Where sentences are written that agents, admins and supervisors read on a page.
READ = (
    *("lookup", "disclosure", "presentation", "panel", "dashboard", "calls"),
    *("phone.py", "search_query.py", "errors.py", "whose.py"),
)
NAMES = {"Connie"}
_SENTENCE = re.compile(r"[A-Z][a-z]+\b.* .*[a-z]{2}[.!?]")


def sources(*below: str) -> Iterator[tuple[Path, ast.Module]]:
    for name in below:
        path = ROOT / name
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            yield file, ast.parse(file.read_text(encoding="utf-8"))


def name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def marked() -> set[str]:
    """Every text that stands in a call that ``makemessages`` looks for."""
    calls = (node for _file, tree in sources(*PACKAGES) for node in ast.walk(tree) if isinstance(node, ast.Call))
    texts = (argument for call in calls if name_of(call) in MARKS for argument in call.args)
    return {text.value for text in texts if isinstance(text, ast.Constant) and isinstance(text.value, str)}


def subclasses(kind: type[errors.PortalError]) -> Iterator[type[errors.PortalError]]:
    for below in kind.__subclasses__():
        yield below
        yield from subclasses(below)


def spoken() -> Iterator[str]:
    """What other modules say and a page shows, as it is or as a pattern."""
    yield from (kind.public_message for kind in subclasses(errors.PortalError))
    yield from (definition.label for definition in FIELDS.values())
    yield from whose._OTHERS
    for raw in (7, "+1" * 60, "", "client:rosa", "messenger:1", "hello", "12", "5550123"):
        number = classify(raw, "US")
        assert isinstance(number, NotANumber)
        yield number.reason
    yield errors.TooManyUnknown(90).public_message
    yield errors.MissingScope("crm", scopes=["crm.objects"]).public_message


def pattern_of(text: str) -> str:
    return text.pattern if isinstance(text, Sentence) else text


def test_what_other_modules_say_is_marked() -> None:
    assert {pattern_of(text) for text in spoken()} - marked() == set()


def test_no_sentence_for_people_stands_unmarked() -> None:
    offenders = [
        f"{file.relative_to(ROOT)}:{text.lineno}: {text.value}"
        for file, tree in sources(*(f"integrations/{name}" for name in READ))
        for text in unmarked(tree)
        if _SENTENCE.fullmatch(text.value)
    ]
    assert offenders == []


def unmarked(tree: ast.AST) -> Iterator[ast.Constant]:
    """Texts that are no docstring, no mark, and not what an error says to developers and in the API, which stay English."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Call) and name_of(node) in MARKS:
            continue
        if isinstance(node, ast.Raise) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node
        yield from unmarked(node)


@pytest.mark.parametrize("folder", ["templates/integrations", "templates/registration", "templates/admin"])
def test_no_template_shows_a_text_that_is_not_marked(folder: str) -> None:
    offenders = {
        str(file.relative_to(ROOT)): words
        for file in sorted((ROOT / folder).rglob("*.html"))
        if (words := bare_words(file.read_text()))
    }
    assert offenders == {}


def bare_words(template: str) -> list[str]:
    """The words outside of tags, translations and scripts."""
    for between in (
        r"\{% comment .*?endcomment %\}",
        r"\{#.*?#\}",
        r"\{% blocktranslate.*?endblocktranslate %\}",
        r"<(script|style|kbd)\b.*?</\1>",
        r"\{% block body_class %\}.*?\{% endblock %\}",
        r"\{%.*?%\}",
        r"\{\{.*?\}\}",
        r"<[^>]*>",
        r"&\w+;",
    ):
        template = re.sub(between, " ", template, flags=re.DOTALL)
    return [word for word in re.findall(r"[A-Za-z]{2,}", template) if word not in NAMES]


def test_makemessages_finds_them(tmp_path: Path) -> None:
    if not shutil.which("xgettext"):
        pytest.skip("xgettext is not installed, with which makemessages works (apt-get install gettext)")
    for folder in ("integrations", "templates"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("migrations", "__pycache__"))
    (tmp_path / "locale").mkdir()
    command = [sys.executable, "-m", "django", "makemessages", "--locale", "es", "--no-location", "--no-wrap"]
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    found = (tmp_path / "locale/es/LC_MESSAGES/django.po").read_text(encoding="utf-8")
    known = {re.sub(r"\\(.)", r"\1", text) for text in re.findall(r'^msgid "(.*)"$', found, re.MULTILINE)}
    assert {pattern_of(text) for text in spoken()} - known == set()


def test_a_sentence_is_translated_before_its_values_go_in(monkeypatch: pytest.MonkeyPatch) -> None:
    spanish = {"It has %(count)d.": "Tiene %(count)d.", "Wait.": "Espere."}
    monkeypatch.setattr("integrations.presentation.translation.gettext", lambda text: spanish.get(text, text))
    counted = Sentence.of(gettext_noop("It has %(count)d."), count=3)
    assert (counted, translated(counted)) == ("It has 3.", "Tiene 3.")
    both = Sentence.joined(("Wait.", "", counted))
    assert (both, translated(both)) == ("Wait. It has 3.", "Espere. Tiene 3.")
    assert translated("") == ""


def test_the_api_says_the_same_in_english_whatever_the_language() -> None:
    with translation.override("es"):
        assert str(errors.AccessDenied.public_message) == "You may not see this."

"""What the portal is built of: declared where it is used, within a range that keeps, and locked without addresses."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
DECLARED = {"": PROJECT["dependencies"], **EXTRAS}
OWN = {"integrations", "connie_portal", "scripts", "bench", "tests"}

# Versions that are dates, or numbers that promise nothing. Tools are open as well: a newer one costs no user anything.
OPEN = frozenset(["certifi", "cryptography", "structlog", "tzdata"])
TOOLS = frozenset(["pre-commit", "pytest-randomly", "types-jmespath", "types-pymysql"])
# What breaks in a minor version, although it is past 1.0: Django's own, and what is typed after it.
NARROW = frozenset(["django", "django-stubs"])


def spelled(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def parts(requirement: str) -> tuple[str, str]:
    """The name and the range of ``psycopg[binary]~=3.2``."""
    found = re.fullmatch(r"([\w.-]+)(?:\[[\w,-]+\])?(.*)", requirement)
    assert found
    return spelled(found[1]), found[2]


def imported(*folders: str) -> set[str]:
    names: set[str] = set()
    for path in (path for folder in folders for path in ROOT.glob(f"{folder}/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {one.name.partition(".")[0] for one in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return names - OWN - set(sys.stdlib_module_names)


def test_what_the_portal_imports_is_declared() -> None:
    optional = {parts(one)[0] for extra in ("mysql", "postgresql") for one in EXTRAS[extra]}
    declared = {parts(one)[0] for one in DECLARED[""]} | optional
    distributions = packages_distributions()
    missing = {
        name
        for name in imported("integrations", "connie_portal")
        if not declared & {spelled(one) for one in distributions.get(name, [name])}
    }
    assert missing == set()


@pytest.mark.parametrize("requirement", sorted({one for group in DECLARED.values() for one in group}))
def test_a_range_follows_the_rule(requirement: str) -> None:
    name, span = parts(requirement)
    if name in OPEN | TOOLS:
        assert not span or span.startswith(">=")
        return
    assert span.startswith("~=")
    numbers = span.removeprefix("~=").split(".")
    assert len(numbers) == (3 if numbers[0] == "0" or name in NARROW else 2)


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock", "requirements-mysql.lock"])
def test_a_lock_file_holds_what_is_declared_and_names_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    extra = lock.removeprefix("requirements").removeprefix("-").removesuffix(".lock")
    assert "://" not in text
    for entry in re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]:
        assert re.match(r"[\w.-]+(\[[\w,-]+\])?==\S+", entry)
        assert "--hash=sha256:" in entry
    direct = {
        spelled(re.split(r"[\[=]", entry, maxsplit=1)[0])
        for entry in re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
        if "connie-portal (pyproject.toml)" in entry
    }
    assert {parts(one)[0] for one in [*DECLARED[""], *DECLARED.get(extra, [])]} == direct

"""The dependency direction of docs/architecture.md, and the budgets of size, asserted over the source itself."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "integrations"

HTTP_CLIENTS = {"httpx", "httpx_aiohttp", "aiohttp", "requests", "urllib3", "urllib.request", "http.client", "pyreqwest"}
_NOUNS = (
    "errors phone stored_numbers redaction* profile coercion figures money days codes words emails consents local_time "
    "search_query single_flight whose deadline sentences comparisons conditions"
)
NOUNS = [f"integrations.{noun}" for noun in _NOUNS.split()]
MODELS = [*NOUNS, "integrations.storage*", "integrations.models*"]
REGISTRY = ["integrations.connectors", "integrations.connectors.{aims,base,leaving_out,mapping,rows}"]
# Of what goes outside, the rest of the portal knows where a connector may go, and what was noted of its way.
REACH = ["integrations.outbound.{network,recording}"]
LOOKUP_RESULTS = ["integrations.lookup", "integrations.lookup.result"]
DOMAIN = [*MODELS, *REGISTRY, *REACH, "integrations.lookup*", "integrations.disclosure*", "integrations.calls*"]
# What Twilio tells, as a thing to be applied.
TOLD = ["integrations.twilio.{events,task_facts}"]
DELIVERY = [
    *DOMAIN,
    "integrations.jobs.{inbox,schedule}",
    "integrations.configuration.{history,invitations}",
    "integrations.lists*",
    "integrations.presentation*",
    "integrations.routing*",
]


@dataclass(frozen=True)
class Rule:
    """Modules whose names match ``who`` may import these modules of the project, and Django only if ``django``."""

    who: str
    may: list[str]
    django: bool = True


# The first rule that fits a module is its rule; what is not listed is forbidden.
RULES = [
    *(Rule(noun, NOUNS, django=False) for noun in NOUNS),
    Rule("integrations.outbound*", [*NOUNS, "integrations.outbound*"], django=False),
    Rule("integrations.connectors", [*NOUNS, *REGISTRY, "integrations.outbound.http"], django=False),
    Rule("integrations.connectors.leaving_out", NOUNS, django=False),
    Rule("integrations.connectors.verifying", [*NOUNS, "integrations.outbound.recording"], django=False),
    Rule("integrations.connectors.aims", [*NOUNS, "integrations.connectors.base"], django=False),
    Rule(
        "integrations.connectors.base",
        [*NOUNS, *REACH, "integrations.connectors.{expressions,leaving_out,mapping,verifying}"],
        django=False,
    ),
    Rule("integrations.connectors.interpreter", NOUNS, django=False),
    Rule("integrations.connectors.expressions", [*NOUNS, "integrations.connectors.interpreter"], django=False),
    Rule("integrations.connectors.mapping", [*NOUNS, "integrations.connectors.{expressions,interpreter}"], django=False),
    Rule("integrations.connectors.rows", [*NOUNS, "integrations.connectors.base"], django=False),
    Rule(
        "integrations.connectors.*",
        [
            *NOUNS,
            "integrations.outbound.{http,sql,network,oauth,recording,encodings}",
            "integrations.connectors.{base,leaving_out,rows,mapping,expressions,verifying}",
            "<own kind>",
        ],
        django=False,
    ),
    Rule("integrations.storage*", [*NOUNS, "integrations.storage*"]),
    Rule("integrations.models*", MODELS),
    Rule(
        "integrations.lookup.backends*",
        [*MODELS, "integrations.lookup.{background,breaker,cache,rate_limit}", "integrations.lookup.backends*"],
    ),
    Rule("integrations.lookup*", [*MODELS, *REGISTRY, *REACH, "integrations.lookup*"]),
    Rule("integrations.disclosure*", [*MODELS, *LOOKUP_RESULTS, "integrations.disclosure*"]),
    Rule(
        "integrations.presentation*",
        [
            *NOUNS,
            "integrations.lookup.result",
            "integrations.disclosure",
            "integrations.models.people",
            "integrations.presentation*",
        ],
    ),
    Rule("integrations.twilio*", [*NOUNS, "integrations.twilio*"], django=False),
    Rule("integrations.calls.twilio", [*MODELS, "integrations.twilio.{client,taskrouter}"]),
    Rule("integrations.calls*", [*DOMAIN, *TOLD]),
    Rule("integrations.jobs*", [*MODELS, "integrations.jobs*"]),
    Rule(
        "integrations.configuration.twilio_setup",
        [*MODELS, "integrations.calls.twilio", "integrations.twilio.{client,setup}"],
    ),
    Rule("integrations.configuration*", [*DOMAIN, "integrations.configuration*"]),
    Rule(
        "integrations.lists*",
        [*DOMAIN, "integrations.configuration.history", "integrations.outbound.loop", "integrations.lists*"],
    ),
    Rule("integrations.webhooks.handlers", [*DELIVERY, *TOLD]),
    Rule(
        "integrations.webhooks*",
        [
            *DELIVERY,
            *TOLD,
            "integrations.twilio.signature",
            "integrations.tasks",
            "integrations.api.errors",
            "integrations.webhooks*",
        ],
    ),
    Rule("integrations.routing*", [*DOMAIN, "integrations.routing*"]),
    Rule("integrations.panel*", [*DELIVERY, "integrations.panel*"]),
    Rule("integrations.dashboard*", [*DELIVERY, "integrations.dashboard*"]),
    Rule("integrations.api*", [*DELIVERY, "integrations.twilio*", "integrations.api*"]),
    Rule("integrations.admin*", [*DELIVERY, *TOLD, "integrations.configuration*", "integrations.tasks", "integrations.admin*"]),
    Rule("integrations.sandbox*", ["integrations.sandbox*", "integrations.phone"], django=False),
    Rule("integrations.tasks", ["integrations.*"]),
    Rule("integrations.management*", ["integrations.*", "connie_portal.*"]),
    Rule("integrations.apps", ["integrations.*"]),
    Rule("integrations.migrations*", ["integrations.*"]),
    Rule("integrations", []),
]


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        yield name, ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield (
                    inner if (ROOT / Path(*inner.split("."))).with_suffix(".py").exists() or is_package(inner) else node.module
                )


def is_package(name: str) -> bool:
    return (ROOT / Path(*name.split(".")) / "__init__.py").exists()


def rule_for(module: str) -> Rule:
    return next(rule for rule in RULES if fnmatch(module, rule.who))


def allowed(module: str, imported: str, rule: Rule) -> bool:
    for pattern in rule.may:
        if pattern == "<own kind>":
            pattern = ".".join(module.split(".")[:3]) + "*"
        if "{" in pattern:
            head, _brace, rest = pattern.partition("{")
            patterns = [head + name for name in rest.rstrip("}").split(",")]
        else:
            patterns = [pattern]
        if any(fnmatch(imported, one) for one in patterns):
            return True
    return False


def test_every_module_imports_only_what_its_rule_lists() -> None:
    offenders = []
    for module, tree in modules():
        rule = rule_for(module)
        for imported in imports(tree):
            own = imported.split(".")[0] in {"integrations", "connie_portal"}
            if own and not allowed(module, imported, rule):
                offenders.append(f"{module} imports {imported}")
            if not rule.django and imported.split(".")[0] in {"django", "rest_framework"}:
                offenders.append(f"{module} imports {imported}")
    assert offenders == []


def test_each_door_is_the_only_one() -> None:
    offenders = []
    for module, tree in modules():
        for imported in imports(tree):
            root = imported.split(".")[0]
            http_client = root in HTTP_CLIENTS or imported in HTTP_CLIENTS
            # aiohttp.web is a server: the simulators serve with it.
            serves = module.startswith("integrations.sandbox") and imported.startswith("aiohttp")
            # A handful of calls to Twilio's own hosts: docs/decisions/0010.
            to_twilio = module == "integrations.twilio.client" and root == "httpx"
            if http_client and module != "integrations.outbound.http" and not serves and not to_twilio:
                offenders.append(f"{module} imports {imported}")
            if root == "sqlalchemy" and module != "integrations.outbound.sql":
                offenders.append(f"{module} imports {imported}")
    assert offenders == []


def test_the_sandbox_is_imported_by_its_commands_only() -> None:
    users = {
        module
        for module, tree in modules()
        if any(name.startswith("integrations.sandbox") for name in imports(tree))
        and not module.startswith("integrations.sandbox")
    }
    assert all(user.startswith("integrations.management.commands.") for user in users)


def test_the_app_never_imports_the_project() -> None:
    users = [m for m, tree in modules() if any(name.startswith("connie_portal") for name in imports(tree))]
    assert [user for user in users if not user.startswith("integrations.management")] == []


def test_a_rule_that_is_broken_is_noticed() -> None:
    tree = ast.parse("from integrations.models import Call\nimport httpx")
    assert not allowed("integrations.phone", next(imports(tree)), rule_for("integrations.phone"))


def test_the_ways_out_load_nothing_of_the_connectors() -> None:
    doors = [module for module, _tree in modules() if module.startswith("integrations.outbound.")]
    told = "print([name for name in sys.modules if name.startswith('integrations.connectors')])"
    script = f"import sys, {', '.join(doors)}; {told}"
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["utils", "helpers", "common", "core", "services", "misc"])
def test_no_module_is_named_after_nothing(name: str) -> None:
    assert [module for module, _tree in modules() if module.split(".")[-1] == name] == []


# -- Budgets ------------------------------------------------------------------------------------------------------


def sources() -> Iterator[Path]:
    for folder in (PACKAGE, ROOT / "connie_portal", ROOT / "scripts"):
        yield from (path for path in sorted(folder.rglob("*.py")) if "migrations" not in path.parts)


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not is_table(node):
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


def is_table(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A function that only lays out data: no branches but a loop to yield it."""
    return not any(
        isinstance(inner, ast.If | ast.While | ast.Try | ast.With | ast.AsyncWith | ast.Await) for inner in ast.walk(node)
    )


def test_functions_are_short() -> None:
    lengths = [entry for path in sources() for entry in functions(path)]
    assert [f"{where}: {length} lines" for where, length in lengths if length > 60] == []
    assert statistics.quantiles([length for _where, length in lengths], n=20)[-1] <= 40


def test_modules_and_connectors_stay_within_their_lines() -> None:
    offenders = []
    for path in sources():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        budget = 150 if path.name == "connector.py" else 400
        if lines > budget:
            offenders.append(f"{path.relative_to(ROOT)}: {lines} lines of {budget}")
    assert offenders == []

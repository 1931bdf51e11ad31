"""JMESPath's interpreter, within bounds: an expression of a few characters may neither take the process's time nor its memory.

A mapping runs on the loop that serves everybody, and no thread would help: a thread shares the interpreter's lock. So what an
expression does is counted while it runs: each step, each item that it builds, each item that a function or a comparison reads.
What it builds may hold one thing many times (``[@,@] | [@,@] | …`` doubles with each step and costs nothing until it is read),
so what it returns is counted as whoever reads it will meet it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions
from jmespath.visitor import TreeInterpreter

from integrations.profile import JSON

# A few milliseconds; what a mapping does with a record takes less than a hundredth of it.
MAX_WORK = 20_000
# So many characters of a text count as one step.
_CHARACTERS = 16
# Only these can put one thing into their result more than once.
_MULTIPLIES = frozenset({"multi_select_list", "multi_select_dict", "function_expression"})
_BUILDS = _MULTIPLIES | {"projection", "value_projection", "filter_projection", "slice"}


class TooMuchWork(JMESPathError):
    """An expression that would take or build more than a mapping may."""

    def __init__(self) -> None:
        super().__init__("it does too much with this record")


class BoundedInterpreter(TreeInterpreter):
    """Runs one expression over one record."""

    _functions = Functions()  # stateless, and slow to make
    _dict_cls = dict
    _methods: ClassVar[dict[str, Callable[..., Any]]] = {}

    def __init__(self) -> None:
        # One is made for each run: the library's own preparations would cost more than most runs.
        self._left = MAX_WORK

    def run(self, node: Any, raw: JSON, *, multiplies: bool) -> JSON:
        """What the parsed expression finds in ``raw``; ``multiplies`` as the function of that name says of it.

        Raises JMESPathError, TooMuchWork among them.
        """
        try:
            found = self.visit(node, raw)
            if multiplies:
                self._read(found)
        except JMESPathError:
            raise
        except (TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as error:
            # Functions meet what they were not made for, such as a list among numbers.
            raise JMESPathError(f"a value of another type ({type(error).__name__})") from None
        return found

    def visit(self, node: Any, *args: Any, **options: Any) -> Any:
        """One step, and the items of the list or object that it comes to."""
        kind = node["type"]
        method = self._methods.get(kind)
        if method is None:
            method = self._methods[kind] = getattr(type(self), f"visit_{kind}")
        self._spend(1)
        found = method(self, node, *args, **options)
        if kind in _BUILDS and isinstance(found, list | dict):
            self._spend(len(found))
        return found

    def visit_comparator(self, node: Any, value: Any) -> Any:
        sides = [self.visit(child, value) for child in node["children"]]
        for side in sides:
            self._read(side)
        literals: Any = [{"type": "literal", "value": side, "children": []} for side in sides]
        compared: Any = dict(node, children=literals)
        return super().visit_comparator(compared, value)

    def visit_flatten(self, node: Any, value: Any) -> Any:
        base = self.visit(node["children"][0], value)
        if isinstance(base, list):
            self._spend(sum(len(item) for item in base if isinstance(item, list)))
        literal: Any = {"type": "literal", "value": base, "children": []}
        flattened: Any = dict(node, children=[literal])
        return super().visit_flatten(flattened, value)

    def visit_function_expression(self, node: Any, value: Any) -> Any:
        arguments = [self.visit(child, value) for child in node["children"]]
        for argument in arguments:
            self._read(argument)
        if node["value"] == "join" and len(arguments) == 2 and isinstance(arguments[1], list):
            self._spend(len(arguments[1]) * len(str(arguments[0])[: self._left]) // _CHARACTERS)
        return self._functions.call_function(node["value"], arguments)

    def _spend(self, work: int) -> None:
        self._left -= work
        if self._left < 0:
            raise TooMuchWork

    def _read(self, value: Any) -> None:
        """Spend what reading the value costs: each item as often as it is met, texts by their length."""
        open_ends: list[Iterable[Any]] = [(value,)]
        while open_ends:
            for item in open_ends.pop():
                self._spend(1 + len(item) // _CHARACTERS if isinstance(item, str) else 1)
                if isinstance(item, Mapping):
                    open_ends.append(item.values())
                elif isinstance(item, list | tuple):
                    open_ends.append(item)


def multiplies(node: Mapping[str, Any]) -> bool:
    """Whether what a parsed expression returns may hold one thing many times."""
    return node["type"] in _MULTIPLIES or any(multiplies(part) for part in parts_of(node))


def parts_of(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The expressions that a parsed one is made of; the bounds of a slice are numbers, and none."""
    return [child for child in node["children"] if isinstance(child, Mapping)]

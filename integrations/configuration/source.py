"""A TOML file together with the line of everything in it, so that a problem can be shown where it stands."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from integrations.configuration import sections
from integrations.configuration.problems import Problem, Problems, Source, Where

_PARSER_LINE = re.compile(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)$")


def read_source(path: Path) -> Source:
    """Read and parse ``path``. Raises Problems with the parser's line, or line 1 where there is none."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise Problems([Problem(1, "", "There is no such file. Give the path of a TOML file.")]) from None
    except IsADirectoryError:
        raise Problems([Problem(1, "", "This is a folder. Give the path of a TOML file.")]) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise Problems([Problem(line, "", "This is not UTF-8 text. Save the file as UTF-8.")]) from None
    except OSError as error:
        raise Problems([Problem(1, "", f"The file cannot be read ({error.strerror}). Make it readable.")]) from None
    text = text.replace("\r\n", "\n")
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise Problems([_syntax_problem(error, text)]) from None
    return Source(data, _Lines(text).found, sections.named_by())


def _syntax_problem(error: Exception, text: str) -> Problem:
    reason = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "A value in it cannot be read"
    found = _PARSER_LINE.search(reason)
    line = int(found["line"]) if found and found["line"] else (text.rstrip("\n").count("\n") + 1 if found else 1)
    reason = _PARSER_LINE.sub("", reason)
    return Problem(line, "", f"This is not valid TOML: {reason}. Correct the line.")


class _Lines:
    """Walks a text that tomllib has accepted, and notes the line of every table, key and array item."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[Where, int] = {}
        self.last: dict[Where, int] = {}  # array of tables → position of its latest table
        self._document()

    def _document(self) -> None:
        table: Where = ()
        while self._skip_blank():
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Where:
        line = self._line()
        array = self.text.startswith("[[", self.at)
        self.at += 2 if array else 1
        *outer, name = self._key("]")
        self.at += 2 if array else 1
        where: Where = ()
        for part in outer:
            where = self._latest((*where, part))
            self.found.setdefault(where, line)
        where = (*where, name)
        if array:
            self.last[where] = self.last.get(where, -1) + 1
            self.found.setdefault(where, line)
            where = self._latest(where)
        self.found[where] = line
        return where

    def _latest(self, where: Where) -> Where:
        return (*where, self.last[where]) if where in self.last else where

    def _pair(self, table: Where) -> None:
        line = self._line()
        where = table
        for part in self._key("="):
            where = (*where, part)
            self.found.setdefault(where, line)
        self.at += 1
        self._value(where)

    def _key(self, end: str) -> list[str]:
        """The parts of a dotted key that ends before ``end``."""
        start = self.at
        while self.text[self.at] != end:
            if self.text[self.at] in "\"'":
                self._string()
            else:
                self.at += 1
        parts: list[str] = []
        # tomllib itself undoes quotes and escapes.
        inner: Any = tomllib.loads(f"{self.text[start : self.at]} = 0")
        while isinstance(inner, dict):
            parts.append(next(iter(inner)))
            inner = inner[parts[-1]]
        return parts

    def _value(self, where: Where) -> None:
        self._skip_blank()
        character = self.text[self.at]
        if character == "{":
            self._items("}", where)
        elif character == "[":
            self._items("]", where)
        elif character in "\"'":
            self._string()
        else:
            while self.at < len(self.text) and self.text[self.at] not in ",]}\n#":
                self.at += 1

    def _items(self, end: str, where: Where) -> None:
        """An array or an inline table, from its opening bracket past its closing one."""
        self.at += 1
        position = 0
        while self._skip_blank() and self.text[self.at] != end:
            if self.text[self.at] == ",":
                self.at += 1
            elif end == "}":
                self._pair(where)
            else:
                self.found[(*where, position)] = self._line()
                self._value((*where, position))
                position += 1
        self.at += 1

    def _string(self) -> None:
        quote = self.text[self.at]
        marks = quote * 3 if self.text.startswith(quote * 3, self.at) else quote
        self.at += len(marks)
        while not self.text.startswith(marks, self.at):
            # Only basic strings know escapes.
            self.at += 2 if quote == '"' and self.text[self.at] == "\\" else 1
        self.at += len(marks)
        # A multi-line string may end in one or two quotes of its own.
        while len(marks) == 3 and self.text.startswith(quote, self.at):
            self.at += 1

    def _skip_blank(self) -> bool:
        """Skip white space and comments. Returns whether anything is left."""
        while self.at < len(self.text):
            if self.text[self.at] == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            elif self.text[self.at] in " \t\n":
                self.at += 1
            else:
                return True
        return False

    def _line(self) -> int:
        return self.text.count("\n", 0, self.at) + 1

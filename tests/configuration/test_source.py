"""Lines of everything in a TOML file."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations.configuration.problems import Problems, Where
from integrations.configuration.source import read_source

TEXT = '''\
# a comment with [brackets] and "quotes
[[organization]]
slug = "a"
retention_days = { audit = 1, "odd key" = 2 }
note = """
[[organization]]
slug = 'not this one'
"""

[[organization.connector]]
key = "one"
options.url = "x # not a comment"
secrets = { token = "env:A" }

[[organization.connector]]
key = 'two'
list = [
  "first",  # why
  { deep = [1, 2] },
]
[organization.connector.options]
url = "y\\"]"

[[organization]]
slug = "b"
[organization.flex_roles]
agent = { role = "agent" }
[[organization.connector]]
key = "three"
'''


@pytest.mark.parametrize(
    ("where", "line"),
    [
        (("organization", 0, "slug"), 3),
        (("organization", 0, "retention_days", "odd key"), 4),
        (("organization", 0, "missing"), 2),
        (("organization", 0, "connector", 0, "options", "url"), 12),
        (("organization", 0, "connector", 0, "secrets", "token"), 13),
        (("organization", 0, "connector", 1), 15),
        (("organization", 0, "connector", 1, "list", 0), 18),
        (("organization", 0, "connector", 1, "list", 1, "deep", 1), 19),
        (("organization", 0, "connector", 1, "options", "url"), 22),
        (("organization", 0, "connector", 1, "options", "missing"), 21),
        (("organization", 1, "slug"), 25),
        (("organization", 1, "flex_roles", "agent", "role"), 27),
        (("organization", 1, "connector", 0, "key"), 29),
        (("nowhere",), 1),
    ],
)
def test_every_key_has_its_line_or_that_of_its_table(where: Where, line: int, tmp_path: Path) -> None:
    path = tmp_path / "file.toml"
    for text in (TEXT, TEXT.replace("\n", "\r\n")):
        path.write_bytes(text.encode())
        assert read_source(path).line_of(where) == line


def test_a_path_names_entries_as_the_file_matches_them(tmp_path: Path) -> None:
    path = tmp_path / "file.toml"
    path.write_text(TEXT)
    source = read_source(path)
    assert source.path(("organization", 1, "connector", 0, "timeout_ms")) == "organization[b].connector[three].timeout_ms"
    assert source.path(("organization", 0, "connector", 1, "list", 1)) == "organization[a].connector[two].list[2]"


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"[[organization]]\nslug = \n", 2, "not valid TOML"),
        (b'a = 1\n\n\nb = "open', 4, "not valid TOML"),
        (b"a = 1\na = 2\n", 2, "not valid TOML"),
        (b"a = 1\nb = \xff\n", 2, "not UTF-8"),
        (b"\x00\x01", 1, "not valid TOML"),
        (b"a = " + b"[" * 5_000, 1, "not valid TOML"),
        (b'a = """\nx\n', 2, "not valid TOML"),
    ],
)
def test_a_file_that_cannot_be_parsed_is_a_sentence_at_its_line(content: bytes, line: int, words: str, tmp_path: Path) -> None:
    path = tmp_path / "file.toml"
    path.write_bytes(content)
    with pytest.raises(Problems) as found:
        read_source(path)
    [problem] = found.value.problems
    assert (problem.line, words in problem.sentence) == (line, True)


def test_a_missing_file_and_a_folder_are_sentences(tmp_path: Path) -> None:
    for path, words in ((tmp_path / "none.toml", "no such file"), (tmp_path, "folder")):
        with pytest.raises(Problems) as found:
            read_source(path)
        assert words in found.value.problems[0].text("f")

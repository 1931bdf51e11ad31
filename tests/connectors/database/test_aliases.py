"""A query of the admin's cannot bring what nobody may see under another name."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from integrations.connectors.database.aliases import hidden_columns
from integrations.errors import ConfigurationError
from integrations.outbound.recording import recording
from tests.connectors.database.conftest import Database
from tests.connectors.database.test_database import find


@pytest.mark.parametrize(
    ("query", "hidden"),
    [
        ("SELECT id, ssn AS member_ref FROM c WHERE phone = :phone", {"member_ref"}),
        ("SELECT id, ssn member_ref FROM c", {"member_ref"}),
        ("SELECT DISTINCT id, c.ssn AS \"Member Ref\", name FROM c", {"member ref"}),
        ("SELECT id, CONCAT(c.`ssn`, '') AS ref, [password] p FROM c", {"ref", "p"}),
        ("SELECT id, upper(ssn) FROM c", {"upper"}),
        ("WITH x AS (SELECT id, ssn AS a FROM t) SELECT id, a AS b, CAST(b AS text) AS d FROM x", {"a", "b", "d"}),
        ("SELECT id, data->>'ssn' AS ref FROM c", {"ref"}),
        ("SELECT id, JSON_EXTRACT(data, '$.ssn') ref FROM c", {"ref"}),
        ("SELECT * FROM (SELECT id, ssn AS z FROM c) y", {"z"}),
        ("SELECT id, (SELECT pin FROM p WHERE p.id = c.id) AS code FROM c", {"code", "pin"}),
        ("SELECT id, CASE WHEN 1 = 1 THEN ssn ELSE NULL END AS q FROM c", {"q"}),
        ("SELECT id, name FROM c WHERE ssn IS NOT NULL", set()),
        ("SELECT c.id, a.status FROM c JOIN accounts a ON a.account_number = c.account_number", set()),
        ("SELECT tokens.name AS n FROM tokens WHERE id IN (1, 2)", set()),
        ("SELECT FROM c", set()),
        ("SELECT id, name -- the client's\n FROM c /* of the office */ WHERE phone = :phone", set()),
    ],
)  # fmt: skip
def test_a_column_is_judged_by_what_it_is_made_of(query: str, hidden: set[str]) -> None:
    assert set(hidden_columns(query)) == hidden


@pytest.mark.parametrize(
    "query",
    ["SELECT id, name FROM a UNION SELECT id, ssn FROM b", "WITH x (a, b) AS (SELECT id, ssn FROM t) SELECT a, b FROM x",
     "SELECT a, b FROM (SELECT id, ssn FROM t) AS x (a, b)", r"SELECT '\' AS x, ssn AS y FROM c",
     "SELECT id, ssn /* of the client, from the office */ AS z FROM c", "SELECT id, ssn -- the number, as typed\n AS z FROM c",
     "SELECT /* ' */ ssn AS z, id /* ' */ FROM c", "SELECT -- it's\n ssn AS z, 'x' AS y FROM c",
     "SELECT # it's\n ssn AS z, 'x' AS y FROM c", "SELECT $$'$$ AS x, ssn AS z, $a$'$a$ AS y FROM c",
     "SELECT 1--ssn, 2\n AS z FROM c", "SELECT /*!50000 ssn, */ 1 AS z FROM c"],
)  # fmt: skip
def test_names_that_cannot_be_followed_are_refused(query: str) -> None:
    with pytest.raises(ConfigurationError, match=r"(?s)it reads .*ssn.*, which is named like a social security number"):
        hidden_columns(query)


async def test_it_is_neither_shown_nor_mapped_nor_an_id(database: Database) -> None:
    query = "SELECT id, phone, first_name, password_hash AS member_ref FROM customers WHERE id = 1 AND :phone <> ''"
    with recording() as recorded:
        (record,) = await find(database.connector({"notes": "join(' ', keys(@))"}, query=query))
    assert "member_ref" not in record.fields["notes"]
    assert recorded.dropped == {"member_ref (made of password_hash)"}
    with pytest.raises(ConfigurationError, match="member_ref holds what is never shown: it is made of password_hash"):
        await find(database.connector({"notes": "member_ref"}, query=query))
    with pytest.raises(ValidationError, match="id_column: member_ref is named like a password"):
        await find(database.connector(query=query, id_column="member_ref"))


@pytest.mark.parametrize("options", [{"id_column": "ssn"}, {"phone_columns": ["account_number"]}, {"digits_columns": ["pin"]}])
async def test_a_column_that_nobody_may_see_cannot_be_chosen(sqlite: Database, options: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="which nobody may see\\. Choose another column"):
        _ = sqlite.connector(**options).options  # type: ignore[arg-type]


async def test_a_pasted_row_is_read_as_it_would_be(sqlite: Database) -> None:
    query = "SELECT id, phone, name, ssn AS member_ref FROM customers WHERE phone = :phone"
    connector = sqlite.connector({"notes": "to_string(@)"}, query=query)
    (record,) = connector.read_sample({"id": 7, "name": "Rosa", "member_ref": "078051120", "other": "078-05-1120"})
    assert record.record_id == "7"
    assert "078" not in str(record.fields)

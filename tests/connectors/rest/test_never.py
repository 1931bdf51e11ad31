"""What a description renames is judged by what it was."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from integrations.deadline import Deadline
from integrations.phone import Number
from tests.connectors.rest.conftest import BY_PHONE, rest
from tests.http_stub import Stub, reply

SSN = "078051120"
MAP = {"id": "id", "name": "name", "phone": "phone", "notes": "to_string(@)"}


def described(**changes: object) -> dict[str, object]:
    return {"steps": [{**BY_PHONE["steps"][0], "map": MAP, **changes}]}


@pytest.mark.parametrize(
    "changes",
    [{"records": "[].merge(@, {code: ssn})"}, {"records": "[].{id: id, code: ssn}"}, {"found": "people[0].ssn"},
     {"map": {**MAP, "id": "ssn"}}, {"map": {**MAP, "name": "{a: ssn}.a"}},
     {"map": {**MAP, "url": "join('', ['https://', ssn])"}}],
)  # fmt: skip
def test_an_expression_that_reads_it_is_refused(stub: Stub, changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="named like a social security number"):
        _ = rest(stub, lookup=described(**changes)).options


@pytest.mark.parametrize(
    "records",
    [
        "people[].merge(@, {code: to_string(@)})",
        "people[].{id: id, phone: phone, code: values(@)}",
        "people[].{id: id, phone: phone, all: @}",
    ],
)
async def test_an_expression_that_reads_everything_does_not_get_it(stub: Stub, records: str) -> None:
    stub.answer(reply({"people": [{"id": "1", "phone": "+14155550123", "deep": {"ssn": SSN}, "ssn": SSN}]}))
    (record,) = await rest(stub, lookup=described(records=records)).find(Number("+14155550123", "US"), Deadline(5))
    assert SSN not in str(record)

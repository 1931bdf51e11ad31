"""Makes the database of one run: ``python -m bench.prepare SOURCES-JSON`` prints an API key.

``SOURCES-JSON``: organisation slug → list of ``{"key", "url", "timeout_ms"}``. Each organisation is one scenario.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from typing import Any

os.environ["DJANGO_SETTINGS_MODULE"] = "connie_portal.settings"

import django

django.setup(set_prefix=False)

from django.core.management import call_command  # noqa: E402 -- Django is to be set up first

from bench.load import TOKEN  # noqa: E402
from bench.stubs import FIELDS  # noqa: E402
from integrations.models import ApiKey, Connector, Organization, Person, TwilioAccount, User  # noqa: E402
from integrations.models.people import make_default_tiers, new_api_key  # noqa: E402

PASSWORD = "a-long-bench-password"
STEP = {
    "path": "/people",
    "query": {"phone": "{phone_e164}"},
    "records": "people",
    "map": {"id": "id", **{name: name for name in FIELDS}},
}


def organization(slug: str, sources: list[dict[str, Any]]) -> str:
    """The key of a new organisation with these sources."""
    row = Organization.objects.create(slug=slug, name=slug)
    make_default_tiers(row)
    for source in sources:
        Connector.objects.create(
            organization=row,
            key=source["key"],
            name=source["key"],
            kind="rest",
            timeout_ms=source["timeout_ms"],
            allow_private=True,
            options={"base_url": source["url"], "lookup": {"steps": [STEP]}},
        )
    user = User.objects.create_user(f"agent-{slug}", password=PASSWORD)
    Person.objects.create(organization=row, user=user, tier=row.tiers.get(name="basic"))
    sid = f"AC{hashlib.sha256(slug.encode()).hexdigest()[:32]}"
    account = TwilioAccount(organization=row, account_sid=sid)
    account.auth_tokens = [TOKEN]
    account.save()
    key = new_api_key()
    issued = ApiKey(organization=row, name="bench", tier=row.tiers.get(name="basic"), scopes=["lookup"])
    issued.set_key(key)
    issued.save()
    return key


if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    print(json.dumps({slug: organization(slug, sources) for slug, sources in json.loads(sys.argv[1]).items()}))

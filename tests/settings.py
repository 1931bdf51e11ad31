"""The portal's settings with made-up keys and a data directory of its own."""

from __future__ import annotations

import atexit
import os
import tempfile
from pathlib import Path

for name in [name for name in os.environ if name.startswith("CONNIE_") and not name.startswith("CONNIE_TEST_")]:
    del os.environ[name]
_folder = tempfile.TemporaryDirectory(prefix="connie-test-", ignore_cleanup_errors=True)
atexit.register(_folder.cleanup)
os.environ.update(
    CONNIE_SECRET_KEY="test-secret-key-that-is-long-enough-for-django",
    CONNIE_ENCRYPTION_KEYS="test-encryption-key",
    CONNIE_INDEX_KEY="test-index-key",
    CONNIE_DATA_DIR=os.environ.get("CONNIE_TEST_DATA_DIR") or _folder.name,
    CONNIE_DATABASE_URL=os.environ.get("CONNIE_TEST_DATABASE_URL", ""),
    CONNIE_LOG_LEVEL="WARNING",
)

from connie_portal.settings import *  # noqa: E402, F403
from connie_portal.settings import DATA_DIR, DATABASES  # noqa: E402

# A file, not memory: threads of a test share it, as they do in the portal.
if "sqlite3" in DATABASES["default"]["ENGINE"]:
    DATABASES["default"]["TEST"] = {
        "NAME": str(Path(DATA_DIR) / f"test-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}.sqlite3")
    }
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

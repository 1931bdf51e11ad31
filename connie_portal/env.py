"""Readers of the process environment.

Every variable ``NAME`` may instead be given as ``NAME_FILE``, the path of a file that holds the value
(the way container platforms hand out secrets). A value that cannot be used stops the start with a
sentence that names the variable.
"""

from __future__ import annotations

import os
import re
from ipaddress import IPv6Address
from pathlib import Path
from urllib.parse import urlsplit

from yarl import URL

_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_.])?")


class EnvironmentProblem(Exception):
    """A setting of the environment is missing or unusable. ``str()`` is a sentence for the operator."""


def load_env_file(path: Path) -> None:
    """Read ``NAME=value`` lines into the environment. What the process was started with wins."""
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        name, separator, value = line.strip().partition("=")
        if separator and not name.startswith("#") and name not in os.environ and f"{name}_FILE" not in os.environ:
            os.environ[name] = value


def env_str(name: str, default: str = "") -> str:
    """The value of ``name``, else the content of the file that ``name_FILE`` names, else ``default``."""
    if value := os.environ.get(name):
        return value
    path = os.environ.get(f"{name}_FILE")
    if not path:
        return default
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise EnvironmentProblem(
            f"{name}_FILE names a file that cannot be read: {path}. Give a readable text file or unset {name}_FILE."
        ) from error


def env_secret(name: str, what: str) -> str:
    """A value without which the portal must not start; ``what`` tells the operator how to make one."""
    value = env_str(name)
    if value.strip(", "):
        return value
    raise EnvironmentProblem(f"{name} is not set. {what} Set {name}, or {name}_FILE to the path of a file that holds it.")


def env_bool(name: str, *, default: bool = False) -> bool:
    """``1|true|yes|on`` or ``0|false|no|off``; anything else is refused rather than guessed."""
    value = env_str(name).lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise EnvironmentProblem(f"{name} must be 1 or 0, not {value!r}.")


def env_port(name: str) -> int | None:
    """A port to listen on."""
    value = env_str(name)
    if not value:
        return None
    if value.isascii() and value.isdigit() and 0 < int(value) < 65_536:
        return int(value)
    raise EnvironmentProblem(f"{name} must be a whole number from 1 to 65535, not {value!r}.")


def env_web_address(name: str) -> str:
    """``https://host``, ``http://host:port``, as browsers send it; ``""`` if it is not set."""
    value = env_str(name).rstrip("/")
    if not value:
        return ""
    try:
        parts = urlsplit(value)
        port, host = parts.port, as_sent(parts.hostname or "")
    except ValueError:
        parts, port, host = urlsplit(""), None, ""
    plain = not (parts.username or parts.password is not None or parts.path or parts.query or parts.fragment)
    if parts.scheme in {"http", "https"} and host and plain:
        usual = port is None or port == {"http": 80, "https": 443}[parts.scheme]
        return f"{parts.scheme}://{host}" if usual else f"{parts.scheme}://{host}:{port}"
    # What was set is not repeated: it may hold a password.
    raise EnvironmentProblem(f"{name} must look like https://portal.example.org, without a path, a name or a password.")


def env_api_address(name: str, usual: str, *, plain: bool) -> str:
    """The address at which an API is asked with our credentials: https unless ``plain`` allows http as well."""
    address = env_web_address(name) or usual
    if address.startswith("http://") and not plain:
        raise EnvironmentProblem(f"{name} must begin with https://; http:// is for demos with CONNIE_ALLOW_PRIVATE=1 only.")
    return address


def as_sent(host: str) -> str:
    """A host as browsers send it: an IPv6 address short and in brackets, letters beyond ASCII in their ASCII form.

    Raises ValueError for what cannot be one.
    """
    bare = host.removeprefix("[").removesuffix("]")
    if ":" in bare:
        address = IPv6Address(bare)
        if address.scope_id:
            raise ValueError("an address that holds on one network card only")
        return f"[{address}]"
    bare = bare.removesuffix(".")
    found = str(URL.build(scheme="https", host=bare).raw_host).lower() if not bare.isascii() else bare.lower()
    if not _HOST.fullmatch(found) or ".." in found:
        raise ValueError("no host")
    return found


def env_hosts(name: str, default: str) -> list[str]:
    """Comma-separated hosts, also ``.example.org`` for all below it and ``*`` for any."""
    hosts = []
    for word in env_list(name, default):
        below = "." if word.startswith(".") else ""
        try:
            hosts.append(word if word == "*" else below + as_sent(word.removeprefix(".")))
        except ValueError:
            raise EnvironmentProblem(
                f"{name} must be host names or addresses without a port, separated by commas, like portal.example.org."
            ) from None
    return hosts


def env_redis_url(name: str) -> str:
    """``redis://host:port/0``, ``rediss://`` or ``unix://``; ``""`` if it is not set."""
    value = env_str(name)
    try:
        parts = urlsplit(value)
        _ = parts.port
        database = parts.path.strip("/")
        served = parts.scheme in {"redis", "rediss"} and bool(parts.hostname) and (not database or database.isdigit())
        usable = served or (parts.scheme == "unix" and bool(database))
    except ValueError:
        usable = False
    if value and not usable:
        raise EnvironmentProblem(f"{name} must look like redis://127.0.0.1:6379/0; rediss:// speaks TLS.")
    return value


def env_directory(name: str, default: str, base: Path) -> Path:
    """A directory that is made if it is not there; relative to ``base``."""
    path = (base / env_str(name, default)).resolve()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentProblem(
            f"{name}: the directory {path} cannot be made ({error.strerror}). Name one that this user may write to."
        ) from error
    return path


def env_list(name: str, default: str = "") -> list[str]:
    """Comma-separated words; blanks are dropped."""
    return [word.strip() for word in env_str(name, default).split(",") if word.strip()]


def env_word(name: str, known: tuple[str, ...], default: str) -> str:
    """One of the ``known`` words, in capitals or not."""
    value = env_str(name, default).upper()
    if value in known:
        return value
    raise EnvironmentProblem(f"{name} must be one of {', '.join(known)}, not {value!r}.")

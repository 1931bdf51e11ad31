#!/usr/bin/env bash
# Makes .venv with what the portal needs; with "mysql" also the driver of MariaDB, with "dev" what its tests need as well.
# Running it again changes nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
mode=${1:-run}
# What a shell holds for other programs: where they have their packages, and how theirs are installed.
unset PYTHONPATH PYTHONHOME PYTHONSAFEPATH PYTHONSTARTUP PYTHONINSPECT PYTHONUSERBASE VIRTUAL_ENV DJANGO_SETTINGS_MODULE \
  PIP_TARGET PIP_PREFIX PIP_ROOT PIP_CONSTRAINT PIP_REQUIREMENT PIP_NO_BINARY PIP_ONLY_BINARY PIP_DRY_RUN PIP_PYTHON \
  UV_SYSTEM_PYTHON UV_TARGET UV_PREFIX UV_CONSTRAINT UV_OVERRIDE UV_NO_BINARY
export PIP_USER=0
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 UV_PYTHON_DOWNLOADS=never DEBIAN_FRONTEND=noninteractive
say() { printf '%s\n' "$*" >&2; }
stop() { say "$*"; exit 1; }

# Prints the real path of an interpreter if it runs and is new enough. Version managers put names on PATH that do not run.
usable() {
  "$1" -c 'import sys; sys.version_info >= (3, 12) or sys.exit(1); print(sys.executable)' 2>/dev/null </dev/null
}

find_python() {
  if [ -n "${PYTHON:-}" ]; then
    usable "$PYTHON" || stop "PYTHON=$PYTHON is not Python 3.12 or newer. Unset it, or name one that is."
    return
  fi
  local name shim candidates candidate
  for name in python3 python3.14 python3.13 python3.12; do
    usable "$name" && return
  done
  shim=$(command -v python3 || true)
  candidates=("${PYENV_ROOT:-${HOME:-/nonexistent}/.pyenv}"/versions/3.1[2-9]*/bin/python3
    "${shim%/shims/*}"/versions/3.1[2-9]*/bin/python3)
  while read -r candidate; do
    [ -x "$candidate" ] && usable "$candidate" && return
  done < <(printf '%s\n' "${candidates[@]}" | sort -r)  # newest first
  if command -v uv >/dev/null; then
    candidate=$(uv python find --no-project '>=3.12' 2>/dev/null || true)
    [ -n "$candidate" ] && usable "$candidate" && return
  fi
  stop "The portal needs Python 3.12 or newer, and none was found." \
    "Install one (Debian, Ubuntu: apt-get install python3.12 python3.12-venv; with pyenv: pyenv install 3.13;" \
    "with uv: uv python install 3.13; macOS: brew install python@3.13), or set PYTHON to its path, and try again."
}

# An environment is kept only where it works and was made in this place: scripts inside it name its path.
environment_is_ours() {
  [ -x .venv/bin/python ] && usable .venv/bin/python >/dev/null || return 1
  [ ! -f .venv/made-in ] || [ "$(cat .venv/made-in)" = "$root" ]
}

make_environment() {
  environment_is_ours && return
  local python
  python=$(find_python)
  say "Making .venv with $("$python" --version)."
  rm -rf .venv
  if command -v uv >/dev/null; then
    uv venv --quiet --python "$python" .venv
  else
    "$python" -m venv .venv >&2 || { rm -rf .venv; stop "This Python cannot make environments. On Debian and Ubuntu: apt-get install python3-venv"; }
  fi
  printf '%s' "$root" > .venv/made-in
}

# Everything in the lock files carries its hash; a wheel needs no compiler.
install() {
  if command -v uv >/dev/null; then
    uv pip install --quiet --python .venv/bin/python --require-hashes --only-binary :all: "$@"
  else
    .venv/bin/python -m pip install -qq --require-hashes --only-binary :all: "$@"
  fi
}

# install_once NAME LOCK [OPTIONS]: only when the lock file is not the one that was installed last.
install_once() {
  local stamp=.venv/installed-$1 lock=$2
  shift 2
  cmp -s "$lock" "$stamp" && return
  say "Installing $lock."
  install -r "$lock" "$@" || stop "The packages of $lock could not be installed; the reason is above. Check the network and try again."
  cp "$lock" "$stamp"
}

# apt_install WHAT-FOR PACKAGE...: where it may; otherwise says which line does it. Tests that need a server say so, too.
apt_install() {
  local purpose=$1 as=()
  shift
  if [ "$(id -u)" != 0 ]; then
    as=(sudo -n)
    command -v sudo >/dev/null && sudo -n true 2>/dev/null || { say "Missing for $purpose. Install: apt-get install -y $*"; return 1; }
  fi
  command -v apt-get >/dev/null || { say "Missing for $purpose. Install what Debian calls: $*"; return 1; }
  say "Installing for $purpose: $*."
  { "${as[@]}" apt-get -qq -o DPkg::Lock::Timeout=400 update && "${as[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq -o DPkg::Lock::Timeout=400 install -y --no-install-recommends "$@"; } </dev/null >.venv/apt.log 2>&1 \
    || { cat .venv/apt.log >&2; say "They could not be installed. Install: apt-get install -y $*"; return 1; }
}

has() { command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ]; }

install_servers() {
  local missing=()
  has mariadbd && has mariadb-install-db || missing+=(mariadb-server-core)
  has mariadb || missing+=(mariadb-client-core)
  has redis-server || missing+=(redis-server)
  has chromium-headless-shell || has chromium || missing+=(chromium-headless-shell)
  [ -d /usr/share/fonts/truetype/dejavu ] || [ "$(uname)" != Linux ] || missing+=(fonts-dejavu-core)
  [ ${#missing[@]} = 0 ] || apt_install "the tests" "${missing[@]}" || true
}

# The one package without a wheel: it is compiled against MariaDB's client library.
install_mysqlclient() {
  cmp -s requirements-mysql.lock .venv/installed-mysql && return
  local missing=()
  has gcc || has cc || missing+=(gcc libc6-dev)
  has pkg-config || missing+=(pkg-config)
  pkg-config --exists libmariadb 2>/dev/null || pkg-config --exists mysqlclient 2>/dev/null || missing+=(libmariadb-dev)
  [ ${#missing[@]} = 0 ] || apt_install "the driver of MariaDB" "${missing[@]}" || stop "The driver of MariaDB cannot be compiled without them."
  install_once mysql requirements-mysql.lock --no-binary mysqlclient
}

make_environment
install_once run requirements.lock
case $mode in
  run) ;;
  mysql) install_mysqlclient ;;
  dev)
    install_once dev requirements-dev.lock
    install_servers
    install_mysqlclient
    ;;
  *) stop "Usage: scripts/bootstrap.sh [run|mysql|dev]" ;;
esac

.PHONY: run test check fmt bench soak lock clean
PY := .venv/bin/python
# What a shell holds for other programs of Python's.
unexport PYTHONPATH PYTHONHOME PYTHONSAFEPATH PYTHONSTARTUP PYTHONINSPECT PYTHONUSERBASE PYTHONOPTIMIZE PYTHONWARNINGS \
  PYTHONIOENCODING DJANGO_SETTINGS_MODULE

run:  ## a working demo on this machine; Ctrl-C ends it
	@scripts/bootstrap.sh
	@$(PY) scripts/run_demo.py

test:  ## the whole suite, on SQLite and on MariaDB
	@scripts/bootstrap.sh dev
	@$(PY) -m tests.run

# Checks need settings but no data: the keys are those of the tests.
check: export DJANGO_SETTINGS_MODULE = tests.settings
check:  ## lint, types, migrations, docs
	@scripts/bootstrap.sh dev
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(PY) manage.py makemigrations --check --dry-run
	@$(PY) manage.py check
	@$(PY) -m pytest -q tests/test_docs.py tests/test_architecture.py

fmt:  ## format, and mend what can be mended
	@scripts/bootstrap.sh dev
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

bench:  ## how fast it is, beside a Node function with the same duties; about six minutes
	@scripts/bootstrap.sh dev
	@$(PY) -m bench

soak:  ## the long tests: storms of kills, a million rows, a steady load; about a quarter of an hour
	@scripts/bootstrap.sh dev
	@$(PY) -m tests.soak

COMPILE := uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --universal --python-version 3.12 pyproject.toml

lock:  ## resolve the dependencies of pyproject.toml anew; needs uv
	$(COMPILE) -o requirements.lock
	$(COMPILE) --extra dev -c requirements.lock -o requirements-dev.lock
	$(COMPILE) --extra mysql -c requirements.lock -o requirements-mysql.lock

clean:  ## remove the environment and caches; keeps var/, which holds data
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache test-report

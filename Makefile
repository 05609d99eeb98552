# Every target does its own set-up from a bare Python 3.11 or newer: `make run` is all there is to it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# For `make run` where 8080 or 9090 is taken: PORTS="--port 8081 --admin-port 9091"
PORTS :=
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Side by side, a file's tests together: what they share is made once. Twice as many as there are
# cores, because real services are mostly waited for.
WORKERS ?= 4
SOURCES := ingress consumers dashboards sealgate deploy tests

.PHONY: run test check form types layers bench faults fuzz mutants docs picture sbom lock clean

run: $(VENV)/run.done  ## the whole gateway on this machine, with a gallery of payments
	@$(BIN)/sealgate demo --stay $(PORTS)

test: check $(VENV)/node.done  ## every check and every test; real services where they can be had
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

check: form types layers  ## form, lint, types, layers

# Three, so that `make --jobs=2` has them side by side: each knows of one core only.
form: $(VENV)/dev.done
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)

types: $(VENV)/dev.done
	$(BIN)/mypy

layers: $(VENV)/dev.done
	$(BIN)/lint-imports

bench: $(VENV)/dev.done  ## figures, as ratios inside one run
	$(BIN)/python -m tests.benchmarks

faults: $(VENV)/dev.done  ## every fault test, one at a time, in full counts, with its figures; SEED=N replays one
	$(BIN)/python -m pytest tests/faults tests/acceptance/test_bench.py::test_the_parts_that_are_waits_can_be_had_by_their_names tests/acceptance/test_drills.py::test_without_a_protection_a_drill_fails_exactly_where_it_should --faults=full -n 0 -s -p no:randomly $(addprefix --seed=,$(SEED)) $(ONLY)

fuzz: $(VENV)/fuzz.done  ## every reader, fed by a fuzzer for SECONDS (60) each
	SECONDS=$(or $(SECONDS),60) $(BIN)/python -m tests.fuzz $(TARGETS)

mutants: $(VENV)/dev.done  ## break the signature primitives on purpose; some ten minutes
	$(BIN)/python -m tests.support.mutants

docs: $(VENV)/dev.done  ## what is written from code: pages, AsyncAPI, schemas, rules, boards
	$(BIN)/python -m sealgate.catalogue.page docs/providers.md
	$(BIN)/python -m sealgate.topics.page docs/topics.md deploy/asyncapi.yaml
	$(BIN)/python -m sealgate.lifecycle_docs.page docs
	$(BIN)/python -m sealgate.metrics_docs.page docs/metrics.md
	$(BIN)/python -m sealgate.schemas.writing deploy/schemas
	$(BIN)/python -m sealgate.evidence.page docs/evidence.md
	$(BIN)/python -m dashboards.prometheus.page dashboards/prometheus docs/alerts.md
	$(BIN)/python -m dashboards.grafana.page dashboards/grafana

picture: $(VENV)/dev.done  ## what the boards show, drawn from a minute of real traffic (wants Prometheus)
	$(BIN)/python -m tests.picture docs/img/boards.png

sbom: $(VENV)/dev.done  ## what requirements.lock installs, as CycloneDX JSON
	$(BIN)/python -m tests.sbom sealgate.cdx.json

# One environment serves both: the development lock holds everything the run-time lock holds.
$(VENV)/run.done: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "installing what requirements.lock names into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.done: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	@echo "installing what requirements-dev.lock names into $(VENV) ..."
	@# The SDKs of the oracles are 20,000 files, of which a few are ever imported: those are compiled then.
	@$(PIP) install --no-compile --require-hashes -r requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/run.done

# No script of a package is run: one of them would phone home, and none is needed.
$(VENV)/node.done: tests/node/package-lock.json $(VENV)/dev.done
	@mkdir -p $(VENV)/validators
	@cp tests/node/package.json tests/node/package-lock.json $(VENV)/validators/
	@cd $(VENV)/validators && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --ignore-scripts --omit=optional --no-audit --no-fund --loglevel=error
	@touch $@

# Kept apart: there is no fuzzer for every platform, and `make test` must not need one.
$(VENV)/fuzz.done: requirements-fuzz.lock $(VENV)/dev.done
	@$(PIP) install --require-hashes --no-deps -r requirements-fuzz.lock
	@touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Sealgate needs Python 3.11 or newer; set PYTHON=python3.x")'
	@$(PYTHON) -m venv $(VENV)

LOCK := uv pip compile --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet --python-version 3.11 pyproject.toml --extra broker --group build

lock:  ## resolve the locks anew (needs uv)
	$(LOCK) --output-file requirements.lock $(UPGRADE)
	$(LOCK) --group dev --group oracles --output-file requirements-dev.lock $(UPGRADE)

clean:
	rm -rf $(VENV) fuzz mutants build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# What people type. Everything lives in .venv; `make clean` forgets it.

# A distribution's Python is built with optimisations that self-built ones often lack (half as fast again), so it goes
# first where it is new enough and can make environments, or we may install what it lacks.
PYTHON ?= $(shell /usr/bin/python3 -c 'import importlib.util as u, os, sys; \
	sys.exit(sys.version_info < (3, 11) or bool(os.geteuid()) and not u.find_spec("ensurepip"))' 2>/dev/null \
	&& echo /usr/bin/python3 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ARGS ?=
# Most tests wait, so one worker more than processors; a fifth would only wait for the one that plays the trials.
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN); [ $$n -lt 3 ] && expr $$n + 1 || echo 4)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test faults soak peers screenshots lint check bench lock docs dist install deb sbom clean

help: ## Show what there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(READY) ## Run gateway, simulated operator and simulated app; ARGS="--once" ends after the story
	@$(BIN)/stopgate demo $(ARGS)

test: $(READY) ## Run every test; ARGS="-k name" some of them; WORKERS=0 one after the other
	@$(BIN)/pytest -n $(WORKERS) $(ARGS)

# Debian keeps daemons where not everybody's PATH leads.
peers: export PATH := $(PATH):/usr/sbin
peers: ## Install the foreign programs that tests talk to; as root, on Debian
	@missing=; for each in node/nodejs npm/npm bearerbox/kannel tshark/tshark promtool/prometheus chromium/chromium curl/curl nginx/nginx; do \
		command -v $${each%/*} >/dev/null || missing="$$missing $${each#*/}"; \
	done; \
	if [ -n "$$missing" ]; then \
		echo "Installing$$missing …"; apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing >/dev/null; \
	fi
	@npm ci --loglevel=error --prefix tests/interop/node >/dev/null

screenshots: $(READY) ## Draw the pages of the client area anew, for docs/client-area.md
	@STOPGATE_SCREENSHOTS=docs/screenshots $(BIN)/pytest -q tests/web/test_looks.py -k every_screen

lint: $(READY) ## Check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test ## All of it: lint, then test

faults: $(READY) ## Everything that may befall a gateway, the long version: about half an hour; root for some of it
	FAULTS=long KILLS=$${KILLS:-100} $(BIN)/pytest -m faults tests/faults tests/flows/test_supervisor.py $(ARGS)

soak: $(READY) ## An hour at half of the highest rate with faults; ARGS=FOLDER says where its books go
	$(BIN)/python bench/soak/run.py $(or $(ARGS),soak)

bench: $(READY) ## Measure
	@set -e; for script in bench/*.py; do echo "== $$script"; $(BIN)/python $$script $(ARGS); done

lock: $(READY) ## Write the lock files anew, from the newest releases that pyproject.toml takes
	@$(BIN)/pip install --quiet --disable-pip-version-check uv
	@$(LOCK) --extra postgres --group dev -o requirements-dev.lock
	@$(LOCK) --extra postgres -c requirements-dev.lock -o requirements.lock

LOCK = $(BIN)/uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate

# Every archive is dated by the last commit, so that the same checkout gives the same octets.
dist deb sbom install: export SOURCE_DATE_EPOCH := $(shell git log -1 --format=%ct 2>/dev/null || echo 1735689600)

docs: $(READY) ## Build the documentation as a site into build/docs/; a link that leads nowhere is an error
	@$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -c docs . build/docs

dist: $(READY) ## Build sdist and wheel into dist/
	@$(BIN)/python -m hatchling build -d dist

deb: $(READY) ## Build a Debian package for this release of Debian into dist/
	@$(BIN)/python packaging/deb.py dist

sbom: $(READY) ## Write the list of all that is shipped (CycloneDX) into dist/
	@mkdir -p dist
	@$(BIN)/python packaging/stage.py --bill dist/stopgate.cdx.json

install: $(READY) ## Install the program, its units and its manuals; DESTDIR=/folder puts them below that
	@$(BIN)/python packaging/stage.py --root $(or $(DESTDIR),/)

clean: ## Remove the virtual environment and all caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist tests/interop/node/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Exactly what is locked, by its hash; then stopgate itself, from the folder.
$(READY): pyproject.toml requirements-dev.lock | $(BIN)/pip
	@echo "Installing stopgate into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# Debian splits ensurepip off into python3-venv; without it `python3 -m venv` leaves half an environment behind. Who may
# not install it can still fetch the package that pip itself is in, and look inside.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "stopgate needs Python 3.11 or newer; set PYTHON=… to one." >&2; exit 1; }
	@if $(HAS_PIP); then $(PYTHON) -m venv --clear $(VENV); \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y python3-venv >/dev/null && \
		$(PYTHON) -m venv --clear $(VENV); \
	else $(MAKE) --no-print-directory pip-unpacked; fi

HAS_PIP = $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null

.PHONY: pip-unpacked
pip-unpacked:
	@rm -rf $(VENV)/deb && mkdir -p $(VENV)/deb && cd $(VENV)/deb && apt-get download -qq python3-pip-whl >/dev/null 2>&1 \
		&& dpkg -x python3-pip-whl_*.deb . || { rm -rf ../../$(VENV); \
		echo "Python's venv module is missing: install it (on Debian: apt-get install python3-venv) and try again." >&2; \
		exit 1; }
	@$(PYTHON) -m venv --without-pip $(VENV)
	@wheel=$$(echo $(VENV)/deb/usr/share/python-wheels/pip-*.whl) && \
		$(BIN)/python $$wheel/pip install --quiet --no-index --disable-pip-version-check $$wheel
	@rm -rf $(VENV)/deb

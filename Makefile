# The front door. `make` or `make help` lists what there is.
#
# Everything goes into the virtual environment .venv, made without root by scripts/make-venv. What was installed is
# remembered in a stamp named after the files that say what to install: when none of them changed, nothing is asked of pip.

MAKEFLAGS += --no-print-directory --no-builtin-rules
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test check bench wheels docs clean

VENV := .venv
BIN := $(VENV)/bin
DISTRIBUTIONS := . $(patsubst %/setup.cfg,./%,$(wildcard libs/*/setup.cfg plugins/*/setup.cfg))
PACKAGING := $(wildcard setup.cfg pyproject.toml libs/*/setup.cfg libs/*/pyproject.toml plugins/*/setup.cfg plugins/*/pyproject.toml)
# The folder belongs to the key: an environment does not survive a move.
key = $(shell { pwd; cat $(1) 2>/dev/null; } | cksum | tr ' ' '-')
RUN_STAMP := $(VENV)/installed-run-$(call key,setup.cfg pyproject.toml constraints.txt plugins/crm/setup.cfg plugins/crm/pyproject.toml)
DEV_STAMP := $(VENV)/installed-dev-$(call key,requirements-dev.txt constraints.txt $(PACKAGING))
BENCH_STAMP := $(VENV)/installed-bench-$(call key,benchmarks/requirements.txt constraints.txt)
PIP := $(BIN)/python -m pip --disable-pip-version-check

help:
	@echo 'make run     install Bharat with its CRM into .venv and serve it on http://127.0.0.1:8000 with a demo organisation'
	@echo '             make run PORT=8123 BHARAT_HOME=/some/folder   another port, another place for the data'
	@echo '             make run RELOAD=1                             start anew when a source file changes'
	@echo 'make test    install everything for development and run every test; ARGS="tests/web -k etag" runs some'
	@echo 'make check   formatting, lint, types, import rules, documentation, dependencies, security'
	@echo 'make bench   measure speed, each figure beside a rival in the same run; ARGS="--help" tells more'
	@echo 'make wheels  build the wheel of every distribution into dist/'
	@echo 'make docs    write the parts of the documentation that follow from the code'
	@echo 'make clean   remove what these commands made, but for the data in .bharat/'
	@echo
	@echo 'PYTHON=python3.12 chooses the Python (3.11 or newer) that .venv is made with.'

# The CRM is enabled once, at the first start, whatever was configured before it: who then disables it is not overruled.
# The server takes the place of the recipe's shell: make passes SIGTERM on to it, Ctrl-C reaches it, and nothing is left behind.
run: $(RUN_STAMP)
	@home="$${BHARAT_HOME:-.bharat}"; \
	if [ -z "$$BHARAT_CONFIG$$BHARAT_PLUGINS" ] && [ ! -e "$$home/began-with-crm" ]; then \
		if [ -e "$$home/bharat.toml" ] || [ -e bharat.toml ]; then $(BIN)/bharat plugins enable crm; \
		else BHARAT_HOME="$$home" $(BIN)/bharat plugins enable crm >/dev/null; fi && mkdir -p "$$home" && touch "$$home/began-with-crm"; \
	fi
	@$(if $(PORT),BHARAT_SERVER__PORT='$(PORT)') exec $(BIN)/bharat dev $(if $(RELOAD),--reload)

# All of them are shared out among the processors; a few, as who works on them asks for, run in one process.
test: $(DEV_STAMP)
	@$(BIN)/python -m pytest $(if $(ARGS),$(ARGS),--numprocesses auto --dist worksteal)

check: $(DEV_STAMP) $(BENCH_STAMP)
	@scripts/check $(ARGS)

bench: $(DEV_STAMP) $(BENCH_STAMP)
	@$(BIN)/python -m benchmarks $(ARGS)

wheels: $(VENV)/made
	@rm -rf $(DISTRIBUTIONS:%=%/build)
	@mkdir -p dist
	@$(PIP) wheel --quiet --no-deps --wheel-dir dist $(DISTRIBUTIONS)
	@rm -rf $(DISTRIBUTIONS:%=%/build)
	@ls dist/*.whl

docs: $(DEV_STAMP)
	@$(BIN)/python scripts/generate_docs.py

clean:
	@rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .schemathesis $(DISTRIBUTIONS:%=%/build)

$(RUN_STAMP):
	@scripts/make-venv $(VENV)
	@echo 'Installing Bharat and its CRM into $(VENV) ...'
	@$(PIP) install --quiet -c constraints.txt -e . -e ./plugins/crm
	@rm -f $(VENV)/installed-run-* && touch $@

$(DEV_STAMP):
	@scripts/make-venv $(VENV)
	@echo 'Installing everything for development into $(VENV) ...'
	@$(PIP) install --quiet -r requirements-dev.txt
	@rm -f $(VENV)/installed-* && touch $@ $(RUN_STAMP)

$(BENCH_STAMP): $(DEV_STAMP)
	@echo 'Installing the rivals into $(VENV) ...'
	@$(PIP) install --quiet -c constraints.txt -r benchmarks/requirements.txt
	@rm -f $(VENV)/installed-bench-* && touch $@

$(VENV)/made:
	@scripts/make-venv $(VENV)
	@touch $@

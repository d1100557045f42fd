# The project's verbs. `make demo` on a fresh machine with Python 3.11 sets everything up and shows the whole pipeline.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
.PHONY: help setup lint test docs demo serve ui clean

PYTHON ?= python3.11
EXTRAS ?= dask,s3,dev
# Index of PyTorch's CPU builds, for a machine whose default index offers the CUDA build; empty: the default index.
TORCH_INDEX ?=
PREFECT_PORT ?= 4200
MLFLOW_PORT ?= 5000
PYTEST ?=

BIN := .venv/bin
STAMP := .venv/.installed
XGBOOST := $(shell grep "^xgboost==" constraints.txt)

# Starts a Prefect server on loopback, and stops all that the recipe left running when it ends, however it ends. Job
# control gives each background job a process group, so that Ctrl-C reaches the server last: what runs against it still
# reports its end.
define prefect_server
stop() {
    for job in $$(jobs -p | tac); do
        kill $$job 2>/dev/null || continue
        for _ in {1..50}; do kill -0 $$job 2>/dev/null || break; sleep 0.1; done
        kill -9 -- -$$job 2>/dev/null || true
    done
}
trap stop EXIT
mkdir -p .prefect
set -m
prefect server start --host 127.0.0.1 --port $(PREFECT_PORT) > .prefect/server.log 2>&1 &
set +m
server=$$!
export PREFECT_API_URL=http://127.0.0.1:$(PREFECT_PORT)/api
until python -c "import urllib.request as r; r.urlopen('$$PREFECT_API_URL/health', timeout=2)" 2>/dev/null; do
    if ! kill -0 $$server 2>/dev/null; then
        cat .prefect/server.log >&2
        echo "To use another port: make PREFECT_PORT=4300 $@" >&2
        exit 1
    fi
    sleep 0.5
done
kill -0 $$server
endef

export PATH := $(CURDIR)/$(BIN):$(PATH)
export DO_NOT_TRACK := true
export NO_MKDOCS_2_WARNING := true
export PREFECT_SERVER_ANALYTICS_ENABLED := false
# XGBoost's CPU build warns that it comes from an old C library; it is chosen on purpose (see $(STAMP)).
export PYTHONWARNINGS := ignore::FutureWarning:xgboost.core

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## */make \1\t/' | expand -t 14

setup: $(STAMP)  ## make .venv from the lock (again only when the lock changed)

# torch goes first and alone, so that no open range of another package picks its build. XGBoost's manylinux2014 wheel is
# its CPU build; the default one for Linux brings half a gigabyte of GPU libraries, which MS2PIP never uses.
$(STAMP): constraints.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	echo "Installing the packages of constraints.txt into .venv: some minutes"
	[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	$(BIN)/pip install -qq -c constraints.txt $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	if [ "$$(uname -sm)" = "Linux x86_64" ]; then
	    $(BIN)/pip download -qq --no-deps --only-binary=:all: --platform manylinux2014_x86_64 -d .venv/wheels $(XGBOOST)
	    $(BIN)/pip install -qq -c constraints.txt .venv/wheels/xgboost-*.whl
	fi
	$(BIN)/pip install -qq -c constraints.txt -e '.[$(EXTRAS)]'
	touch $(STAMP)

lint: setup  ## style, types, and who may import whom
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	mkdocs build --strict --quiet

docs: setup  ## the documentation as pages, links checked: build/site/index.html
	mkdocs build --strict

test: setup  ## every test; PYTEST='-k noise' narrows it
	python -m pytest -n 2 --dist loadfile $(PYTEST)

demo: setup  ## the whole pipeline in small, then peptides for sample spectra
	@$(prefect_server)
	echo "== The pipeline: proteomes, peptides, spectra, noise, training, nine folds, report (dvc repro)"
	dvc repro
	echo "== Sequencing sample spectra with the network just trained"
	python -m app.sample workspace/sample.mgf
	peptrm sequence workspace/sample.mgf -o workspace/sample.mztab --force --model workspace/models/pretrained
	peptrm evaluate workspace/sample.mgf --model workspace/models/pretrained
	dvc metrics show
	echo
	echo "Done. Where to look:"
	echo "  the report        workspace/reports/report.html"
	echo "  the peptides      workspace/sample.mztab"
	echo "  MLflow's page     make ui       http://127.0.0.1:$(MLFLOW_PORT)"
	echo "  Prefect's page    make serve    http://127.0.0.1:$(PREFECT_PORT)"
	echo "  your own spectra  .venv/bin/peptrm sequence run.mzML -o run.mztab"

serve: setup  ## Prefect server and worker on loopback, with the deployments of prefect.yaml; Ctrl-C stops both
	@$(prefect_server)
	prefect --no-prompt work-pool create --type process --overwrite local
	prefect --no-prompt deploy --all
	echo "In another shell: PREFECT_API_URL=$$PREFECT_API_URL .venv/bin/prefect deployment run nine-species-cv/nine-species-cv --watch"
	set -m
	prefect worker start --pool local &
	wait $$!

ui: setup  ## MLflow's page over the recorded runs
	mlflow ui --workers 1 --host 127.0.0.1 --port $(MLFLOW_PORT) --backend-store-uri sqlite:///workspace/mlflow.db

clean:  ## remove caches and all that the pipeline wrote, not .venv
	rm -rf workspace build .prefect .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	find app data model tasks flows tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

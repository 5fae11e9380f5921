# Two commands for a newcomer: `make demo` and `make test`. Every path is relative, so that a space in yours does no harm.
SHELL := /bin/sh
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3.14 python3,$(if $(shell $(name) -c 'import sys; print(sys.version_info >= (3, 11) or "")' 2>/dev/null),$(name))))
MARKERS ?= not (ray or browser or cluster or external or gpu or slow)
WORKERS ?= 2
IN := .venv/bin/python

.PHONY: demo test check clean

demo: .venv/installed
	$(IN) -m vlstudy launch studies/fma.yaml

test: .venv/installed-test
	OMP_NUM_THREADS=1 $(IN) -m pytest -n $(WORKERS) --dist loadfile -m "$(MARKERS)"

check: .venv/installed-check
	.venv/bin/python -m ruff check .
	.venv/bin/python -m ruff format --check .
	.venv/bin/python -m mypy

.venv/installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "vlstudy needs Python 3.11 or newer; none was found. Say where it is: make demo PYTHON=/path/to/python3"; exit 1; }
	$(IN) -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv .venv # also where an earlier try broke off
	$(IN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

.venv/installed-test .venv/installed-check: .venv/installed-%: .venv/installed
	$(IN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$*]"
	touch $@

clean:
	rm -rf .venv build *.egg-info

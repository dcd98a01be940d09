# make demo    build, train on the bundled digits, show accuracy, model and curve
# make test    run the tests (PYTEST_ARGS=--long for the exhaustive cases too)
# make lint    ruff, mypy, the native stub, the rules of the house, clang-format, and the C code with warnings as errors
# make format  put Python and C files into the form that lint wants
# make bench   time kernels, epochs and predictions, then fastnn beside its peers and the machine's bounds (training,
#              predictions, convolutions, steps, updates, products; BENCH_ARGS=train ... for some): a table,
#              build/suites.json, build/bench.json and build/bench.png (PEERS_PYTHON=python with torch, jax, ...)
# make fuzz    malformed files by the million for every reader (FUZZ_ARGS="model --count 1000"); findings go to build/fuzz
# make sanitize  the native code under ASan and UBSan, TSan, and valgrind (SANITIZE_ARGS=address for one part)
# make docs    the site of the documentation, in build/docs/index.html; a warning is an error (DOCS_ARGS="-j 1 -v")
# make clean   remove all that make made, .venv too
#
# Everything happens in .venv. It is made when it is missing, and the package is built into it again when C, Cython or
# setup files change; it is installed in place, so that an edited Python file needs no build.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
EXTRAS := numba,table,plot,progress,test,bench
NATIVE := setup.py pyproject.toml fastnn/_kernels/native/native.pyx fastnn/_kernels/native/native.pxd $(wildcard fastnn/_kernels/native/*.pxi fastnn/_kernels/native/c/*.[ch] fastnn/_kernels/native/c/ops.def fastnn/_kernels/native/c/ops/*.h fastnn/_kernels/native/c/platform/*.[ch])
# As pyproject.toml names them: with them in .venv a build downloads nothing, and tests can compile.
BUILDERS := "setuptools>=77" "cython>=3.1" "numpy>=2.0"
# Another release formats other lines or finds other faults; the gate must not depend on the day.
group = $(shell $(RUN) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["$(1)"])')
LINTERS = $(call group,lint)
C_FILES := $(wildcard fastnn/_kernels/native/c/*.[ch] fastnn/_kernels/native/c/ops/*.h fastnn/_kernels/native/c/platform/*.[ch] fastnn/interop/c/templates/*.h tests/*.c)
PYTEST_ARGS ?=
PEERS_PYTHON ?= $(RUN)
BENCH_ARGS ?=
FUZZ_ARGS ?=
SANITIZE_ARGS ?=
DOCS_ARGS ?= -q -j auto

.PHONY: demo test lint format bench fuzz sanitize docs clean

demo: $(VENV)/built
	@mkdir -p demo
	$(VENV)/bin/fastnn train digits --hidden 512 --epochs 150 --seed 1 --out demo/digits.safetensors --plot demo/curve.png
	@echo
	@echo "Digits of 13 people whose hand the network has never seen:"
	$(VENV)/bin/fastnn evaluate demo/digits.safetensors digits
	@echo
	@echo "The model is in demo/digits.safetensors, its curve in demo/curve.png."

# A process a core. The programs that tests start compile the package anew, a second each, where no bytecode is kept.
test: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/built
	$(RUN) -m pytest -n auto --dist worksteal $(PYTEST_ARGS)

lint: $(VENV)/linters
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy fastnn tests/doors/typed_uses.py
	$(RUN) -m mypy.stubtest fastnn._kernels.native.native --concise --mypy-config-file pyproject.toml \
	    --allowlist tests/native_stub.txt --ignore-unused-allowlist
	$(RUN) tests/house.py
	$(VENV)/bin/clang-format --dry-run -Werror $(C_FILES)
	rm -rf build/lint
	FASTNN_WERROR=1 FASTNN_REQUIRE_NATIVE=1 $(RUN) setup.py -q build_ext --build-temp build/lint --build-lib build/lint

format: $(VENV)/linters
	$(RUN) -m ruff check --fix-only .
	$(RUN) -m ruff format .
	$(VENV)/bin/clang-format -i $(C_FILES)

bench: $(VENV)/built
	@mkdir -p build
	$(RUN) -m pytest bench --benchmark-json=build/suites.json --benchmark-max-time=0.1 --benchmark-warmup=on \
	    --benchmark-group-by=func --benchmark-columns=min,median,iqr,rounds $(PYTEST_ARGS)
	$(RUN) bench/run.py --peers-python $(PEERS_PYTHON) --json build/bench.json $(BENCH_ARGS)
	$(RUN) bench/picture.py build/bench.json build/bench.png

fuzz: export PYTHONPATH := tests:tests/models
fuzz: $(VENV)/built
	$(RUN) -m fuzz $(FUZZ_ARGS)

sanitize: $(VENV)/built
	$(RUN) tests/sanitize.py $(SANITIZE_ARGS)

docs: $(VENV)/site
	$(RUN) -m sphinx -b html -W --keep-going $(DOCS_ARGS) docs build/docs
	@echo "build/docs/index.html; its search wants a server: $(PYTHON) -m http.server -d build/docs"

clean:
	rm -rf docs/reference docs/gallery docs/programs docs/repository docs/sg_execution_times.rst
	rm -rf build dist *.egg-info demo $(VENV) fastnn/_kernels/native/native.c fastnn/_kernels/native/native_missing.txt fastnn/_kernels/native/*.so

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "fastnn needs Python 3.11 or newer; name one with make PYTHON=..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "no virtual environments here; on Debian and Ubuntu: apt install python3-venv python3-dev gcc"; exit 1; }

$(VENV)/built: Makefile $(NATIVE) | $(VENV)/bin/python
	$(RUN) -m pip install -q $(BUILDERS)
	$(RUN) -m pip install -q --no-build-isolation -e ".[$(EXTRAS)]"
	$(VENV)/bin/fastnn info
	@touch $@

$(VENV)/site: $(VENV)/built
	$(RUN) -m pip install -q $(call group,docs)
	@touch $@

$(VENV)/linters: $(VENV)/built
	$(RUN) -m pip install -q $(LINTERS)
	@touch $@

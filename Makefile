# Every target sets up what it needs: a fresh machine has Python 3.11 or later and nothing else.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test check shapes bench cost clean

demo: $(READY)  ## paint a picture four times larger than the model was trained for, into out/
	$(BIN)/muralist paint "a red circle on a blue background" --size 512x512 --seed 7 \
		--out out/red-circle.png --stages out/red-circle-stages

test: $(READY)  ## run the tests
	$(BIN)/python -m pytest

check: $(READY)  ## formatting, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python

shapes: $(READY)  ## train the embedded model from nothing; interrupted, it goes on where it was
	$(BIN)/python -m training.shapes --work out/shapes

bench: $(READY)  ## count repeated objects, seams, distances and cost: the tables of docs/benchmark.md
	$(BIN)/muralist bench --out out/bench --dtype bfloat16 --workers 2
	$(BIN)/python -m benchmarks.counted out/bench

cost: $(READY)  ## measure cost, ours against a plain loop
	$(BIN)/python -m benchmarks.cost

clean:
	rm -rf .venv out build dist

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

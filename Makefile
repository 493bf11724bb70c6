# Every target creates the environment it needs; nothing else has to be installed first.
PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
PARALLEL := --numprocesses auto --maxprocesses 4 --dist worksteal
export KERAS_BACKEND := tensorflow
export MAKE
export TF_CPP_MIN_LOG_LEVEL ?= 3

.NOTPARALLEL:
.PHONY: help book serve zip notebooks lab lock test setup lint unit test-notebooks test-site test-colab \
	test-backends test-export bench bench-training bench-multiply-adds bench-compile bench-export bench-workers \
	bench-widgets bench-train-lab experiments page-networks fixtures screenshot pipeline clean

help:
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

# -- environments ------------------------------------------------------------------------------

.venv/stamp: requirements.txt pyproject.toml tools/setup_env.py
	@$(PYTHON) tools/setup_env.py .venv requirements.txt

# Two more, on top of that one: its packages, and those that it must not have.
.venv-%/stamp: requirements-%.txt .venv/stamp
	@$(BIN)/python tools/setup_env.py .venv-$* requirements-$*.txt .venv

lock: .venv/stamp ## resolve pyproject.toml into requirements*.txt
	tools/lock.sh $(BIN)/uv

# -- the book ----------------------------------------------------------------------------------

book: .venv/stamp ## execute the chapters and build _build/html
	@$(BIN)/python tools/build_book.py

serve: book ## build, then serve the book on this machine, on PORT
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

zip: book ## pack the built book for reading offline
	@$(BIN)/python tools/zip_book.py

notebooks: .venv/stamp ## regenerate book/*.ipynb from book/*.py
	@$(BIN)/python tools/notebooks.py

lab: .venv/stamp ## open the chapters in JupyterLab
	@$(BIN)/jupyter lab --notebook-dir=book

# -- checks ------------------------------------------------------------------------------------

test test-notebooks test-site unit: export STNLIB_DATASET := uci

test: ## lint, unit tests, every chapter, the book, the browser tests
	@+$(PYTHON) tools/stages.py setup lint unit test-notebooks test-site

setup: .venv/stamp

lint: .venv/stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(BIN)/python tools/site_assets.py
	$(BIN)/python tools/node.py node_modules/eslint/bin/eslint.js .

unit: .venv/stamp
	$(BIN)/python -m pytest $(PARALLEL) --doctest-modules stnlib tools tests --ignore tests/site --ignore tests/export

test-notebooks: .venv/stamp
	@$(BIN)/python tools/run_notebooks.py

test-site: .venv/stamp
	@$(BIN)/python tools/build_book.py --strict
	$(BIN)/python -m pytest $(PARALLEL) tests/site

test-colab: .venv/stamp ## every chapter alone, in an environment like Colab's
	@$(BIN)/python tools/colab_check.py

test-backends: .venv-backends/stamp ## the unit tests on JAX and PyTorch
	@tools/test_backends.sh

test-export: .venv-export/stamp ## exported models in ONNX Runtime, LiteRT and OpenVINO
	STNLIB_EXPORT=1 STNLIB_DATASET=uci .venv-export/bin/python -m pytest $(PARALLEL) tests/export

# -- what is measured or generated, and committed ----------------------------------------------

bench: .venv-backends/stamp ## time the sampler beside others: results/bench-sampler.json
	.venv-backends/bin/python benchmarks/sampler.py

bench-training: .venv/stamp ## time a training step of each network: results/bench-training.json
	$(BIN)/python benchmarks/training.py

bench-multiply-adds: .venv/stamp ## count each network's multiply-adds: results/bench-multiply-adds.json
	$(BIN)/python benchmarks/multiply_adds.py

bench-compile: .venv/stamp ## what the compiled sampler buys in a training step: results/bench-compile.json
	PYTHONPATH=. $(BIN)/python benchmarks/compile.py

bench-export: .venv-export/stamp ## run exported models in their runtimes: results/bench-export.json
	.venv-export/bin/python benchmarks/export.py

bench-workers: .venv-backends/stamp ## train on one and on two processes: results/bench-workers.json
	.venv-backends/bin/python benchmarks/workers.py

bench-widgets: .venv/stamp ## time the widgets' frames in a browser: results/bench-widgets.json
	PYTHONPATH=tools $(BIN)/python benchmarks/widgets.py

bench-train-lab: .venv/stamp ## train the page's laboratory over many seeds: results/bench-train-lab.json
	PYTHONPATH=tools $(BIN)/python benchmarks/train_lab.py

experiments: .venv/stamp ## measure the tables; stop and start it at any time
	$(BIN)/python -m stnlib.experiments all

page-networks: .venv/stamp ## train the networks that the page runs: stnlib/widgets/reader/networks.json
	$(BIN)/python tools/pack_networks.py

fixtures: .venv/stamp ## what the widgets' scripts must reproduce, and the digits that they offer
	$(BIN)/python -m tests.js.make_fixtures
	$(BIN)/python -m stnlib.widgets.training_replay.record
	$(BIN)/python -m stnlib.widgets.pose_gradient.train

screenshot: book ## the picture of the README
	$(BIN)/python tools/screenshot.py

pipeline: .venv/stamp ## the numbers of the pipeline figure, and the picture that links to the book show
	$(BIN)/python tools/pipeline_pass.py
	@$(BIN)/python tools/site_assets.py
	$(BIN)/python tools/social_card.py

clean: ## remove what the targets above built, environments aside
	rm -rf _build .pytest_cache .ruff_cache .hypothesis

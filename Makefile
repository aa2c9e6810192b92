# Every target does its own set-up in .venv; PYTHON chooses the interpreter it is made from.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
DEMO := demo

.PHONY: setup demo test bench docs clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@echo "Installing into .venv: 2 GB, some minutes"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,reference,cluster,plots,report]'
	touch $@

demo: setup
	$(BIN)/rnnkit train flipflop -t bits=3 -t steps=50 --units 64 --seeds 0:8 --batch 64 --lr 3e-3 \
		--schedule cosine --restart 24 --epochs 24 --patience 24 -o $(DEMO)/ckpts --overwrite
	$(BIN)/rnnkit info $(DEMO)/ckpts -o $(DEMO)/networks.csv
	$(BIN)/rnnkit rollout $(DEMO)/ckpts -o $(DEMO)/rollout.parquet
	$(BIN)/rnnkit rollout $(DEMO)/ckpts --ood --summary -o $(DEMO)/summary.parquet
	$(BIN)/rnnkit compare $(DEMO)/ckpts --metric dsa,pif,svcca,pif-initial -o $(DEMO)/comparisons.parquet
	$(BIN)/rnnkit degeneracy --comparisons $(DEMO)/comparisons.parquet --summary $(DEMO)/summary.parquet -o $(DEMO)/degeneracy.parquet \
		--embed $(DEMO)/embedding.parquet
	$(BIN)/rnnkit fixedpoints $(DEMO)/ckpts --directions -o $(DEMO)/fixedpoints.parquet --coverage $(DEMO)/coverage.parquet
	$(BIN)/rnnkit schur-ablate $(DEMO)/ckpts -o $(DEMO)/ablations.parquet \
		--schur $(DEMO)/schur.parquet --schur-rows
	$(BIN)/rnnkit feature-learning $(DEMO)/ckpts -o $(DEMO)/feature-learning.parquet --eigenvalues $(DEMO)/eigenvalues.parquet
	$(BIN)/rnnkit report $(DEMO) -o $(DEMO)/report.html
	@$(BIN)/rnnkit info $(DEMO)/degeneracy.parquet
	@echo "networks: $(DEMO)/ckpts; tables: $(DEMO)/*.parquet; all of it on one page, to open in a browser: $(DEMO)/report.html"

test: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

bench: setup
	$(BIN)/python -m pytest benchmarks --benchmark-enable --benchmark-only -s
	$(BIN)/python benchmarks/scale_of_a_study.py build/study --networks 24 --only 4

docs: setup
	$(BIN)/python docs/generate.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf .venv $(DEMO) site docs/reference build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks

# What every study shares: where its files go, and what runs it, the project's own environment if there is one.
OUT ?= build
SHARED := $(dir $(lastword $(MAKEFILE_LIST)))
BIN := $(if $(wildcard $(SHARED)../.venv/bin/rnnkit),$(SHARED)../.venv/bin/)
RNNKIT ?= $(BIN)rnnkit
# The claims' table that studies share stands beside their folders.
PYTHON ?= PYTHONPATH=$(SHARED) $(BIN)python

# A recipe that fails half way leaves no target behind.
.DELETE_ON_ERROR:

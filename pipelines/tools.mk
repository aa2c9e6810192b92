# What every study shares: where its files go, and what runs it, the project's own environment if there is one.
OUT ?= build
BIN := $(if $(wildcard ../../.venv/bin/rnnkit),../../.venv/bin/)
RNNKIT ?= $(BIN)rnnkit
PYTHON ?= $(BIN)python

# A recipe that fails half way leaves no target behind.
.DELETE_ON_ERROR:

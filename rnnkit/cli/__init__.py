"""The command line. Modules here import neither torch, scipy, pandas nor pyarrow before a command runs."""

from rnnkit.cli.main import main

__all__ = ["main"]

"""The application: commands registered, errors turned into one line and an exit code."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import traceback
from typing import Annotated, Any, NoReturn

import typer

from rnnkit._version import __version__
from rnnkit.cli import (
    compare,
    decode,
    degeneracy,
    export,
    feature_learning,
    fixedpoints,
    freeze_in,
    import_,
    info,
    latent,
    memory_demand,
    onset,
    overlaps,
    path_dependence,
    plot,
    ramping,
    report,
    rollout,
    sample,
    sample_gram,
    schur_ablate,
    spectrum,
    tasks,
    train,
    twin,
    weight_updates,
)
from rnnkit.cli.command import ReaderGoneError, register
from rnnkit.cli.talk import talk
from rnnkit.errors import RnnkitError

__all__ = ["app", "main"]

# Whatever copy of click this typer works with: BadParameter is a UsageError is a ClickException.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]

_INTERRUPTED = 130

app = typer.Typer(
    name="rnnkit",
    help="Train ensembles of task RNNs and take saved checkpoints apart.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    epilog="Commands chain: rnnkit train flipflop -o ckpts; rnnkit compare ckpts | rnnkit degeneracy --comparisons -",
)

for module in (
    *(train, tasks, sample, info, import_, export, rollout, compare, degeneracy),
    *(fixedpoints, schur_ablate, feature_learning, overlaps, path_dependence, twin, sample_gram, memory_demand),
    *(onset, weight_updates, latent, freeze_in),
    *(ramping, decode, spectrum),
    *(plot, report),
):
    register(app, module.run, module.NAME, module.EXAMPLE)


def _version(value: bool) -> None:
    if value:
        sys.stdout.write(f"rnnkit {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Train ensembles of task RNNs and take saved checkpoints apart."""


def _command() -> str:
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    return f"rnnkit {words[0]}" if words and words[0] in _names() else "rnnkit"


def _names() -> set[str]:
    return {info.name for info in app.registered_commands if info.name}


def _fail(text: str, code: int) -> NoReturn:
    if talk.debug:
        traceback.print_exc()
    line = " ".join(text.split())
    sys.stderr.write(f"{_command()}: {line}\n")
    raise SystemExit(code)


def _usage(error: Any) -> str:
    """Put a usage error in the shape of all others: where, what, how to mend."""
    parameter = getattr(error, "param", None)
    if parameter is None:
        near = getattr(error, "possibilities", None)
        mend = f"did you mean {' or '.join(near)}?" if near else f"see {_command()} --help"
        return f"{error.message.rstrip('.')} ({mend})"
    is_option = parameter.param_type_name == "option"
    where = parameter.opts[0] if is_option else str(parameter.metavar or parameter.name)
    what = error.message or f"is missing; this {'option' if is_option else 'argument'} must be given"
    what = what.replace("Input should be", "has to be")
    return f"{where}: {what.rstrip('.')} (see {_command()} --help)"


#: Options that take all files up to the next option, as `import FILE... --initial FILE...` reads, by their command.
_GREEDY = {"import": "--initial", "compare": "--activity"}


def _spread_greedy(words: list[str]) -> list[str]:
    """Repeat an option of many files before each of them."""
    greedy = _GREEDY.get(next((word for word in words if not word.startswith("-")), ""))
    spread: list[str] = []
    taking: str | None = None
    for word in words:
        if word == greedy:
            taking = word
        elif word.startswith("-") and word != "-":
            taking = None
            spread.append(word)
        else:
            spread += [word] if taking is None else [taking, word]
    return spread


def _drop_stdout() -> None:
    """Keep the interpreter from flushing into a closed pipe or a full disk when it exits."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _interrupted() -> NoReturn:
    """Say that the command was cut off, and end."""
    hint = " (the same command with --resume goes on)" if talk.resumable else ""
    sys.stderr.write(f"{_command()}: interrupted{hint}\n")
    raise SystemExit(_INTERRUPTED) from None


def main() -> NoReturn:
    """Run the command line; always ends in SystemExit."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, talk.interrupt)
    try:
        # By one name however it was started: completion goes by it.
        code = app(args=_spread_greedy(sys.argv[1:]), prog_name="rnnkit", standalone_mode=False)
        if code == _INTERRUPTED:  # typer answers Ctrl-C with this code and no word
            raise KeyboardInterrupt
        sys.stdout.flush()
    except RnnkitError as error:
        _fail(str(error), 2)
    except _UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            raise SystemExit(2) from None
        _fail(_usage(error), 2)
    except (KeyboardInterrupt, typer.Abort):
        _interrupted()
    except (BrokenPipeError, ReaderGoneError):
        _drop_stdout()
        raise SystemExit(0) from None
    except MemoryError:
        _fail("memory: not enough for this (use fewer networks or trials at a time)", 2)
    except OSError as error:
        where = "standard output" if error.filename is None else str(error.filename)
        _drop_stdout()
        _fail(f"{where}: {error.strerror or error} (check that there is space, and the right to read or write)", 2)
    except Exception as error:  # noqa: BLE001 - a mistake of ours; whoever wants the traceback asks for it
        if talk.interrupted:  # what a library made of Ctrl-C
            _interrupted()
        _fail(f"internal error: {type(error).__name__}: {error} (see the traceback with --debug, and report it)", 2)
    raise SystemExit(code if isinstance(code, int) else 0)

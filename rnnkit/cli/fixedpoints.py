"""`rnnkit fixedpoints`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnkit.cli.command import provenance
from rnnkit.cli.completion import choices
from rnnkit.cli.options import (
    Checkpoints,
    Device,
    Format,
    Out,
    Seed,
    TaskName,
    TaskParameters,
    Threads,
    parse_parameters,
)
from rnnkit.cli.output import check_apart, check_aside, check_output, write_table
from rnnkit.cli.talk import progress, talk
from rnnkit.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

NAME = "fixedpoints"
EXAMPLE = "rnnkit fixedpoints ckpts --starts 256 -o points.parquet"


def run(
    checkpoints: Checkpoints,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="V,V,...",
            help="Constant input, a number for each channel; zero by default. May be repeated: each is its own system.",
            show_default=False,
        ),
    ] = None,
    starts: Annotated[
        int | None,
        typer.Option(
            "--starts",
            metavar="K",
            help="Searches for each network and input, 1 or more; 512 by default, 500 for descent.",
            show_default=False,
        ),
    ] = None,
    slow: Annotated[
        bool, typer.Option("--slow", help="Keep slow points: minima of the speed that are no zero.")
    ] = False,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            metavar="NAME",
            help="lm; descent: gradient descent from states of trials, all ends kept, lm beside them; or both.",
            autocompletion=choices("lm", "descent", "both"),
        ),
    ] = "lm",
    descent_rate: Annotated[
        float | None,
        typer.Option(
            "--descent-rate",
            metavar="R",
            help="Of descent: rate of a step, above 0; 0.1 by default.",
            show_default=False,
        ),
    ] = None,
    descent_steps: Annotated[
        int | None,
        typer.Option(
            "--descent-steps", metavar="K", help="Of descent: steps, 1 or more; 1000 by default.", show_default=False
        ),
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Of every snapshot in the .history.safetensors file beside each network.")
    ] = False,
    every: Annotated[
        int | None,
        typer.Option(
            "--every",
            metavar="K",
            help="With --history: every K-th snapshot, 1 or more, from the first, and the last one; 1 by default.",
            show_default=False,
        ),
    ] = None,
    coverage: Annotated[
        Path | None,
        typer.Option(
            "--coverage",
            metavar="FILE",
            help="Also write how complete each set may be: index sums, and coverage by kind of start.",
            show_default=False,
        ),
    ] = None,
    directions: Annotated[
        bool, typer.Option("--directions", help="Fill in the unstable directions of each point, to be drawn.")
    ] = False,
    task: TaskName = None,
    parameters: TaskParameters = None,
    seed: Seed = 0,
    device: Device = "auto",
    threads: Threads = None,
    out: Out = None,
    form: Format = None,
) -> int:
    """Fixed points of networks at a constant input, each with a proof that it is there, and their stability.

    Half the starts are uniform over the states that can be reached, the others lie on trajectories of the task.
    """
    target = check_output(out, form)
    check_apart({"--out": out, "--coverage": coverage}, {})
    place = None if coverage is None else check_aside(coverage, "--coverage")
    _check_together(slow, method, descent_rate, descent_steps, history, every)
    constants, chosen = _constants(inputs), parse_parameters(parameters)
    import pyarrow as pa

    from rnnkit.devices import choose_device, set_threads
    from rnnkit.history import history_beside, open_history
    from rnnkit.interop import load_all
    from rnnkit.stages.evaluation import TaskChoice
    from rnnkit.stages.fixedpoints import ASSUMPTIONS, descent_of
    from rnnkit.stages.fixedpoints import fixedpoints as stage

    where = choose_device(device)
    set_threads(threads)
    loaded = load_all(checkpoints)
    how = descent_of(descent_rate, descent_steps)
    method = "lm" if method == "newton" else method  # its name before there was another
    beside = [history_beside(path) for path in loaded.paths] if history else []
    read = [*loaded.paths, *beside]
    check_apart({"--out": out, "--coverage": coverage}, {f"input {path}": path for path in read})
    histories = [open_history(path) for path in beside]
    settings: dict[str, Any] = {"input": constants, "starts": starts, "slow": slow, "method": method, "seed": seed}
    if method in ("descent", "both"):
        settings |= {"descent_rate": how.rate, "descent_steps": how.steps}
    settings |= {"directions": directions, "history": history, "every": every}
    ran = provenance(**settings, task=task, parameters=chosen, assumptions=ASSUMPTIONS).with_inputs(read)
    covered: list[pa.Table] = []
    with progress("searches") as bar:
        parts = stage(
            loaded.checkpoints,
            constants,
            TaskChoice(task, chosen),
            starts=starts,
            slow=slow,
            method=method,
            descent=how,
            directions=directions,
            histories=histories,
            every=1 if every is None else every,
            seed=seed,
            device=where,
            report=bar,
        )

        def points() -> Iterator[pa.Table]:
            for part, also in parts:
                covered.append(also)
                yield part

        code = write_table("fixedpoints", points(), target, bool(out or form), ran)
    sets = pa.concat_tables(covered)
    if _warn(sets):
        code = 1
    if place is None:
        return code
    return max(code, write_table("fixedpoint_coverage", [sets], place, True, ran))


def _warn(sets: pa.Table) -> bool:
    """Say which networks are proven to have more fixed points than were found; return whether there are any."""
    columns = (sets[name].to_pylist() for name in ("network", "status"))
    names = list(dict.fromkeys(name for name, status in zip(*columns, strict=True) if status == "incomplete"))
    if names:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        talk.say(
            f"fixed points are missing (their index sum is not 1; try more --starts): {', '.join(names[:3])}{more}"
        )
    return bool(names)


def _check_together(
    slow: bool, method: str, rate: float | None, steps: int | None, history: bool, every: int | None
) -> None:
    """Raise InputError for options that do not go together."""
    if slow and method == "descent":
        raise InputError("--slow", "descent keeps slow points as it is", "leave out --slow")
    for option, value in (("--descent-rate", rate), ("--descent-steps", steps)):
        if value is not None and method not in ("descent", "both"):
            raise InputError(option, "is of descent", "add --method descent")
    if every is not None and not history:
        raise InputError("--every", "is of snapshots", "add --history")


def _constants(texts: list[str] | None) -> list[tuple[float, ...]] | None:
    """Read the numbers of each --input.

    Examples
    --------
    >>> _constants(["0, 1", "-1,.5"])
    [(0.0, 1.0), (-1.0, 0.5)]
    """
    if not texts:
        return None
    found = []
    for text in texts:
        try:
            numbers = tuple(float(part) for part in text.split(","))
        except ValueError:
            raise InputError("--input", f"'{text}' is no list of numbers", "for example --input 0,0,1") from None
        if not all(map(math.isfinite, numbers)):
            raise InputError("--input", f"'{text}' holds NaN or infinity", "give finite numbers")
        if numbers in found:
            raise InputError("--input", f"'{text}' is given twice", "give each input once")
        found.append(numbers)
    return found

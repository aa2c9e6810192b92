"""`rnnkit compare`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnkit.cli import completion
from rnnkit.cli.command import provenance
from rnnkit.cli.options import (
    Device,
    Format,
    Inputs,
    Out,
    Seed,
    TaskName,
    TaskParameters,
    Threads,
    named,
    open_inputs,
    parse_parameters,
    split_names,
)
from rnnkit.cli.output import check_apart, check_aside, check_output, write_table
from rnnkit.cli.scale import (
    Activity,
    Cache,
    GridComponents,
    GridDelays,
    Memory,
    Resume,
    Scheduler,
    Sensitivity,
    Workers,
    keeping,
    parse_bytes,
    parse_counts,
)
from rnnkit.cli.talk import progress, talk
from rnnkit.errors import InputError, unknown_name

if TYPE_CHECKING:
    from rnnkit.checkpoints import Checkpoint
    from rnnkit.stages.sources import Source

NAME = "compare"
EXAMPLE = "rnnkit compare ckpts --metric dsa,pif,svcca -o dist.parquet"


def run(
    checkpoints: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CKPT...]", help="Checkpoints: files, folders or patterns.", show_default=False),
    ] = None,
    activity: Activity = None,
    metric: Annotated[
        str,
        typer.Option(
            "--metric",
            metavar="NAME,...",
            help=f"{', '.join(completion.METRIC_NAMES)}.",
            autocompletion=completion.metrics,
        ),
    ] = "dsa,pif,svcca",
    within: Annotated[
        str | None,
        typer.Option(
            "--within",
            metavar="KEY,...",
            help="Compare only networks that agree in these settings.",
            show_default=False,
        ),
    ] = None,
    task: TaskName = None,
    parameters: TaskParameters = None,
    inputs: Inputs = None,
    trials: Annotated[int, typer.Option("--trials", min=1, metavar="B", help="Trials common to all networks.")] = 100,
    rates: Annotated[bool, typer.Option("--rates", help="Compare phi(h) instead of h.")] = False,
    components: Annotated[
        int | None,
        typer.Option(
            "--components", min=1, help="Components of dsa; as --variance asks by default.", show_default=False
        ),
    ] = None,
    variance: Annotated[
        float, typer.Option("--variance", help="Share of variance that components keep, above 0 and at most 1.")
    ] = 0.99,
    delay: Annotated[
        int | None,
        typer.Option("--delay", min=1, help="Delays of the embedding; chosen by default.", show_default=False),
    ] = None,
    delay_by: Annotated[
        str,
        typer.Option(
            "--delay-by",
            metavar="RULE",
            help="heldout, or training as the paper.",
            autocompletion=completion.choices("heldout", "training"),
        ),
    ] = "heldout",
    max_delay: Annotated[int, typer.Option("--max-delay", min=1, help="Longest delay to try.")] = 30,
    basis: Annotated[
        str,
        typer.Option(
            "--basis",
            metavar="NAME",
            help="whitened (dsa-metric's) or pc.",
            autocompletion=completion.choices("whitened", "pc"),
        ),
    ] = "whitened",
    starts: Annotated[
        int | None,
        typer.Option(
            "--starts",
            min=1,
            help="Starts of the solvers (dsa, dsa-angular, input-dsa, pif); as the size asks by default.",
            show_default=False,
        ),
    ] = None,
    bound: Annotated[
        str,
        typer.Option(
            "--bound",
            metavar="EFFORT",
            help="Lower bounds of dsa, dsa-angular, input-dsa: spectra, quick, or full (slow).",
            autocompletion=completion.choices("spectra", "quick", "full"),
        ),
    ] = "quick",
    match: Annotated[
        str,
        typer.Option(
            "--match",
            metavar="WHAT",
            help="pif, pif-initial: weights (recurrent), or io (input and readout too).",
            autocompletion=completion.choices("weights", "io"),
        ),
    ] = "weights",
    solver: Annotated[
        str,
        typer.Option(
            "--solver",
            metavar="NAME",
            help="rnnkit; or, as published, dsa-metric (dsa, dsa-angular) or qc-procrustes (pif, pif-initial). "
            "Other metrics are as usual.",
            autocompletion=completion.solvers,
        ),
    ] = "rnnkit",
    seed: Seed = 0,
    device: Device = "auto",
    threads: Threads = None,
    sensitivity: Sensitivity = None,
    grid_components: GridComponents = None,
    grid_delays: GridDelays = None,
    workers: Workers = 1,
    scheduler: Scheduler = None,
    memory: Memory = "2G",
    cache: Cache = None,
    resume: Resume = None,
    out: Out = None,
    form: Format = None,
) -> int:
    """Compare every pair of networks: a row per pair and metric, with a lower bound and a status."""
    target = check_output(out, form)
    metrics, keys = split_names("--metric", metric), split_names("--within", within)
    chosen = parse_parameters(parameters)
    for option, value, known in (
        ("--delay-by", delay_by, ("heldout", "training")),
        ("--basis", basis, ("whitened", "pc")),
        ("--bound", bound, ("spectra", "quick", "full")),
        ("--match", match, ("weights", "io")),
    ):
        if value not in known:
            raise unknown_name(option, value, known, "value")
    if not 0 < variance <= 1:
        raise InputError("--variance", f"{variance} is not a share", "give a number above 0 and at most 1")
    if inputs is not None and (task or chosen):
        raise InputError("--inputs", "replaces the task's trials", "leave out --task and -t")
    from rnnkit.metrics import METRICS, MetricOptions

    for name in metrics:
        if name not in METRICS:
            raise unknown_name("--metric", name, METRICS, "metric")
    size = parse_bytes(memory)
    grid = parse_counts("--grid-components", grid_components), parse_counts("--grid-delays", grid_delays)
    aside = check_aside(sensitivity, "--sensitivity")
    read = {"--inputs": inputs, **{f"--activity {path}": path for path in activity or []}}
    check_apart({"--out": out, "--sensitivity": sensitivity}, read)
    if sensitivity is None and any(grid):
        raise InputError("--grid-components, --grid-delays", "are of --sensitivity", "add --sensitivity FILE")
    if sensitivity is not None and "dsa" not in metrics:
        raise InputError("--sensitivity", "is of dsa", "add dsa to --metric")
    if not checkpoints and not activity:
        raise InputError("CKPT", "is missing", "give checkpoints, or recordings with --activity")
    if cache is not None:
        from rnnkit.atomic import check_writable

        check_writable(cache)
    from rnnkit.devices import choose_device, set_threads
    from rnnkit.interop import find_all
    from rnnkit.interop.activity import find_recordings
    from rnnkit.stages.compare import Scale
    from rnnkit.stages.compare import compare as comparisons
    from rnnkit.stages.evaluation import TaskChoice

    where, count = choose_device(device), set_threads(threads)
    options = MetricOptions(
        seed=seed,
        variance=variance,
        components=components,
        delay=delay,
        delay_by=delay_by,
        max_delay=max_delay,
        basis=basis,
        starts=starts,
        bound=bound,
        match=match,
        solver=solver,
        device=where,
        threads=count,
    )
    networks = find_all(checkpoints) if checkpoints else []
    recordings = find_recordings(activity or [], [network.name for network in networks])
    compared: list[Checkpoint | Source] = [*networks, *recordings]
    common: dict[str, Any] = {
        "choice": TaskChoice(task, chosen),
        "within": keys,
        "inputs": open_inputs(inputs),
        "trials": trials,
        "seed": seed,
        "rates": rates,
        "scale": Scale(workers, scheduler, size, cache),
    }
    settings = options.settings()
    choices: dict[str, Any] = {}
    ran = provenance(
        metric=metrics, within=keys, task=task, parameters=chosen, inputs=inputs, trials=trials, rates=rates
    )

    def report(name: str, found: dict[str, Any]) -> None:
        if found:
            choices[name] = found
            talk.detail(f"{name}: " + ", ".join(f"{key} {value}" for key, value in found.items()))

    with keeping(target[0], resume) as kept, progress("pairs") as bar:
        ran = dataclasses.replace(
            ran, parameters={**ran.parameters, **settings, "chosen": choices, "resume": kept.note}
        )
        ran = ran.with_inputs([*(network.path for network in networks), *(activity or []), *named([inputs])])
        parts = comparisons(compared, metrics, **common, options=options, kept=kept, progress=bar, report=report)
        code = write_table("comparisons", parts, target, bool(out or form), ran)
    if sensitivity is None or "dsa" not in choices:
        return code
    from rnnkit.stages.sensitivity import sensitivity as over_grid

    with progress("points") as bar:
        point = choices["dsa"]["components"], choices["dsa"]["delays"]
        rows = over_grid(
            compared, *point, grid_components=grid[0], grid_delays=grid[1], options=options, progress=bar, **common
        )
        return max(code, write_table("sensitivity", [rows], aside, True, ran))

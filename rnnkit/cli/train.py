"""`rnnkit train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rnnkit.cli import completion
from rnnkit.cli.command import provenance
from rnnkit.cli.configuration import from_config, read_config
from rnnkit.cli.options import Device, TaskParameters, Threads, parse_parameters
from rnnkit.cli.talk import progress, talk
from rnnkit.errors import InputError

NAME = "train"
EXAMPLE = "rnnkit train flipflop -t bits=3 --units 64 --seeds 0:8 -o ckpts"


def _option(*names: str, help: str, panel: str | None = None, **more: Any) -> Any:
    return typer.Option(*names, help=help, show_default=False, rich_help_panel=panel, **more)


_MODEL, _TRAINING, _PENALTIES, _PHASES = "Model", "Training", "Penalties", "Starts and phases"


def run(
    context: typer.Context,
    task: Annotated[
        str,
        typer.Argument(
            metavar="TASK", help="Task to train on, or a preset like schur/copy.", autocompletion=completion.tasks
        ),
    ] = "flipflop",
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for networks and training.parquet.")
    ] = Path("ckpts"),
    parameters: TaskParameters = None,
    seeds: Annotated[str, typer.Option("--seeds", metavar="SEEDS", help="0:8, 3 or 0,4,7: one network each.")] = "0:8",
    vary: Annotated[
        list[str] | None,
        _option(
            "--vary",
            metavar="KEY=V,V,...",
            help="Train a grid over any setting or task parameter; may be repeated.",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        _option(
            "--config",
            metavar="FILE.toml",
            help="Settings by the same names; the command line wins.",
            callback=read_config,
            is_eager=True,
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run in the folder.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace networks of the same names.")] = False,
    model: Annotated[
        str | None,
        _option(
            "--model",
            metavar="NAME",
            help="vanilla (default), mup, leaky, current, lowrank, plrnn, gru or lstm.",
            autocompletion=completion.models,
            panel=_MODEL,
        ),
    ] = None,
    units: Annotated[
        int | None, _option("--units", metavar="N", help="Units, 1 or more (default 128).", panel=_MODEL)
    ] = None,
    rank: Annotated[
        int | None,
        _option(
            "--rank",
            metavar="R",
            help="Rank of lowrank, 1 to the units (default 1), and of leaky; 0 for full (default).",
            panel=_MODEL,
        ),
    ] = None,
    readout: Annotated[
        str | None,
        _option(
            "--readout",
            metavar="NAME",
            help="linear (default), or latent: the latent variables of leaky --rank are the outputs.",
            autocompletion=completion.choices("linear", "latent"),
            panel=_MODEL,
        ),
    ] = None,
    alpha: Annotated[
        float | None,
        _option("--alpha", help="Leak of leaky, current, lowrank: above 0, at most 1 (default 0.2).", panel=_MODEL),
    ] = None,
    tau: Annotated[
        float | None, _option("--tau", help="Step of mup: above 0, at most 1 (default: the task's).", panel=_MODEL)
    ] = None,
    nonlinearity: Annotated[
        str | None,
        _option(
            "--nonlinearity",
            metavar="NAME",
            help="tanh (default), relu (plrnn's) or identity.",
            panel=_MODEL,
            autocompletion=completion.choices("tanh", "relu", "identity"),
        ),
    ] = None,
    gamma: Annotated[
        float | None,
        _option(
            "--gamma", help="Divides the output and multiplies the learning rate; above 0 (default 1).", panel=_MODEL
        ),
    ] = None,
    init: Annotated[
        str | None,
        _option(
            "--init",
            metavar="NAME",
            help="default (the family's own), uniform, gaussian, orthogonal, normal, mup, cayley or critical.",
            autocompletion=completion.choices(
                "default", "uniform", "gaussian", "orthogonal", "normal", "mup", "cayley", "critical"
            ),
            panel=_MODEL,
        ),
    ] = None,
    recurrent: Annotated[
        str | None,
        _option(
            "--recurrent",
            metavar="NAME",
            help="dense (default), or cayley: a recurrent matrix that stays normal.",
            autocompletion=completion.choices("dense", "cayley"),
            panel=_MODEL,
        ),
    ] = None,
    bias: Annotated[
        bool | None,
        _option(
            "--bias/--no-bias",
            help="Train biases of the step and of the readout (default), or have none.",
            panel=_MODEL,
        ),
    ] = None,
    gain: Annotated[
        float | None, _option("--gain", help="Gain of gaussian and mup initial weights, 0 or more.", panel=_MODEL)
    ] = None,
    init_gain: Annotated[
        float | None,
        _option("--init-gain", metavar="G", help="As --init gaussian --gain G; 0 or more.", panel=_MODEL),
    ] = None,
    init_input: Annotated[
        str | None,
        _option(
            "--init-input",
            metavar="NAME",
            help="Input weights by the root of: units or inputs (default: the family's).",
            autocompletion=completion.choices("default", "units", "inputs"),
            panel=_MODEL,
        ),
    ] = None,
    init_a: Annotated[
        str | None,
        _option(
            "--init-a",
            metavar="half|small|V",
            help="Factors of plrnn on the own state: 0.5 (default), up to 1/sqrt N, or any number.",
            autocompletion=completion.choices("half", "small"),
            panel=_MODEL,
        ),
    ] = None,
    zero_diagonal: Annotated[
        bool | None,
        _option(
            "--zero-diagonal/--full-diagonal",
            help="Recurrent weights of plrnn without a diagonal, or with one (default).",
            panel=_MODEL,
        ),
    ] = None,
    start: Annotated[
        list[str] | None,
        _option(
            "--start",
            metavar="CKPT",
            help="Train on from saved networks: a file, folder or pattern; may be repeated.",
            panel=_PHASES,
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        _option(
            "--protocol",
            metavar="A,B,...",
            help="Train on phases one after the other, all epochs each.",
            panel=_PHASES,
        ),
    ] = None,
    phase: Annotated[
        list[str] | None,
        _option(
            "--phase",
            metavar="NAME:KEY=VALUE",
            help="Task parameter of a phase; may be repeated.",
            panel=_PHASES,
        ),
    ] = None,
    optimizer: Annotated[
        str | None,
        _option(
            "--optimizer",
            metavar="NAME",
            help="adam (default), or sgd: gradient descent, in lowrank at N times the rate.",
            autocompletion=completion.choices("adam", "sgd"),
            panel=_TRAINING,
        ),
    ] = None,
    lr: Annotated[
        float | None,
        _option("--lr", help="Learning rate, above 0 (default: the task's, which is for adam).", panel=_TRAINING),
    ] = None,
    momentum: Annotated[
        float | None,
        _option("--momentum", metavar="M", help="Of sgd, 0 to below 1 (default 0).", panel=_TRAINING),
    ] = None,
    dtype: Annotated[
        str | None,
        _option(
            "--dtype",
            metavar="NAME",
            help="float32 (default) or float64: what is computed and saved in.",
            autocompletion=completion.choices("float32", "float64"),
            panel=_TRAINING,
        ),
    ] = None,
    batch: Annotated[
        int | None,
        _option("--batch", metavar="B", help="Trials per step, 1 or more (default: the task's).", panel=_TRAINING),
    ] = None,
    fixed_trials: Annotated[
        bool | None,
        _option(
            "--fixed-trials/--fresh-trials",
            help="One batch of trials for all steps, or fresh ones for each (default).",
            panel=_TRAINING,
        ),
    ] = None,
    freeze: Annotated[
        str | None,
        _option(
            "--freeze",
            metavar="TENSOR[:K],...",
            help="Leave tensors as they are, or their loading vector K, from 0.",
            panel=_TRAINING,
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        _option(
            "--epochs",
            metavar="E",
            help="Most epochs, or those of a phase, 1 or more (default: the task's).",
            panel=_TRAINING,
        ),
    ] = None,
    steps_per_epoch: Annotated[
        int | None,
        _option("--steps-per-epoch", metavar="K", help="Optimiser steps, 1 or more (default 128).", panel=_TRAINING),
    ] = None,
    schedule: Annotated[
        str | None,
        _option(
            "--schedule",
            metavar="NAME",
            help="none, cosine, plateau or plateau:PATIENCE,FACTOR (default: the task's).",
            autocompletion=completion.choices("none", "cosine", "plateau"),
            panel=_TRAINING,
        ),
    ] = None,
    restart: Annotated[
        int | None,
        _option("--restart", metavar="E", help="First period of cosine, 1 or more (default 50).", panel=_TRAINING),
    ] = None,
    stop_loss: Annotated[
        float | None,
        _option(
            "--stop-loss", metavar="L", help="Loss to get below, 0 or more (default: the task's).", panel=_TRAINING
        ),
    ] = None,
    patience: Annotated[
        int | None,
        _option("--patience", metavar="P", help="Epochs after that, 0 or more (default 3).", panel=_TRAINING),
    ] = None,
    stop_on: Annotated[
        str | None,
        _option(
            "--stop-on",
            metavar="main|all",
            help="Whether auxiliary outputs count for stopping.",
            autocompletion=completion.choices("main", "all"),
            panel=_TRAINING,
        ),
    ] = None,
    epsilon: Annotated[
        float | None,
        _option("--epsilon", help="Adam's, above 0 (default 1e-8; shrinks with width in mup).", panel=_TRAINING),
    ] = None,
    validation_trials: Annotated[
        int | None,
        _option("--validation-trials", metavar="B", help="Validation set, 1 or more (default 512).", panel=_TRAINING),
    ] = None,
    snapshots: Annotated[
        int | None,
        _option(
            "--snapshots",
            metavar="K",
            help="Keep the weights every K epochs, 1 or more; 0 for never (default).",
            panel=_TRAINING,
        ),
    ] = None,
    snapshot_steps: Annotated[
        int | None,
        _option(
            "--snapshot-steps",
            metavar="K",
            help="Keep the weights every K optimiser steps, 1 or more; 0 for never (default).",
            panel=_TRAINING,
        ),
    ] = None,
    l1: Annotated[
        float | None, _option("--l1", help="Penalty on |W|_1 of the recurrent weights, 0 or more.", panel=_PENALTIES)
    ] = None,
    nuclear: Annotated[
        float | None, _option("--nuclear", help="Penalty on their nuclear norm, 0 or more.", panel=_PENALTIES)
    ] = None,
    penalty_on: Annotated[
        str | None,
        _option(
            "--penalty-on",
            metavar="recurrent|all",
            help="all: input and readout weights too.",
            autocompletion=completion.choices("recurrent", "all"),
            panel=_PENALTIES,
        ),
    ] = None,
    tcr: Annotated[
        float | None,
        _option("--tcr", metavar="L", help="Penalty on the squared steps of the state, 0 or more.", panel=_PENALTIES),
    ] = None,
    tcr_on: Annotated[
        str | None,
        _option(
            "--tcr-on",
            metavar="NAME",
            help="state; in leaky also current, or both (its default).",
            autocompletion=completion.choices("state", "current", "both"),
            panel=_PENALTIES,
        ),
    ] = None,
    mar: Annotated[
        float | None,
        _option(
            "--mar",
            metavar="L",
            help="Penalty that makes memory units of plrnn integrators, 0 or more.",
            panel=_PENALTIES,
        ),
    ] = None,
    mai: Annotated[
        bool | None,
        _option(
            "--mai/--no-mai",
            help="Memory units of plrnn are integrators before training, or not (default).",
            panel=_PENALTIES,
        ),
    ] = None,
    memory_units: Annotated[
        int | None,
        _option(
            "--memory-units",
            metavar="N",
            help="The first N units are those of --tcr, --mar and --mai, 1 to the units (default all).",
            panel=_PENALTIES,
        ),
    ] = None,
    weight_decay: Annotated[
        float | None,
        _option("--weight-decay", metavar="L", help="Of the recurrent weights, 0 or more.", panel=_PENALTIES),
    ] = None,
    weight_decay_mode: Annotated[
        str | None,
        _option(
            "--weight-decay-mode",
            metavar="NAME",
            help="decoupled (default, as AdamW) or l2 (in the gradient).",
            autocompletion=completion.choices("decoupled", "l2"),
            panel=_PENALTIES,
        ),
    ] = None,
    clip: Annotated[
        float | None,
        _option(
            "--clip",
            metavar="C",
            help="Most that the norm of each network's gradient may be, above 0; 0 for any (default).",
            panel=_TRAINING,
        ),
    ] = None,
    device: Device = "auto",
    threads: Threads = None,
) -> int:
    """Train an ensemble: one network per seed, all in one batch, each stopped on its own account."""
    given = dict(locals())
    chosen = parse_parameters(from_config(context, "parameters")) | parse_parameters(parameters)
    if resume and overwrite:
        raise InputError("--resume", "goes on with what --overwrite would delete", "give one of them")
    from rnnkit.interop.loading import load_all
    from rnnkit.training.phases import parse_phases, parse_protocol
    from rnnkit.training.plans import MODEL_KEYS, SETTING_KEYS, parse_seeds, parse_vary, plan_networks

    settings = {key: given[key] for key in (*MODEL_KEYS, *SETTING_KEYS) if given[key] is not None}
    names, changes = parse_protocol(protocol), parse_phases(from_config(context, "phase"))
    for name, own in parse_phases(phase or []).items():
        changes[name] = changes.get(name, {}) | own
    drawn = parse_seeds(seeds), parse_vary(vary or [])
    begun = load_all(start) if start else None
    starts = begun.checkpoints if begun else ()
    plans = plan_networks(task, chosen, settings, *drawn, protocol=names, phases=changes, starts=starts)
    from rnnkit.devices import choose_device, set_threads
    from rnnkit.stages.train import train_into
    from rnnkit.training.folder import TrainingFolder
    from rnnkit.training.loop import EpochReport

    where, count = choose_device(device), set_threads(threads)
    phased = {"protocol": protocol, "phase": changes} if names else {}
    ran = provenance(task=task, parameters=chosen, seeds=seeds, vary=vary or [], **settings, **phased)
    ran = ran.with_inputs([*([config] if config else []), *(begun.paths if begun else ())])
    talk.resumable = True  # from here on: with nothing begun, --resume begins
    folder = TrainingFolder(out, plans, ran, resume, overwrite)
    if folder.complete:
        talk.say(f"{out}: nothing to resume, all {len(plans)} networks are there")
    statuses: dict[str, str] = {}
    with progress("networks") as bar:

        def on_epoch(report: EpochReport) -> None:
            statuses.update({one.plan.name: one.status for one in report.finished})
            losses = sorted(row["loss"] for row in report.rows)
            note = f"epoch {report.state.epoch}, loss {losses[len(losses) // 2]:.3g}"
            bar(len(statuses), len(plans), note)
            talk.detail(f"{note}, {len(statuses)} of {len(plans)} networks done")

        train_into(folder, device=where, threads=count, on_epoch=on_epoch)
    talk.resumable = False
    counts = {status: list(statuses.values()).count(status) for status in dict.fromkeys(statuses.values())}
    if counts:
        talk.say(f"{out}: " + ", ".join(f"{number} {status}" for status, number in counts.items()))
    return 1 if "diverged" in counts else 0

"""`rnnkit freeze-in`."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnkit.cli.command import provenance
from rnnkit.cli.completion import choices
from rnnkit.cli.options import Format, Out, Threads
from rnnkit.cli.output import check_output, write_table
from rnnkit.cli.talk import progress, talk
from rnnkit.errors import FileError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rnnkit.checkpoints import Checkpoint
    from rnnkit.provenance import Provenance

NAME = "freeze-in"
EXAMPLE = "rnnkit freeze-in --seeds 0:2 -o freeze.parquet --save frozen"


def run(
    units: Annotated[int, typer.Option("--units", help="Units, 1 to 10000.")] = 400,
    cues: Annotated[int, typer.Option("--cues", help="Cues, each on an input of its own, 1 to 10000.")] = 25,
    gain: Annotated[
        float, typer.Option("--gain", help="W is normal with variance gain²/N and no diagonal: 0 or more.")
    ] = 1.8,
    alpha: Annotated[
        float, typer.Option("--alpha", help="Share of the state a step replaces: above 0, at most 1.")
    ] = 0.1,
    rate: Annotated[float, typer.Option("--rate", help="Learning rate of a step, 0 or more.")] = 1e-3,
    amplitude: Annotated[
        float, typer.Option("--amplitude", help="Of the cues' input currents: their standard deviation, 0 or more.")
    ] = 4.0,
    cue_steps: Annotated[int, typer.Option("--cue-steps", help="Steps that a cue lasts, 1 to 10000.")] = 50,
    plastic_steps: Annotated[int, typer.Option("--plastic-steps", help="Steps that follow it, 1 to 10000.")] = 20,
    epochs: Annotated[int, typer.Option("--epochs", help="Presentations of each cue, 1 or more.")] = 24,
    noise: Annotated[
        float, typer.Option("--noise", help="Standard deviation of noise in the input currents, 0 or more.")
    ] = 0.0,
    plastic: Annotated[
        str,
        typer.Option(
            "--plastic",
            metavar="WHEN",
            help="When weights learn: after the cue, during it, or both.",
            autocompletion=choices("after", "during", "both"),
        ),
    ] = "after",
    carry: Annotated[
        bool, typer.Option("--carry", help="Begin each presentation where the last one ended, not at rest.")
    ] = False,
    seeds: Annotated[str, typer.Option("--seeds", metavar="SEEDS", help="0:4, 3 or 0,2,5: a network each.")] = "0:2",
    probe_every: Annotated[
        int, typer.Option("--probe-every", metavar="K", help="Epochs between probes, 1 or more.")
    ] = 1,
    free_steps: Annotated[
        int, typer.Option("--free-steps", help="Of a probe: steps without input after the cue, 0 or more.")
    ] = 1500,
    still: Annotated[
        float,
        typer.Option("--still", help="Speed |tanh(W r) - r| of a settled state is below it: above 0, at most 1."),
    ] = 1e-3,
    apart: Annotated[
        float,
        typer.Option("--apart", help="RMS distance of two points, or of one from silence: above 0, at most 1."),
    ] = 0.05,
    certify: Annotated[
        str,
        typer.Option(
            "--certify",
            metavar="PROBES",
            help="Probes with proofs and eigenvalues: last, all or none.",
            autocompletion=choices("last", "all", "none"),
        ),
    ] = "last",
    save: Annotated[
        Path | None, typer.Option("--save", metavar="DIR", help="Folder for the networks.", show_default=False)
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace networks that --save finds there.")] = False,
    threads: Threads = None,
    out: Out = None,
    form: Format = None,
) -> int:
    """Let networks learn to stay where cues take them, by a local rule, and prove where they end.

    Each cue drives a random network for a while; then each step is made smaller by a change of weights. Probes say
    which cues settle, at how many different points, and with which eigenvalues.
    """
    target = check_output(out, form)
    if overwrite and save is None:
        raise InputError("--overwrite", "is of the networks that --save writes", "add --save DIR")
    from rnnkit.devices import set_threads
    from rnnkit.stages.freeze_in import freeze_in
    from rnnkit.stages.freezing import FreezeIn, Probe, network_names
    from rnnkit.training.plans import parse_seeds

    drawn = parse_seeds(seeds)
    settings = FreezeIn(
        units=units,
        cues=cues,
        gain=gain,
        alpha=alpha,
        rate=rate,
        amplitude=amplitude,
        cue_steps=cue_steps,
        plastic_steps=plastic_steps,
        epochs=epochs,
        noise=noise,
        plastic=plastic,
        carry=carry,
    )
    probe = Probe(every=probe_every, free_steps=free_steps, still=still, apart=apart, certify=certify)
    ran = provenance(**asdict(settings), **asdict(probe), seeds=drawn)
    keep = None if save is None else _saver(save, network_names(settings, drawn), ran, overwrite)
    with progress("epochs") as bar:
        tables = freeze_in(settings, drawn, probe, threads=set_threads(threads), keep=keep, progress=bar)
        code = write_table("freeze_in", tables, target, bool(out or form), ran)
    if save is not None:
        talk.say(f"{len(drawn)} network{'s' * (len(drawn) != 1)} in {save}")
    return code


def _saver(folder: Path, names: list[str], ran: Provenance, overwrite: bool) -> Callable[[Checkpoint], None]:
    """Return what writes a network; before any work is done, see that it may."""
    from rnnkit.atomic import check_writable
    from rnnkit.checkpoints import save_native

    for name in names:
        target = folder / f"{name}.safetensors"
        if target.exists() and not overwrite:
            raise FileError(str(target), "exists already", "add --overwrite or choose another folder")
    check_writable(folder)

    def write(network: Checkpoint) -> None:
        save_native(replace(network, provenance=ran.to_json()), folder / f"{network.name}.safetensors")

    return write

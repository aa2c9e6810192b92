"""Every option has an effect: each is changed here, and the effect seen."""

import csv
import json
import re
import resource
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import typer.main
from safetensors.numpy import save_file

from rnnkit.architectures import Architecture
from rnnkit.checkpoints import Checkpoint, load_native, save_native
from rnnkit.cli.main import app
from rnnkit.numerics.loading_vectors import Layout
from rnnkit.schemas import get_schema
from rnnkit.tables import build
from tests.conftest import QUICK, Outcome, run_cli, table_note, without_seconds
from tests.stages.planted_circuits import fill_rank_one
from tests.stages.planted_courses import save_course
from tests.stages.planted_onsets import fill, fill_phased
from tests.stages.planted_updates import course, save_walk

COMMANDS = typer.main.get_command(app).commands
#: In the contract's suite for every command: where output goes, what is said, help.
CONTRACT = {"out", "form", "quiet", "verbose", "debug", "help"}

See = Callable[[Outcome, Path], object]


def rows(done: Outcome, _: Path) -> object:
    return without_seconds(done.table()).to_pylist()


def column(name: str) -> See:
    return lambda done, _: done.table()[name].to_pylist()


def chosen(metric: str, key: str) -> See:
    return lambda done, _: table_note(done.out)["parameters"]["chosen"][metric][key]


def networks(_: Outcome, folder: Path) -> object:
    """Weights and rates learned, but not what the metadata says was asked for."""
    found = [load_native(path) for path in sorted(folder.glob("out/*[0-9].safetensors"))]
    return [(n.architecture, n.task, n.task_parameters, {k: v.tobytes() for k, v in n.weights.items()}) for n in found]


def weights(_: Outcome, folder: Path) -> object:
    """Weights to single precision: threads share the networks out, and sums differ in their last bit."""
    found = [load_native(path) for path in sorted(folder.glob("out/*[0-9].safetensors"))]
    return [float(v) for n in found for w in n.weights.values() for v in w.ravel().round(4) + 0.0]


def training(name: str) -> See:
    return lambda _, folder: pq.read_table(folder / "out/training.parquet")[name].to_pylist()


def files(_: Outcome, folder: Path) -> object:
    return sorted(path.name for path in folder.glob("out/*"))


def grid(_: Outcome, folder: Path) -> object:
    return (folder / "out/s.csv").read_text()


def tensors(_: Outcome, folder: Path) -> object:
    (path,) = folder.glob("out/*.safetensors")
    network = load_native(path)
    held = [network.weights, network.initial]
    return network.architecture, network.task, [{k: v.tolist() for k, v in one.items()} for one in held]


def embedded(_: Outcome, folder: Path) -> object:
    path = folder / "placed.csv"
    return path.is_file() and path.read_text()


def controls(_: Outcome, folder: Path) -> object:
    return (folder / "out/c.csv").read_text()


def beside(_: Outcome, folder: Path) -> object:
    return (folder / "out/s.csv").read_text()


def stabilisers(done: Outcome, _: Path) -> object:
    return done.table()["stabiliser"].to_pylist()


def alignments(done: Outcome, _: Path) -> object:
    """But for their last digits: threads share sums out."""
    table = done.table()
    return [round(v, 9) for name in ("kernel", "representation") for v in table[f"{name}_alignment"].to_pylist()]


def text(done: Outcome, _: Path) -> object:
    return done.out


def threads(_: Outcome, folder: Path) -> object:
    return (folder / "threads").read_text()


def processes(_: Outcome, folder: Path) -> object:
    """Whether other processes did some of the work."""
    return float((folder / "children").read_text()) > 0


def picture(done: Outcome, _: Path) -> object:
    """The bytes of a picture, but for its caption: that names every option."""
    return re.sub(rb"<dc:description>.*?</dc:description>", b"", done.out, flags=re.DOTALL)


def picture_size(done: Outcome, _: Path) -> object:
    """Width and height in the header of a PNG file."""
    assert done.out.startswith(b"\x89PNG")
    return done.out[16:24]


def code(done: Outcome, _: Path) -> object:
    return done.code


@dataclass(frozen=True)
class Effect:
    """Two lines that differ in one option, and what to look at; `same` is what the option must not change."""

    without: str
    given: str
    see: See
    same: See | None = None


TRAIN = f"train {' '.join(QUICK)} --seeds 0:2 -o out -q"
DELAYED = TRAIN.replace("train", "train delayed-discrimination").replace("-t steps=10 -t bits=2", "")
AUXILIARY = f"{DELAYED} -t auxiliary=true"
ROLLOUT = "rollout ckpts -q"
COMPARE = "compare ckpts --metric svcca --trials 6 -q"
DSA = "compare ckpts/flipflop-vanilla-n8-s[01].safetensors --metric dsa --trials 8 --starts 2 -q"
SENSITIVITY = f"{DSA} --delay 2 --components 2 --sensitivity out/s.csv"
IMPORT = "import net.pt -o out -q"
ARRAYS = "import net.npz -o out -q --model leaky --array recurrent.weight=W --array input.weight=U"
FEATURES = "feature-learning ckpts -q"
DEGENERACY = "degeneracy --include-unconverged"
POINTS = "fixedpoints switches.safetensors -q --starts 40 --task flipflop -t bits=2"
PAIRS = f"{DEGENERACY} --comparisons comparisons.parquet"
GRID = f"{DEGENERACY} --comparisons grid.csv"
AGAINST = f"{GRID} --against gamma=1"
SCHUR = "schur-ablate ckpts --trials 8 -q"
CONTROLS = f"{SCHUR} --controls 3 --controls-out out/c.csv"
TRAINED = "plot training ckpts/training.parquet -q"
VALUES = "plot degeneracy values.csv -q"
GAMMAS = f"{VALUES} --factor gamma"
PLACED = "plot embedding grid.csv -q"
DRAWN = f"{POINTS} -o points.parquet ; rollout switches.safetensors -q --task flipflop -t bits=2 -o run.parquet ; "
DRAWN += "plot fixedpoints points.parquet run.parquet -q"
WALKED = "fixedpoints ckpts/flipflop-vanilla-n8-s0.safetensors -q --starts 4"
STEPS = "overlaps ckpts --rank 1 -q --history -o steps.parquet ; plot twins steps.parquet -q"
MEMORY = "memory-demand flipflop -t steps=20 --history 1,2,4 --trials 40 --steps 5 --hidden 4 --batch 16 --bootstrap 9"
#: Without the present input and earlier targets, a flip-flop's last pulse is missed less and less with the history.
LEARNED = (
    "memory-demand flipflop -t steps=20 -t bits=1 --history 1,2,4,8,16 --trials 400 --steps 200 --hidden 16 --batch 64 "
    "--outputs none --bootstrap 9"
)

EFFECTS: dict[tuple[str, str], Effect] = {
    ("tasks", "task"): Effect("tasks", "tasks sine", text),
    ("sample", "task"): Effect("sample flipflop", "sample sine", rows),
    ("sample", "parameters"): Effect("sample flipflop", "sample flipflop -t steps=3", rows),
    ("sample", "trials"): Effect("sample flipflop", "sample flipflop --trials 3", rows),
    ("sample", "seed"): Effect("sample flipflop", "sample flipflop --seed 1", rows),
    ("sample", "ood"): Effect("sample flipflop", "sample flipflop --ood", rows),
    ("info", "paths"): Effect("info ckpts", "info ckpts/flipflop-vanilla-n8-s1.safetensors", rows),
    ("info", "rows"): Effect("info ckpts/training.parquet", "info ckpts/training.parquet --rows 1", text),
    ("export", "checkpoints"): Effect(
        "export ckpts --to npz -o out", "export ckpts/flipflop-vanilla-n8-s1.safetensors --to npz -o out", files
    ),
    ("export", "to"): Effect("export ckpts --to npz -o out", "export ckpts --to mat -o out", files),
    ("import", "files"): Effect(IMPORT, f"{IMPORT} before.pt", files),
    ("import", "layout"): Effect(IMPORT, f"{IMPORT} --layout lowrank", code),
    ("import", "alpha"): Effect(
        f"{ARRAYS} --array readout.weight=R", f"{ARRAYS} --array readout.weight=R --alpha .5", tensors
    ),
    ("import", "nonlinearity"): Effect(IMPORT, f"{IMPORT} --nonlinearity relu", tensors),
    ("import", "gamma"): Effect(IMPORT, f"{IMPORT} --gamma 2", tensors),
    ("import", "initial"): Effect(IMPORT, f"{IMPORT} --initial before.pt", tensors),
    ("import", "model"): Effect(
        f"{ARRAYS} --array readout.weight=R", f"{ARRAYS} --array readout.weight=R --model current", tensors
    ),
    ("import", "array"): Effect(f"{ARRAYS} --array readout.weight=R", f"{ARRAYS} --array readout.weight=S", tensors),
    ("import", "transpose"): Effect(
        f"{ARRAYS} --array readout.weight=R",
        f"{ARRAYS} --array readout.weight=R --transpose recurrent.weight",
        tensors,
    ),
    ("import", "task"): Effect(IMPORT, f"{IMPORT} --task flipflop -t bits=1", tensors),
    ("import", "parameters"): Effect(
        f"{IMPORT} --task flipflop -t bits=1", f"{IMPORT} --task flipflop -t bits=2", code
    ),
    ("import", "named"): Effect(IMPORT, f"{IMPORT} --name a", files),
    ("import", "overwrite"): Effect(f"{IMPORT} ; {IMPORT}", f"{IMPORT} ; {IMPORT} --overwrite", code),
    ("train", "task"): Effect(TRAIN, DELAYED, networks),
    ("train", "parameters"): Effect(TRAIN, f"{TRAIN} -t start=pulse", networks),
    ("train", "seeds"): Effect(TRAIN, f"{TRAIN} --seeds 1,5", files),
    ("train", "vary"): Effect(TRAIN, f"{TRAIN} --vary gamma=1,2", files),
    ("train", "config"): Effect(TRAIN, f"{TRAIN} --config settings.toml", networks),
    ("train", "resume"): Effect(f"{TRAIN} ; {TRAIN}", f"{TRAIN} ; {TRAIN} --resume", code, networks),
    ("train", "overwrite"): Effect(f"{TRAIN} ; {TRAIN} --lr .1", f"{TRAIN} ; {TRAIN} --lr .1 --overwrite", code),
    **{
        ("train", name): Effect(f"{TRAIN} {before}", f"{TRAIN} {before} {after}", networks)
        for name, before, after in [
            ("model", "", "--model gru"),
            ("units", "", "--units 9"),
            ("rank", "--model lowrank", "--rank 2"),
            ("alpha", "--model leaky", "--alpha 0.7"),
            ("tau", "--model mup", "--tau 0.3"),
            ("nonlinearity", "", "--nonlinearity relu"),
            ("gamma", "", "--gamma 2"),
            ("init", "", "--init gaussian"),
            ("gain", "--init gaussian", "--gain 0.5"),
            ("recurrent", "", "--recurrent cayley"),
            ("bias", "", "--no-bias"),
            ("lr", "", "--lr 0.01"),
            ("batch", "", "--batch 5"),
            ("epochs", "", "--epochs 1"),
            ("steps_per_epoch", "", "--steps-per-epoch 5"),
            ("schedule", "", "--schedule cosine"),
            ("restart", "--schedule cosine", "--restart 1"),
            ("stop_loss", "--patience 0", "--stop-loss 100"),
            ("patience", "--stop-loss 100 --patience 0", "--patience 1"),
            ("epsilon", "", "--epsilon 0.1"),
            ("l1", "", "--l1 0.1"),
            ("nuclear", "", "--nuclear 0.1"),
            ("penalty_on", "--l1 0.1", "--penalty-on all"),
            ("optimizer", "--lr 0.01", "--optimizer sgd"),
            ("momentum", "--optimizer sgd", "--momentum 0.9"),
            ("dtype", "", "--dtype float64"),
            ("fixed_trials", "", "--fixed-trials"),
            ("freeze", "", "--freeze recurrent.weight:3"),
            ("protocol", "", "--protocol A,A"),
            ("phase", "--protocol A,B", "--phase A:probability=1"),
            ("readout", "--model leaky --rank 2", "--readout latent"),
            ("init_gain", "", "--init-gain 3"),
            ("init_input", "", "--init-input inputs"),
            ("init_a", "--model plrnn", "--init-a small"),
            ("zero_diagonal", "--model plrnn", "--zero-diagonal"),
            ("tcr", "", "--tcr 1"),
            ("tcr_on", "--model leaky --tcr 1", "--tcr-on state"),
            ("mar", "--model plrnn", "--mar 1"),
            ("mai", "--model plrnn", "--mai"),
            ("memory_units", "--model plrnn --mar 1", "--memory-units 3"),
            ("weight_decay", "", "--weight-decay 1"),
            ("weight_decay_mode", "--weight-decay 1", "--weight-decay-mode l2"),
            ("clip", "--optimizer sgd", "--clip 0.01"),
        ]
    },
    ("train", "stop_on"): Effect(AUXILIARY, f"{AUXILIARY} --stop-on all", training("loss")),
    ("train", "validation_trials"): Effect(TRAIN, f"{TRAIN} --validation-trials 9", training("val_loss"), networks),
    ("train", "snapshots"): Effect(TRAIN, f"{TRAIN} --snapshots 1", files, networks),
    ("train", "snapshot_steps"): Effect(TRAIN, f"{TRAIN} --snapshot-steps 3", files, networks),
    ("train", "start"): Effect(
        f"{TRAIN} --seeds 0", f"{TRAIN} --seeds 0 --start ckpts/flipflop-vanilla-n8-s2.safetensors", networks
    ),
    ("train", "device"): Effect(f"{TRAIN} --device cpu", f"{TRAIN} --device cuda:99", code),
    ("train", "threads"): Effect(f"{TRAIN} --threads 1", f"{TRAIN} --threads 2", lambda *_: object(), weights),
    ("rollout", "checkpoints"): Effect(ROLLOUT, f"{ROLLOUT} current", rows),
    ("rollout", "task"): Effect(ROLLOUT, f"{ROLLOUT} --task flipflop -t bits=2", rows),
    ("rollout", "parameters"): Effect(ROLLOUT, f"{ROLLOUT} -t steps=3", rows),
    ("rollout", "inputs"): Effect(ROLLOUT, f"{ROLLOUT} --inputs inputs.npz", rows),
    ("rollout", "trials"): Effect(ROLLOUT, f"{ROLLOUT} --trials 2", rows),
    ("rollout", "seed"): Effect(ROLLOUT, f"{ROLLOUT} --seed 2", rows),
    ("rollout", "ood"): Effect(f"{ROLLOUT} --trials 2", f"{ROLLOUT} --trials 2 --ood", rows),
    ("rollout", "summary"): Effect(ROLLOUT, f"{ROLLOUT} --summary", rows),
    ("rollout", "by"): Effect(f"{ROLLOUT} --summary", f"{ROLLOUT} --summary --by seed", rows),
    ("rollout", "device"): Effect(f"{ROLLOUT} --device cpu", f"{ROLLOUT} --device cuda:99", code),
    ("rollout", "threads"): Effect(f"{ROLLOUT} --threads 1", f"{ROLLOUT} --threads 2", threads, rows),
    ("compare", "checkpoints"): Effect(COMPARE, f"{COMPARE} current", rows),
    ("compare", "activity"): Effect(COMPARE, f"{COMPARE} --activity rollout.parquet --trials 3", rows),
    ("compare", "sensitivity"): Effect(f"{DSA} --delay 1", f"{DSA} --delay 1 --sensitivity out/s.csv", files, rows),
    ("compare", "grid_components"): Effect(SENSITIVITY, f"{SENSITIVITY} --grid-components 1,2", grid),
    ("compare", "grid_delays"): Effect(SENSITIVITY, f"{SENSITIVITY} --grid-delays 1,3", grid),
    ("compare", "workers"): Effect(COMPARE, f"{COMPARE} --workers 2", processes, rows),
    ("compare", "scheduler"): Effect(COMPARE, f"{COMPARE} --scheduler tcp://127.0.0.1:1", code),
    ("compare", "memory"): Effect(COMPARE, f"{COMPARE} --memory 1K", code),
    ("compare", "cache"): Effect(COMPARE, f"{COMPARE} --cache out", files, rows),
    ("compare", "resume"): Effect(
        f"{COMPARE} -o t.parquet ; {COMPARE}",
        f"{COMPARE} -o t.parquet ; {COMPARE[:-3]} --resume t.parquet",
        lambda done, _: "using its rows" in done.err,
        rows,
    ),
    ("compare", "metric"): Effect(COMPARE, f"{COMPARE} --metric pif", rows),
    ("compare", "within"): Effect(f"{COMPARE} current", f"{COMPARE} current --within model", rows),
    ("compare", "task"): Effect(COMPARE, f"{COMPARE} --task flipflop -t bits=2", rows),
    ("compare", "parameters"): Effect(COMPARE, f"{COMPARE} -t probability=1", rows),
    ("compare", "inputs"): Effect(COMPARE, f"{COMPARE} --inputs inputs.npz", rows),
    ("compare", "trials"): Effect(COMPARE, f"{COMPARE} --trials 7", rows),
    ("compare", "rates"): Effect(f"{COMPARE} current", f"{COMPARE} current --rates", rows),
    ("compare", "variance"): Effect(COMPARE, f"{COMPARE} --variance 0.5", column("size_a")),
    ("compare", "seed"): Effect(COMPARE, f"{COMPARE} --seed 1", rows),
    ("compare", "components"): Effect(f"{DSA} --delay 1", f"{DSA} --delay 1 --components 1", column("size_a")),
    ("compare", "delay"): Effect(DSA, f"{DSA} --delay 2", column("size_a")),
    ("compare", "delay_by"): Effect(DSA, f"{DSA} --delay-by training", chosen("dsa", "delay_choice")),
    ("compare", "max_delay"): Effect(
        f"{DSA} --delay-by training", f"{DSA} --delay-by training --max-delay 1", chosen("dsa", "delays")
    ),
    ("compare", "basis"): Effect(f"{DSA} --delay 1", f"{DSA} --delay 1 --basis pc", column("distance")),
    ("compare", "starts"): Effect(f"{DSA} --delay 1", f"{DSA} --delay 1 --starts 40", column("starts")),
    ("compare", "bound"): Effect(f"{DSA} --delay 1", f"{DSA} --delay 1 --bound spectra", column("lower_bound")),
    ("compare", "match"): Effect(f"{COMPARE} --metric pif", f"{COMPARE} --metric pif --match io", column("distance")),
    ("compare", "solver"): Effect(
        f"{COMPARE} --metric pif,svcca", f"{COMPARE} --metric pif,svcca --solver qc-procrustes", column("status")
    ),
    ("compare", "device"): Effect(f"{COMPARE} --device cpu", f"{COMPARE} --device cuda:99", code),
    ("compare", "threads"): Effect(f"{COMPARE} --threads 1", f"{COMPARE} --threads 2", threads, rows),
    ("memory-demand", "task"): Effect(MEMORY, MEMORY.replace("flipflop", "sine"), rows),
    ("memory-demand", "parameters"): Effect(MEMORY, f"{MEMORY} -t probability=1", column("mse")),
    ("memory-demand", "history"): Effect(MEMORY, f"{MEMORY} --history 1:4", column("history")),
    ("memory-demand", "inputs_until"): Effect(MEMORY, f"{MEMORY} --inputs-until t-1", column("mse")),
    ("memory-demand", "outputs"): Effect(MEMORY, f"{MEMORY} --outputs none", column("mse")),
    ("memory-demand", "trials"): Effect(MEMORY, f"{MEMORY} --trials 80", column("trials")),
    ("memory-demand", "seeds"): Effect(MEMORY, f"{MEMORY} --seeds 0,4", column("mse")),
    ("memory-demand", "hidden"): Effect(MEMORY, f"{MEMORY} --hidden 5", column("mse")),
    ("memory-demand", "steps"): Effect(MEMORY, f"{MEMORY} --steps 6", column("mse")),
    ("memory-demand", "batch"): Effect(MEMORY, f"{MEMORY} --batch 17", column("mse")),
    ("memory-demand", "lr"): Effect(MEMORY, f"{MEMORY} --lr .001", column("mse")),
    ("memory-demand", "tolerance"): Effect(LEARNED, f"{LEARNED} --tolerance .9", column("h_star"), column("mse")),
    ("memory-demand", "floor"): Effect(LEARNED, f"{LEARNED} --floor 9", column("h_star"), column("mse")),
    ("memory-demand", "bootstrap"): Effect(MEMORY, f"{MEMORY} --bootstrap 99", column("ci_low"), column("mse")),
    ("memory-demand", "seed"): Effect(MEMORY, f"{MEMORY} --seed 1", column("mse")),
    ("memory-demand", "device"): Effect(f"{MEMORY} --device cpu", f"{MEMORY} --device cuda:99", code),
    ("memory-demand", "threads"): Effect(f"{MEMORY} --threads 1", f"{MEMORY} --threads 2", threads, rows),
    ("degeneracy", "comparisons"): Effect(
        f"{DEGENERACY} --summary summary.parquet", f"{PAIRS} --summary summary.parquet", rows
    ),
    ("degeneracy", "summary"): Effect(PAIRS, f"{PAIRS} --summary summary.parquet", rows),
    ("degeneracy", "by"): Effect(
        PAIRS, f"{PAIRS} --by gamma", table_names := lambda done, _: done.table().column_names
    ),
    ("degeneracy", "include_unconverged"): Effect(PAIRS.replace("--include-unconverged", ""), PAIRS, code),
    ("degeneracy", "against"): Effect(GRID, AGAINST, column("p_value"), column("value")),
    ("degeneracy", "permutations"): Effect(
        AGAINST, f"{AGAINST} --permutations 9", column("permutations"), column("difference")
    ),
    ("degeneracy", "bootstrap"): Effect(PAIRS, f"{PAIRS} --bootstrap 50", column("ci_low"), column("se")),
    ("degeneracy", "embed"): Effect(PAIRS, f"{PAIRS} --embed placed.csv", embedded, rows),
    ("degeneracy", "seed"): Effect(
        f"{AGAINST} --permutations 99", f"{AGAINST} --permutations 99 --seed 1", column("p_value"), column("value")
    ),
    ("schur-ablate", "checkpoints"): Effect(SCHUR, f"{SCHUR} current", rows),
    ("schur-ablate", "alpha"): Effect(SCHUR, f"{SCHUR} --alpha 0.4", column("dim_r"), column("fvu_full")),
    ("schur-ablate", "orders"): Effect(SCHUR, f"{SCHUR} --orders 3", column("delta_fvu_order_max"), column("fvu")),
    ("schur-ablate", "controls"): Effect(CONTROLS, f"{CONTROLS} --controls 4", controls, rows),
    ("schur-ablate", "control"): Effect(CONTROLS, f"{CONTROLS} --control entries,rotated", controls, rows),
    ("schur-ablate", "controls_out"): Effect(CONTROLS, CONTROLS.replace("out/c.csv", "out/d.csv"), files, rows),
    ("schur-ablate", "schur"): Effect(SCHUR, f"{SCHUR} --schur out/s.csv", files, rows),
    ("schur-ablate", "schur_rows"): Effect(
        f"{SCHUR} --schur out/s.csv", f"{SCHUR} --schur out/s.csv --schur-rows", grid, rows
    ),
    ("schur-ablate", "epsilon"): Effect(SCHUR, f"{SCHUR} --epsilon 100", stabilisers, column("rollout_distance")),
    ("schur-ablate", "overwrite"): Effect(
        f"{SCHUR} --save out ; {SCHUR} --save out", f"{SCHUR} --save out ; {SCHUR} --save out --overwrite", code
    ),
    ("schur-ablate", "save"): Effect(SCHUR, f"{SCHUR} --save out", files, rows),
    ("schur-ablate", "task"): Effect(SCHUR, f"{SCHUR} --task flipflop -t bits=2", rows),
    ("schur-ablate", "parameters"): Effect(SCHUR, f"{SCHUR} -t steps=3", rows),
    ("schur-ablate", "trials"): Effect(SCHUR, f"{SCHUR} --trials 9", rows),
    ("schur-ablate", "seed"): Effect(CONTROLS, f"{CONTROLS} --seed 1", controls),
    ("schur-ablate", "device"): Effect(f"{SCHUR} --device cpu", f"{SCHUR} --device cuda:99", code),
    ("schur-ablate", "threads"): Effect(f"{SCHUR} --threads 1", f"{SCHUR} --threads 2", threads, rows),
    ("feature-learning", "checkpoints"): Effect(FEATURES, f"{FEATURES} current", rows),
    ("feature-learning", "task"): Effect(FEATURES, f"{FEATURES} --task flipflop -t bits=2", rows),
    ("feature-learning", "parameters"): Effect(FEATURES, f"{FEATURES} -t steps=3", rows),
    ("feature-learning", "trials"): Effect(FEATURES, f"{FEATURES} --trials 3", rows),
    ("feature-learning", "trained"): Effect(
        FEATURES, f"{FEATURES} --parameters all", column("kernel_alignment"), column("representation_alignment")
    ),
    ("feature-learning", "centred"): Effect(
        FEATURES, f"{FEATURES} --centred", column("representation_alignment"), column("kernel_alignment")
    ),
    ("feature-learning", "by"): Effect(FEATURES, f"{FEATURES} --by gamma", table_names),
    ("feature-learning", "memory"): Effect(FEATURES, f"{FEATURES} --memory 1K", code),
    ("feature-learning", "eigenvalues"): Effect(FEATURES, f"{FEATURES} --eigenvalues out/e.csv", files, rows),
    ("feature-learning", "seed"): Effect(FEATURES, f"{FEATURES} --seed 1", rows),
    ("feature-learning", "device"): Effect(f"{FEATURES} --device cpu", f"{FEATURES} --device cuda:99", code),
    ("feature-learning", "threads"): Effect(f"{FEATURES} --threads 1", f"{FEATURES} --threads 2", threads, alignments),
}


EFFECTS |= {
    ("fixedpoints", "checkpoints"): Effect(POINTS, POINTS.replace("switches", "ckpts/flipflop-vanilla-n8-s1"), rows),
    ("fixedpoints", "inputs"): Effect(POINTS, f"{POINTS} --input 1,0", rows),
    ("fixedpoints", "starts"): Effect(POINTS, f"{POINTS} --starts 60", column("starts_share")),
    ("fixedpoints", "slow"): Effect(POINTS, f"{POINTS} --slow", column("kind")),
    ("fixedpoints", "method"): Effect(POINTS, f"{POINTS} --method descent", column("kind")),
    ("fixedpoints", "descent_rate"): Effect(
        f"{POINTS} --method descent", f"{POINTS} --method descent --descent-rate .05", column("speed")
    ),
    ("fixedpoints", "descent_steps"): Effect(
        f"{POINTS} --method descent", f"{POINTS} --method descent --descent-steps 10", column("speed")
    ),
    ("fixedpoints", "history"): Effect(WALKED, f"{WALKED} --history", rows),
    ("fixedpoints", "every"): Effect(f"{WALKED} --history", f"{WALKED} --history --every 9", column("step")),
    ("fixedpoints", "coverage"): Effect(POINTS, f"{POINTS} --coverage placed.csv", embedded, rows),
    ("fixedpoints", "directions"): Effect(
        POINTS, f"{POINTS} --directions", column("unstable_directions"), column("state")
    ),
    ("fixedpoints", "task"): Effect(
        POINTS.replace("--task flipflop -t bits=2", ""), POINTS, column("starts_share"), column("kind")
    ),
    ("fixedpoints", "parameters"): Effect(POINTS, f"{POINTS} -t probability=1", column("starts_share")),
    ("fixedpoints", "seed"): Effect(POINTS, f"{POINTS} --seed 1", column("starts_share"), column("kind")),
    ("fixedpoints", "device"): Effect(f"{POINTS} --device cpu", f"{POINTS} --device cuda:99", code),
    ("fixedpoints", "threads"): Effect(f"{POINTS} --threads 1", f"{POINTS} --threads 2", threads, rows),
}


EFFECTS |= {
    ("plot", "kind"): Effect("plot embedding grid.csv -q", "plot distances grid.csv -q", picture),
    ("plot", "tables"): Effect(DRAWN.replace(" run.parquet -q", " -q"), DRAWN, picture),
    ("plot", "width"): Effect(TRAINED, f"{TRAINED} --width 5", picture),
    ("plot", "height"): Effect(TRAINED, f"{TRAINED} --height 5", picture),
    ("plot", "title"): Effect(TRAINED, f"{TRAINED} --title Losses", picture),
    ("plot", "xlabel"): Effect(TRAINED, f"{TRAINED} --xlabel time", picture),
    ("plot", "ylabel"): Effect(TRAINED, f"{TRAINED} --ylabel error", picture),
    ("plot", "font_size"): Effect(TRAINED, f"{TRAINED} --font-size 6", picture),
    ("plot", "dpi"): Effect(f"{TRAINED} --format png --dpi 50", f"{TRAINED} --format png --dpi 60", picture_size),
    ("plot", "style"): Effect(TRAINED, f"{TRAINED} --style axes.grid=true", picture),
    ("plot", "colour"): Effect(TRAINED, f"{TRAINED} --colour network", picture),
    ("plot", "value"): Effect(TRAINED, f"{TRAINED} --value lr", picture),
    ("plot", "metric"): Effect(VALUES, f"{VALUES} --metric dsa", picture),
    ("plot", "network"): Effect(TRAINED, f"{TRAINED} --network flipflop-vanilla-n8-s1", picture),
    ("plot", "factor"): Effect(VALUES, f"{VALUES} --factor units", picture),
    ("plot", "factor_scale"): Effect(GAMMAS, f"{GAMMAS} --factor-scale log", picture),
    ("plot", "scale"): Effect(TRAINED, f"{TRAINED} --scale linear", picture),
    ("plot", "dims"): Effect(DRAWN, f"{DRAWN} --dims 3", picture),
    ("plot", "trials"): Effect(DRAWN, f"{DRAWN} --trials 2", picture),
    ("plot", "step"): Effect(STEPS, f"{STEPS} --step 0", picture),
}


def page(_: Outcome, folder: Path) -> object:
    """A report but for its own command line, which names every option."""
    return re.sub(
        r"<meta name=\"rnnkit\".*?>|<footer>.*?</footer>", "", (folder / "r.html").read_text(), flags=re.DOTALL
    )


#: Without scripts and pictures where these have no part: a page is then small, and soon made.
PAGE = "report here --static --plots none -o r.html -q"
DRAWN_PAGE = "report here --static --plots training -o r.html -q"

EFFECTS |= {
    ("report", "folder"): Effect(PAGE, PAGE.replace("here", "ckpts"), page),
    ("report", "title"): Effect(PAGE, f"{PAGE} --title Losses", page),
    ("report", "rows"): Effect(PAGE, f"{PAGE} --rows 2", page),
    ("report", "include"): Effect(PAGE, f"{PAGE} --include *.csv", page),
    ("report", "exclude"): Effect(PAGE, f"{PAGE} --exclude *.csv", page),
    ("report", "plots"): Effect(PAGE, DRAWN_PAGE, page),
    ("report", "static"): Effect(PAGE.replace("--static", ""), PAGE, page),
}


def made(_: Outcome, folder: Path) -> object:
    """Names and weights, of native networks in a folder."""
    found = [load_native(path) for path in sorted(folder.glob("out/*.safetensors"))]
    return [
        (n.name, n.architecture, n.task, n.task_parameters, {k: v.tobytes() for k, v in n.weights.items()})
        for n in found
    ]


def cut(_: Outcome, folder: Path) -> object:
    """The table of truncations; threads share sums out."""
    with (folder / "out/c.csv").open() as handle:
        return [(row["trials"], round(float(row["rollout_distance"]), 9)) for row in csv.DictReader(handle)]


OVERLAPS = "overlaps ckpts --rank 1 -q"
CUT = f"{OVERLAPS} --truncations out/c.csv --trials 5"
PLAIN = "overlaps descended -q"
PREDICTED = f"{PLAIN} --theory"


def ends_of_intervals(done: Outcome, _: Path) -> object:
    return [done.table()[name].to_pylist() for name in ("onset_low", "onset_high")]


ONSETS = "onset searched -q"
PATH = "path-dependence courses/aba.safetensors -q"
WALKED = "weight-updates walked -q"
FOUND = f"{WALKED} --events"
ENDED = f"{FOUND} --onsets onsets.csv"
BESIDE = f"{FOUND} --sides out/s.csv"
TWIN = "twin low --copies 1 -o out -q"
TABLED = "twin --overlaps gram.csv --network a --step 0 -o out -q"
SAMPLED = "sample-gram --overlaps gram.csv --network a --step 0 --units 12 -o out -q"
STARTED = "sample-gram --start random --units 12 -o out -q"

EFFECTS |= {
    ("overlaps", "checkpoints"): Effect(OVERLAPS, f"{OVERLAPS} current", rows),
    ("overlaps", "rank"): Effect(OVERLAPS, f"{OVERLAPS} --rank 1,2", rows),
    ("overlaps", "history"): Effect(OVERLAPS, f"{OVERLAPS} --history", rows),
    ("overlaps", "initial"): Effect(OVERLAPS, f"{OVERLAPS} --initial", rows),
    ("overlaps", "truncations"): Effect(OVERLAPS, CUT, files, rows),
    ("overlaps", "theory"): Effect(PLAIN, PREDICTED, rows),
    ("overlaps", "motion"): Effect(PREDICTED, f"{PREDICTED} --motion descent,flow", rows),
    ("overlaps", "conserved"): Effect(PLAIN, f"{PLAIN} --conserved out/c.csv", files, rows),
    ("overlaps", "gram"): Effect(PLAIN, f"{PLAIN} --gram out/g.csv", files, rows),
    ("overlaps", "task"): Effect(CUT, f"{CUT} --task flipflop -t bits=2", cut, rows),
    ("overlaps", "parameters"): Effect(CUT, f"{CUT} -t probability=1", cut, rows),
    ("overlaps", "inputs"): Effect(CUT, f"{CUT.replace('--trials 5', '')} --inputs inputs.npz", cut, rows),
    ("overlaps", "trials"): Effect(CUT, f"{CUT} --trials 6", cut, rows),
    ("overlaps", "seed"): Effect(CUT, f"{CUT} --seed 1", cut, rows),
    ("overlaps", "ood"): Effect(CUT, f"{CUT} --ood", cut, rows),
    ("overlaps", "device"): Effect(f"{OVERLAPS} --device cpu", f"{OVERLAPS} --device cuda:99", code),
    ("overlaps", "threads"): Effect(f"{CUT} --threads 1", f"{CUT} --threads 2", threads, rows),
    ("onset", "checkpoints"): Effect(ONSETS, f"{ONSETS} searched/learns.safetensors".replace(" searched ", " "), rows),
    ("onset", "criterion"): Effect(ONSETS, f"{ONSETS} --criterion threshold=.05", rows),
    ("onset", "metric"): Effect(
        f"{ONSETS} --criterion threshold=.1", f"{ONSETS} --criterion threshold=.1 --metric accuracy", column("onset")
    ),
    ("onset", "level"): Effect(ONSETS, f"{ONSETS} --level .1", column("crossing")),
    ("onset", "phase"): Effect("onset phased -q", "onset phased -q --phase 2", column("onset")),
    ("onset", "bootstrap"): Effect(ONSETS, f"{ONSETS} --bootstrap 0", column("onset_low"), column("onset")),
    ("onset", "training"): Effect(ONSETS, f"{ONSETS} --training searched/other.parquet", column("onset")),
    ("onset", "seed"): Effect(
        f"{ONSETS} --bootstrap 3", f"{ONSETS} --bootstrap 3 --seed 1", ends_of_intervals, column("onset")
    ),
    ("path-dependence", "checkpoints"): Effect(PATH, f"{PATH} courses/aaa.safetensors", rows),
    ("path-dependence", "connection"): Effect(PATH, f"{PATH} --connection out/c.csv", files, rows),
    ("weight-updates", "checkpoints"): Effect(WALKED, f"{WALKED} ckpts", rows),
    ("weight-updates", "correlation"): Effect(WALKED, f"{WALKED} --correlation out/c.csv", files, rows),
    ("weight-updates", "onsets"): Effect(FOUND, ENDED, rows),
    ("weight-updates", "align"): Effect(f"{ENDED} --align onset", f"{ENDED} --align crossing", rows),
    ("weight-updates", "events"): Effect(WALKED, FOUND, rows),
    ("weight-updates", "window"): Effect(FOUND, f"{FOUND} --window 10", rows),
    ("weight-updates", "threshold"): Effect(FOUND, f"{FOUND} --threshold 100", rows),
    ("weight-updates", "merge"): Effect(FOUND, f"{FOUND} --merge 60", rows),
    ("weight-updates", "margin"): Effect(BESIDE, f"{BESIDE} --margin 5", beside, rows),
    ("weight-updates", "sustained"): Effect(FOUND, f"{FOUND} --sustained 0", rows),
    ("weight-updates", "sides"): Effect(FOUND, BESIDE, files, rows),
    ("weight-updates", "around"): Effect(BESIDE, f"{BESIDE} --around 20", beside, rows),
    ("weight-updates", "before"): Effect(BESIDE, f"{BESIDE} --before 50,90", beside, rows),
    ("weight-updates", "after"): Effect(BESIDE, f"{BESIDE} --after 50,90", beside, rows),
    ("twin", "checkpoints"): Effect(TWIN, f"{TWIN} low/a.safetensors".replace(" low ", " "), files),
    ("twin", "overlaps"): Effect(TWIN, TABLED, made),
    ("twin", "network"): Effect(TABLED, TABLED.replace("--network a", "--network b"), made),
    ("twin", "step"): Effect(TABLED, TABLED.replace("--step 0", "--step 5"), made),
    ("twin", "alpha"): Effect(TABLED, f"{TABLED} --alpha .5", made),
    ("twin", "nonlinearity"): Effect(TABLED, f"{TABLED} --nonlinearity identity", made),
    ("twin", "rank"): Effect(TWIN, f"{TWIN} --rank 1", made),
    ("twin", "initial"): Effect(TWIN, f"{TWIN} --initial", made),
    ("twin", "copies"): Effect(TWIN, f"{TWIN} --copies 2", files),
    ("twin", "spread"): Effect(TWIN, f"{TWIN} --spread 2", made),
    ("twin", "units"): Effect(TWIN, f"{TWIN} --units 30", made),
    ("twin", "quasi"): Effect(TWIN, f"{TWIN} --quasi", made),
    ("twin", "seed"): Effect(TWIN, f"{TWIN} --seed 1", made),
    ("twin", "overwrite"): Effect(f"{TWIN} ; {TWIN}", f"{TWIN} ; {TWIN} --overwrite", code),
    ("sample-gram", "overlaps"): Effect(STARTED, SAMPLED, made),
    ("sample-gram", "network"): Effect(SAMPLED, SAMPLED.replace("--network a", "--network b"), made),
    ("sample-gram", "step"): Effect(SAMPLED, SAMPLED.replace("--step 0", "--step 5"), made),
    ("sample-gram", "start"): Effect(STARTED, STARTED.replace("random", "independent"), made),
    ("sample-gram", "inputs"): Effect(STARTED, f"{STARTED} --inputs 2", made),
    ("sample-gram", "rank"): Effect(STARTED, f"{STARTED} --rank 2", made),
    ("sample-gram", "outputs"): Effect(STARTED, f"{STARTED} --outputs 2", made),
    ("sample-gram", "units"): Effect(STARTED, f"{STARTED} --units 12,13", files),
    ("sample-gram", "seeds"): Effect(STARTED, f"{STARTED} --seeds 0,4", files),
    ("sample-gram", "alpha"): Effect(STARTED, f"{STARTED} --alpha .5", made),
    ("sample-gram", "nonlinearity"): Effect(STARTED, f"{STARTED} --nonlinearity identity", made),
    ("sample-gram", "quasi"): Effect(STARTED, f"{STARTED} --quasi", made),
    ("sample-gram", "task"): Effect(STARTED, f"{STARTED} --task filter", made),
    ("sample-gram", "parameters"): Effect(f"{STARTED} --task filter", f"{STARTED} --task filter -t gain=2", made),
    ("sample-gram", "overwrite"): Effect(f"{STARTED} ; {STARTED}", f"{STARTED} ; {STARTED} --overwrite", code),
}


FREEZE = "freeze-in --units 20 --cues 2 --epochs 2 --free-steps 20 --seeds 0 --certify none -q"
#: Whatever moves counts as settled.
LAX = f"{FREEZE} --still 1"
FROZEN = f"{FREEZE} --save out"

EFFECTS |= {
    ("freeze-in", "units"): Effect(FREEZE, f"{FREEZE} --units 21", column("rms")),
    ("freeze-in", "cues"): Effect(FREEZE, f"{FREEZE} --cues 3", column("cue")),
    ("freeze-in", "gain"): Effect(FREEZE, f"{FREEZE} --gain 1.2", column("rms")),
    ("freeze-in", "alpha"): Effect(FREEZE, f"{FREEZE} --alpha .2", column("rms")),
    ("freeze-in", "rate"): Effect(FREEZE, f"{FREEZE} --rate .01", column("weight_change")),
    ("freeze-in", "amplitude"): Effect(FREEZE, f"{FREEZE} --amplitude 1", column("rms")),
    ("freeze-in", "cue_steps"): Effect(FREEZE, f"{FREEZE} --cue-steps 9", column("rms")),
    ("freeze-in", "plastic_steps"): Effect(FREEZE, f"{FREEZE} --plastic-steps 9", column("weight_change")),
    ("freeze-in", "epochs"): Effect(FREEZE, f"{FREEZE} --epochs 3", column("epoch")),
    ("freeze-in", "noise"): Effect(FREEZE, f"{FREEZE} --noise .3", column("weight_change")),
    ("freeze-in", "plastic"): Effect(FREEZE, f"{FREEZE} --plastic during", column("weight_change")),
    ("freeze-in", "carry"): Effect(FREEZE, f"{FREEZE} --carry", column("weight_change")),
    ("freeze-in", "seeds"): Effect(FREEZE, f"{FREEZE} --seeds 0,4", column("network")),
    ("freeze-in", "probe_every"): Effect(FREEZE, f"{FREEZE} --probe-every 2", column("epoch")),
    ("freeze-in", "free_steps"): Effect(FREEZE, f"{FREEZE} --free-steps 30", column("rms"), column("weight_change")),
    ("freeze-in", "still"): Effect(FREEZE, LAX, column("settled"), column("speed")),
    ("freeze-in", "apart"): Effect(LAX, f"{LAX} --apart 1", column("point"), column("settled")),
    ("freeze-in", "certify"): Effect(LAX, f"{LAX} --certify last", column("certified"), column("point")),
    ("freeze-in", "save"): Effect(FREEZE, FROZEN, files, rows),
    ("freeze-in", "overwrite"): Effect(f"{FROZEN} ; {FROZEN}", f"{FROZEN} ; {FROZEN} --overwrite", code),
    ("freeze-in", "threads"): Effect(f"{FREEZE} --threads 1", f"{FREEZE} --threads 2", threads, rows),
}

RAMPS = "ramping ckpts --trials 5 -q"
DECODED = "decode ckpts --fit-trials 40 --test-trials 9 -q"
SOUNDS = "spectrum ckpts --trials 3 -q"

EFFECTS |= {
    (name, option): Effect(line, f"{line} {more}", see, same)
    for name, line, group in (("ramping", RAMPS, "group"), ("decode", DECODED, "units"), ("spectrum", SOUNDS, "group"))
    for option, more, see, same in (
        ("checkpoints", "current", rows, None),
        ("task", "--task flipflop -t bits=2", rows, None),
        ("parameters", "-t probability=1", rows, None),
        ("history", "--history", rows, None),
        ("initial", "--initial", rows, None),
        ("memory_units", "--memory-units 3", column(group), None),
        ("seed", "--seed 1", rows, None),
    )
}
EFFECTS |= {
    ("ramping", "window"): Effect(RAMPS, f"{RAMPS} --window 0:5", column("slope"), column("peak")),
    ("ramping", "min_slope"): Effect(
        f"{RAMPS} --min-r2 0", f"{RAMPS} --min-r2 0 --min-slope 9", column("ramping"), column("slope")
    ),
    ("ramping", "min_r2"): Effect(
        f"{RAMPS} --min-slope 0", f"{RAMPS} --min-slope 0 --min-r2 0", column("ramping"), column("slope")
    ),
    ("ramping", "summary"): Effect(RAMPS, f"{RAMPS} --summary", table_names),
    ("ramping", "trials"): Effect(RAMPS, f"{RAMPS} --trials 6", column("slope")),
    ("decode", "fit_trials"): Effect(DECODED, f"{DECODED} --fit-trials 50", column("r2_fit")),
    ("decode", "test_trials"): Effect(DECODED, f"{DECODED} --test-trials 8", column("mse"), column("r2_fit")),
    ("decode", "noise"): Effect(DECODED, f"{DECODED} --noise .5", column("r2")),
    ("spectrum", "summary"): Effect(SOUNDS, f"{SOUNDS} --summary", table_names),
    ("spectrum", "trials"): Effect(SOUNDS, f"{SOUNDS} --trials 4", column("frequency")),
    **{
        (name, "device"): Effect(f"{line} --device cpu", f"{line} --device cuda:99", code)
        for name, line in (("ramping", RAMPS), ("decode", DECODED), ("spectrum", SOUNDS))
    },
    **{
        (name, "threads"): Effect(f"{line} --threads 1", f"{line} --threads 2", threads, rows)
        for name, line in (("ramping", RAMPS), ("decode", DECODED), ("spectrum", SOUNDS))
    },
}


def options() -> set[tuple[str, str]]:
    return {(name, option.name) for name, command in COMMANDS.items() for option in command.params}


def test_every_option_is_tested():
    folders = {(name, "out") for name in ("train", "import", "export", "twin", "sample-gram")}
    tested = set(EFFECTS) | folders
    assert {(name, option) for name, option in options() if option not in CONTRACT} == set(EFFECTS) - folders
    assert tested <= options()


@pytest.fixture(scope="module")
def current(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("current") / "current"
    assert run_cli("train", *QUICK, "--model", "current", "--seeds", "0:2", "-o", folder, "-q").code == 0
    return folder


def grid() -> str:
    """Distances in two groups of six networks, as a text table."""
    head = "a,b,metric,gamma,distance,lower_bound,status,starts,starts_at_best,seconds,level,"
    lines = [f"{head}relative_distance,per_parameter,size_a,size_b,converged"]
    rng = np.random.default_rng(0)
    for gamma in (1, 2):
        place = rng.normal(size=(6, 3))
        for i in range(6):
            for j in range(i + 1, 6):
                distance = np.linalg.norm(place[i] - place[j])
                lines.append(f"g{gamma}n{i},g{gamma}n{j},dsa,{gamma},{distance},,converged,,,0,dynamics,,,,,true")
    return "\n".join(lines) + "\n"


def degeneracies() -> str:
    """Mean distances over a grid of two factors, as a text table."""
    lines = ["level,metric,gamma,units,value,se,ci_low,ci_high,networks,pairs,status"]
    lines += [
        f"{level},{metric},{g},{n},{g * n / 64},0.1,{g * n / 64 - 0.2},{g * n / 64 + 0.2},8,28,ok"
        for level, metric in (("dynamics", "dsa"), ("weights", "pif"))
        for g in (1, 2)
        for n in (32, 64)
    ]
    return "\n".join(lines) + "\n"


LATENT = "latent rank-one -q"
SINCE = f"{LATENT} --history --align onset --onsets onsets.parquet"

EFFECTS |= {
    ("latent", "checkpoints"): Effect(LATENT, "latent rank-one/a.safetensors -q", rows),
    ("latent", "history"): Effect(LATENT, f"{LATENT} --history", rows),
    ("latent", "grid"): Effect(LATENT, f"{LATENT} --grid 20", column("flatness")),
    ("latent", "range_"): Effect(LATENT, f"{LATENT} --range -1,1", column("flatness")),
    ("latent", "constant"): Effect(LATENT, f"{LATENT} --input .5,0", column("roots")),
    ("latent", "threshold"): Effect(LATENT, f"{LATENT} --threshold .5", column("flatness"), column("roots")),
    ("latent", "task_range"): Effect(
        LATENT, f"{LATENT} --task-range -2,0", column("flatness_range"), column("flatness")
    ),
    ("latent", "flow"): Effect(LATENT, f"{LATENT} --flow out/f.csv", files, rows),
    ("latent", "align"): Effect(SINCE, SINCE.replace("onset --", "crossing --"), column("relative_step")),
    ("latent", "onsets"): Effect(SINCE, SINCE.replace("onsets.parquet", "later.parquet"), column("relative_step")),
}


@pytest.fixture(scope="module")
def rank_one(tmp_path_factory) -> Path:
    """Two networks of rank one with snapshots, and when their searches ended."""
    return fill_rank_one(tmp_path_factory.mktemp("latent") / "rank-one")


def ends(later: int) -> pa.Table:
    """An `onsets` table of the two."""
    held = {"criterion": "hinge", "chance": 1.0, "onset": 5 + later, "crossing": 9 + later, "relapses": 0}
    held |= {"censored": False, "evaluations": 20, "steps_per_epoch": 5, "status": "ok"}
    return build("onsets", [held | {"network": name} for name in "ab"])


@pytest.fixture(scope="module")
def low(tmp_path_factory) -> Path:
    """Two low-rank networks of rank 2, with their weights before training."""
    folder = tmp_path_factory.mktemp("low") / "low"
    folder.mkdir()
    rng = np.random.default_rng(0)
    shape = Architecture(family="lowrank", units=10, inputs=1, outputs=1, rank=2, bias=False)
    for name in "ab":
        held = [
            {k: rng.normal(size=size) for k, size in shape.shapes().items() if k != "initial_state"} for _ in range(2)
        ]
        save_native(Checkpoint(name, shape, *held), folder / f"{name}.safetensors")
    return folder


@pytest.fixture(scope="module")
def descended(tmp_path_factory) -> Path:
    """A low-rank network trained as the theory has it."""
    folder = tmp_path_factory.mktemp("descended") / "descended"
    line = ["train", "overlaps/filter", "-t", "steps=20", "--units", 20, "--epochs", 2, "--validation-trials", 1]
    assert run_cli(*line, "--seeds", 0, "-o", folder, "-q").code == 0
    return folder


@pytest.fixture(scope="module")
def courses(tmp_path_factory) -> Path:
    """A network that returned to its first task, and its control."""
    folder = tmp_path_factory.mktemp("courses") / "courses"
    for name in ("ABA", "AAA"):
        save_course(folder, name.lower(), name, length=200, every=50)
    return folder


@pytest.fixture(scope="module")
def searches(tmp_path_factory) -> Path:
    """Networks whose search ended and did not; one trained in phases."""
    root = tmp_path_factory.mktemp("searches")
    fill(root / "searched")
    fill_phased(root / "phased")
    return root


@pytest.fixture(scope="module")
def walked(tmp_path_factory) -> Path:
    """A network whose training had two events, and a spike that was none."""
    folder = tmp_path_factory.mktemp("walked") / "walked"
    folder.mkdir()
    save_walk(folder, course())
    return folder


def onsets() -> str:
    """The end of its search phase, at the second event, as a text table."""
    names = ",".join(column.name for column in get_schema("onsets").columns)
    held = {"network": "net", "onset": 1080, "onset_low": 1050, "crossing": 1105, "censored": "false", "status": "ok"}
    held |= {
        "criterion": "hinge",
        "relapses": 0,
        "evaluations": 9,
        "steps_per_epoch": 50,
        "chance": 1,
        "search_steps": 1,
    }
    return f"{names}\n{','.join(str(held.get(name, '')) for name in names.split(','))}\n"


def gram() -> str:
    """Overlaps of two networks at two steps, as a text table."""
    lines = ["network,step,left,right,value"]
    for k, (network, step) in enumerate((n, s) for n in "ab" for s in (0, 5)):
        names = Layout(inputs=1, rank=1, outputs=1).names
        pairs = [(a, b) for i, a in enumerate(names) for b in names[i:]]
        lines += [f"{network},{step},{a},{b},{1.0 + k if a == b else 0.1}" for a, b in pairs]
    return "\n".join(lines) + "\n"


def switches() -> dict[str, np.ndarray]:
    """Two switches with an input each, and a unit with a ghost: nine fixed points, and slow ones."""
    fold = 0.5**0.5
    bias = np.array([0.01, -0.02, -1e-3 - (2 * fold - np.arctanh(fold))])
    held = {"weight_ih_l0": np.eye(3, 2), "weight_hh_l0": 2 * np.eye(3), "bias_ih_l0": bias, "bias_hh_l0": 0 * bias}
    state = {f"rnn.{name}": value for name, value in held.items()}
    return state | {"out.weight": np.eye(2, 3), "out.bias": np.zeros(2)}


@pytest.fixture
def desk(ensemble, tables, current, low, descended, courses, searches, walked, rank_one, tmp_path, monkeypatch) -> Path:
    (tmp_path / "ckpts").symlink_to(ensemble)
    (tmp_path / "current").symlink_to(current)
    (tmp_path / "low").symlink_to(low)
    (tmp_path / "descended").symlink_to(descended)
    (tmp_path / "courses").symlink_to(courses)
    (tmp_path / "rank-one").symlink_to(rank_one)
    pq.write_table(ends(0), tmp_path / "onsets.parquet")
    pq.write_table(ends(2), tmp_path / "later.parquet")
    for name in ("searched", "phased"):
        (tmp_path / name).symlink_to(searches / name)
    (tmp_path / "walked").symlink_to(walked)
    (tmp_path / "onsets.csv").write_text(onsets())
    (tmp_path / "gram.csv").write_text(gram())
    for path in tables.iterdir():
        (tmp_path / path.name).symlink_to(path)
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "inputs.npz", rng.normal(size=(4, 9, 2)))
    (tmp_path / "grid.csv").write_text(grid())
    (tmp_path / "values.csv").write_text(degeneracies())
    (tmp_path / "here").mkdir()
    shutil.copy(ensemble / "training.parquet", tmp_path / "here")
    (tmp_path / "here" / "values.csv").write_text(degeneracies())
    state = {"rnn.weight_ih_l0": torch.ones(3, 1), "rnn.weight_hh_l0": torch.arange(9.0).reshape(3, 3)}
    state["out.weight"] = torch.ones(1, 3)
    torch.save(state, tmp_path / "net.pt")
    torch.save({name: 2 * value for name, value in state.items()}, tmp_path / "before.pt")
    arrays = {"W": np.arange(9.0).reshape(3, 3), "U": np.ones((3, 1)), "R": np.ones((1, 3)), "S": np.zeros((1, 3))}
    np.savez(tmp_path / "net.npz", **arrays)
    save_file(switches(), tmp_path / "switches.safetensors")
    (tmp_path / "settings.toml").write_text('units = 8\nlr = 0.05\n[t]\nstart = "pulse"\nbits = 1\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(line: str, folder: Path, name: str) -> tuple[Outcome, Path]:
    """Run the lines, separated by `;`, in a folder of their own."""
    own = folder / name
    own.mkdir()
    for path in folder.iterdir():
        if path != own and not path.name.startswith("run-"):
            (own / path.name).symlink_to(path)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(own)
        for part in line.split(" ; "):
            done = run_cli(*part.split())
    (own / "children").write_text(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before))
    (own / "threads").write_text(str(torch.get_num_threads()))
    return done, own


@pytest.mark.parametrize("key", EFFECTS, ids=" ".join)
def test_the_option_has_an_effect(key, desk):
    if key == ("compare", "solver"):
        pytest.importorskip("procrustes")
    effect = EFFECTS[key]
    without, given = run(effect.without, desk, "run-without"), run(effect.given, desk, "run-given")
    if effect.see is not code:
        assert {without[0].code, given[0].code} <= {0, 1}, (without[0].err, given[0].err)
    assert effect.see(*without) != effect.see(*given)
    if effect.same is not None:
        assert effect.same(*without) == effect.same(*given)


def test_where_a_folder_goes(desk):
    for line, made in (
        (TRAIN.replace("-o out", "--out there"), "training.parquet"),
        ("import net.pt -o there -q", "net.safetensors"),
        ("export ckpts --to npz -o there -q", "flipflop-vanilla-n8-s0.npz"),
    ):
        assert run_cli(*line.split()).code == 0
        assert (desk / "there" / made).is_file()


def test_the_command_line_wins_over_the_configuration(desk):
    (desk / "c.toml").write_text(
        'seeds = [0, 3]\nunits = 5\nsteps-per-epoch = 2\nepochs = 1\nbatch = 3\nvary = "gamma=1,2"\n'
        "validation_trials = 4\no = 'there'\nlr = 0.5\n[t]\nbits = 2\nsteps = 7\nstart = 'pulse'\n"
    )
    assert run_cli("train", "--config", "c.toml", "-t", "bits=1", "--units", 6, "-q").code == 0
    found = [load_native(path) for path in sorted((desk / "there").glob("*.safetensors"))]
    assert [n.name for n in found] == [f"flipflop-vanilla-n6-gamma{g}-s{s}" for g in (1, 2) for s in (0, 3)]
    assert found[0].task_parameters == {"bits": 1, "probability": 0.3, "steps": 7, "start": "pulse"}
    assert (found[0].training["lr"], found[0].training["batch"], found[0].training["epochs"]) == (0.5, 3, 1)
    table = pq.read_table(desk / "there" / "training.parquet")
    assert list(json.loads(table.schema.metadata[b"rnnkit"])["inputs"]) == ["c.toml"]


def test_inputs_from_standard_input(desk):
    sample = run_cli("sample", "flipflop", "-t", "bits=2", "-t", "steps=6", "--trials", 4).out
    table = run_cli(*ROLLOUT.split(), "--inputs", "-", stdin=sample).table()
    assert table.num_rows == 3 * 4 * 6
    (desk / "sample.jsonl").write_bytes(
        run_cli("sample", "flipflop", "-t", "bits=2", "-t", "steps=6", "--trials", 4, "--format", "jsonl").out
    )
    assert run_cli(*ROLLOUT.split(), "--inputs", "sample.jsonl").table().equals(table)
    again = run_cli(*ROLLOUT.split(), "--inputs", "-", stdin=run_cli(*ROLLOUT.split(), "--inputs", "sample.jsonl").out)
    assert again.table().equals(table)
    shown = run_cli("info", "-", stdin=sample).out.decode()
    assert "sample table, 24 rows" in shown


def test_inputs_of_one_trial(desk):
    sample = run_cli("sample", "flipflop", "-t", "bits=2", "-t", "steps=6", "--trials", 1).out
    assert run_cli(*ROLLOUT.split(), "--inputs", "-", stdin=sample).table().num_rows == 3 * 6

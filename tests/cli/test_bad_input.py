"""Bad input: one line that names what is wrong and how to mend it, exit code 2, nothing written."""

import re
import shutil
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import torch

from rnnkit.architectures import Architecture
from rnnkit.checkpoints import Checkpoint, save_native
from rnnkit.cli.main import app
from rnnkit.journal import Journal
from rnnkit.tables import build
from tests.conftest import QUICK, edit_weights, folder_state, run_cli
from tests.plots import planted

NETWORK = "ckpts/flipflop-vanilla-n8-s0.safetensors"


class Object:
    """What no file may bring into being."""


def truncate(path: Path, share: float) -> None:
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])


def flip(path: Path, place: float) -> None:
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= 4
    path.write_bytes(data)


def drop_column(source: Path, target: Path, column: str) -> None:
    table = pq.read_table(source)
    pq.write_table(table.drop_columns([column]).replace_schema_metadata(table.schema.metadata), target)


def retype(source: Path, target: Path, column: str, values: object) -> None:
    table = pq.read_table(source)
    place = table.column_names.index(column)
    pq.write_table(table.set_column(place, column, pa.array([values] * table.num_rows)), target)


@cache
def other_networks() -> dict[str, bytes]:
    """Networks of other inputs, and of no task."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        assert run_cli("train", *QUICK, "--epochs", 1, "-t", "bits=3", "--seeds", 0, "-o", root / "three").code == 2
        words = [word if word != "bits=2" else "bits=3" for word in QUICK]
        assert run_cli("train", *words, "--seeds", 0, "-o", root / "three", "-q").code == 0
        state = {"rnn.weight_ih_l0": torch.zeros(4, 2), "rnn.weight_hh_l0": torch.zeros(4, 4)}
        torch.save(state, root / "plain.pt")
        assert run_cli("import", root / "plain.pt", "-o", root / "plain", "-q").code == 0
        return {path.name: path.read_bytes() for path in root.rglob("*.safetensors")}


@cache
def gru_network() -> bytes:
    """A network with gates."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        words = ["--model", "gru", "--seeds", 0, "-o", folder, "-q"]
        assert run_cli("train", *QUICK, *words).code == 0
        return next(Path(folder).glob("*.safetensors")).read_bytes()


@pytest.fixture
def desk(ensemble, tables, tmp_path, monkeypatch) -> Path:
    """A folder with sound networks in `ckpts/`, sound tables, and every kind of bad file."""
    shutil.copytree(ensemble, tmp_path / "ckpts")
    for path in tables.iterdir():
        shutil.copy(path, tmp_path)
    bad = tmp_path / "bad"
    bad.mkdir()
    (tmp_path / "empty").mkdir()
    for name, make in {"cut": lambda p: truncate(p, 0.6), "flipped": lambda p: flip(p, 0.8)}.items():
        shutil.copy(tmp_path / NETWORK, bad / f"{name}.safetensors")
        make(bad / f"{name}.safetensors")
    shutil.copy(tmp_path / NETWORK, bad / "header.safetensors")
    flip(bad / "header.safetensors", 0.1)
    (bad / "zero.safetensors").write_bytes(b"")
    (bad / "huge.safetensors").write_bytes(struct.pack("<Q", 2**62) + b"{}")
    shape = Architecture(family="leaky", units=4, inputs=2, outputs=1, rank=1, readout="latent", bias=False)
    held = {name: np.ones(size) for name, size in shape.shapes().items() if name != "initial_state"}
    save_native(Checkpoint("thin", shape, held), tmp_path / "thin.safetensors")
    broken = held | {"recurrent.left": np.full((4, 1), np.nan)}
    save_native(Checkpoint("thin-nan", shape, broken), bad / "thin-nan.safetensors")
    edit_weights(tmp_path / NETWORK, bad / "nan.safetensors", lambda w: w["recurrent.weight"].fill(np.nan))
    three = other_networks()
    (bad / "three.safetensors").write_bytes(three["flipflop-vanilla-n8-s0.safetensors"])
    (bad / "taskless.safetensors").write_bytes(three["plain.safetensors"])
    (bad / "gru.safetensors").write_bytes(gru_network())
    (tmp_path / "clash").mkdir()
    for name in ("a", "a-CR"):
        shutil.copy(tmp_path / NETWORK, tmp_path / "clash" / f"{name}.safetensors")
    (bad / "empty.pt").write_bytes(b"")
    torch.save(Object(), bad / "object.pt")
    torch.save({"weights": torch.zeros(3)}, bad / "vector.pt")
    torch.save({"rnn.weight_ih_l0": torch.zeros(4, 2), "rnn.weight_hh_l0": torch.zeros(4, 5)}, bad / "shape.pt")
    good = {"rnn.weight_ih_l0": torch.zeros(4, 2), "rnn.weight_hh_l0": torch.zeros(4, 4)}
    torch.save(good, tmp_path / "good.pt")
    torch.save({name: torch.zeros(3, value.shape[1]) for name, value in good.items()}, bad / "initial.pt")
    np.savez(tmp_path / "arrays.npz", W=np.eye(3), U=np.ones((3, 2)), R=np.ones((1, 3)))
    np.savez(bad / "objects.npz", inputs=np.array([{}], dtype=object))
    np.savez(bad / "flat.npz", inputs=np.zeros((3, 4)))
    np.savez(bad / "nan.npz", inputs=np.full((2, 3, 2), np.nan))
    np.savez(bad / "large.npz", inputs=np.full((2, 3, 2), 1e300))
    np.savez(bad / "five.npz", inputs=np.zeros((2, 3, 5)))
    np.savez(bad / "two.npz", a=np.zeros((2, 3, 2)), b=np.zeros((2, 3, 2)))
    np.savez(bad / "text.npz", inputs=np.full((2, 3, 2), "x"))
    np.savez(tmp_path / "two.npz", a=np.ones((2, 8, 2)), b=np.ones((2, 8, 3)))
    journal = Journal(tmp_path / "cut.csv.part")
    journal.begin({"run": {"version": "0"}, "state": {}})
    journal.add(0, [])
    journal.close()
    (tmp_path / "odd.csv.part").write_text("a,b\n")
    (tmp_path / "pairs.csv").write_text(
        "a,b,metric,distance,lower_bound,status,starts,starts_at_best,seconds,level,relative_distance,per_parameter,"
        "size_a,size_b,converged\nx,y,pif,1,0,converged,1,1,1,weights,1,1,2,2,true\n"
    )
    np.save(bad / "bare.npy", np.zeros((2, 3, 2)))
    for name in ("comparisons", "summary", "sample"):
        shutil.copy(tmp_path / f"{name}.parquet", bad / f"{name}-cut.parquet")
        truncate(bad / f"{name}-cut.parquet", 0.7)
        shutil.copy(tmp_path / f"{name}.parquet", bad / f"{name}-flipped.parquet")
        flip(bad / f"{name}-flipped.parquet", 0.02)
    drop_column(tmp_path / "comparisons.parquet", bad / "no-distance.parquet", "distance")
    drop_column(tmp_path / "summary.parquet", bad / "no-loss.parquet", "loss")
    drop_column(tmp_path / "sample.parquet", bad / "no-input.parquet", "input")
    retype(tmp_path / "comparisons.parquet", bad / "text-distance.parquet", "distance", "far")
    retype(tmp_path / "comparisons.parquet", bad / "null-a.parquet", "a", None)
    retype(tmp_path / "comparisons.parquet", bad / "same-pair.parquet", "b", "x")
    retype(tmp_path / "summary.parquet", bad / "same-network.parquet", "network", "x")
    retype(tmp_path / "ckpts/training.parquet", bad / "null-epoch.parquet", "epoch", None)
    shutil.copy(tmp_path / "ckpts/training.parquet", bad / "training-cut.parquet")
    truncate(bad / "training-cut.parquet", 0.7)
    retype(tmp_path / "summary.parquet", bad / "no-ood.parquet", "condition", "train")
    pyarrow.csv.write_csv(planted.schur(1, whole=False).drop_columns(["rows"]), tmp_path / "blocks.csv")
    moved = [row | {"weight_change_norm": 0.0} for row in planted.feature_learning(2, gamma=["0", "1"]).to_pylist()]
    pyarrow.csv.write_csv(build("feature_learning", moved, ["gamma"]), tmp_path / "features.csv")
    pyarrow.csv.write_csv(planted.overlaps(2), tmp_path / "history.csv")
    onset = {"network": "other", "criterion": "hinge", "relapses": 0, "censored": False, "status": "ok"}
    onset |= {"evaluations": 5, "steps_per_epoch": 10}
    pyarrow.csv.write_csv(build("onsets", [onset]), tmp_path / "onsets.csv")
    pyarrow.csv.write_csv(planted.overlap_theory(2), tmp_path / "theory.csv")
    pq.write_table(planted.path_dependence(2), tmp_path / "paths.parquet")
    for name, line in {"gram": "u,v,.5", "bad/indefinite": "u,v,2", "bad/lacking": "m,z,.1"}.items():
        text = "left,right,value\nm,m,1\nu,u,1\nv,v,1\nz,z,1\nm,u,0\nm,v,0\nu,z,0\n"
        text += "m,z,0\nv,z,0\n" if not name.endswith("lacking") else "u,v,.1\n"
        (tmp_path / f"{name}.csv").write_text(f"{text}{line}\n")
    (bad / "text.csv").write_text("a,b,metric\n1\n")
    (bad / "wrong.csv").write_text("trial,step,input,target,mask\n0,zero,[1],[1],1\n")
    (bad / "list.csv").write_text('trial,step,input,target,mask\n0,0,"[1,",[1],1\n')
    (bad / "lines.jsonl").write_text("[1, 2]\n")
    (bad / "twice.csv").write_text("network,network\n1,2\n")
    (bad / "twice-below.csv").write_text("\nnetwork,network\n1,2\n")
    (bad / "broken.toml").write_text("units = \n")
    (bad / "unknown.toml").write_text("unitz = 3\n")
    (bad / "fraction.toml").write_text("units = 8.5\n")
    (bad / "task.toml").write_text("[t]\nbitz = 3\n")
    (bad / "phase.toml").write_text('protocol = ["A", "B"]\n[phase.C]\nsteps = 5\n')
    (bad / "list.toml").write_text("lr = [1, 2]\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@dataclass(frozen=True)
class Case:
    """A command line, and what its one line of error must hold."""

    line: str
    names: str
    says: str = ""
    stdin: bytes = b""

    def __str__(self) -> str:
        return self.line


TRAIN = "train -o new --units 8 --batch 4 --epochs 1 --steps-per-epoch 1 --seeds 0:2 -t steps=5"
CKPT_COMMANDS = {
    "info {} -o new.csv": "info",
    "export {} --to npz -o new": "export",
    "rollout {} -o new.csv": "rollout",
    "compare {} ckpts -o new.csv": "compare",
    "schur-ablate {} ckpts -o new.csv --save new": "schur-ablate",
    "feature-learning {} -o new.csv": "feature-learning",
    "fixedpoints {} -o new.csv": "fixedpoints",
    "overlaps {} --rank 1 -o new.csv": "overlaps",
    "latent {} -o new.csv": "latent",
    "path-dependence {} -o new.csv": "path-dependence",
    "weight-updates {} -o new.csv": "weight-updates",
    "twin {} --rank 1 -o new": "twin",
    "onset {} --training ckpts/training.parquet -o new.csv": "onset",
    "ramping {} -o new.csv": "ramping",
    "decode {} -o new.csv": "decode",
    "spectrum {} -o new.csv": "spectrum",
}
CASES = [
    # checkpoints, in every command that takes them
    *[
        Case(line.format(path), path, says)
        for line in CKPT_COMMANDS
        for path, says in {
            "missing.safetensors": "no such file",
            "empty": "holds no *.safetensors",
            "none*.safetensors": "matches no file",
            "bad/cut.safetensors": "damaged",
            "bad/flipped.safetensors": "digest does not fit",
            "bad/header.safetensors": "",
            "bad/zero.safetensors": "damaged",
            "bad/huge.safetensors": "damaged",
            "good.pt": "rnnkit import",
            "sample.parquet": "is a table",
        }.items()
        if not (line.startswith("info") and path.startswith("sample"))
    ],
    Case("rollout ckpts/flipflop-vanilla-n8-s0.history.safetensors", "history", "snapshots"),
    Case("export ckpts --to onnx -o new", "onnx", "known: "),
    Case("export ckpts --to troch -o new", "troch", "did you mean 'torch'"),
    Case("export ckpts --to npz -o good.pt/new", "good.pt/new", "cannot be written"),
    Case("export ckpts --to npz -o /proc/new", "/proc/new", "cannot be written"),
    Case("export ckpts -o new", "--to", "must be given"),
    Case("export ckpts --to npz", "--out", "must be given"),
    # info
    Case("info", "PATH", "must be given"),
    Case("info missing.parquet", "missing.parquet", "no such file"),
    Case("info bad/sample-cut.parquet", "bad/sample-cut.parquet", "no readable Parquet"),
    Case("info bad/lines.jsonl", "bad/lines.jsonl", "no JSON object"),
    Case("info bad/twice.csv", "'network'", "twice"),
    Case("info bad/twice-below.csv", "'network'", "twice"),
    Case("info sample.parquet -o new.csv", "sample.parquet", "leave out -o"),
    Case("info -", "standard input", "no readable Parquet", b"PAR1"),
    # tasks and sample
    Case("tasks flipflip", "flipflip", "did you mean 'flipflop'"),
    Case("tasks flipflop sine", "sine", "unexpected"),
    Case("sample", "TASK", "must be given"),
    Case("sample flipflip -o new.csv", "flipflip", "did you mean 'flipflop'"),
    Case("sample flipflop -t bitz=2 -o new.csv", "bitz", "did you mean 'bits'"),
    Case("sample flipflop -t bits=two -o new.csv", "'bits'", "'two' is not an integer"),
    Case("sample flipflop -t bits=0 -o new.csv", "'bits'", "give 1 or more"),
    Case("sample flipflop -t probability=nan -o new.csv", "'probability'", "finite number"),
    Case("sample flipflop -t start=later -o new.csv", "'start'", "zero or pulse"),
    Case("sample flipflop -t bits -o new.csv", "'bits' is not KEY=VALUE"),
    Case("sample flipflop -t bits=1 -t bits=2 -o new.csv", "'bits' is given twice"),
    Case("sample flipflop --trials 0 -o new.csv", "--trials"),
    Case("sample flipflop --trials many -o new.csv", "--trials"),
    Case("sample flipflop --seed -1 -o new.csv", "--seed"),
    Case("sample flipflop -o new.xlsx", "new.xlsx", "names no format"),
    Case("sample flipflop -o new", "--out new", "names no format"),
    Case("sample flipflop -o new.csv --format xlsx", "xlsx", "known: csv, jsonl, parquet"),
    Case("sample flipflop -o empty --format csv", "empty", "is a folder"),
    Case("sample flipflop -o good.pt/new.csv", "good.pt", "cannot be written"),
    Case("sample flipflop -o /proc/none/new.csv", "/proc", "cannot be written"),
    Case("sample flipflop --colour red", "--colour", "No such option"),
    # import
    Case("import ckpts/flipflop-vanilla-n8-s0.safetensors -o out --name a --name b", "--name", "one for each FILE"),
    Case("import ckpts/flipflop-vanilla-n8-s0.safetensors -o out --name ../b", "--name", "no file name"),
    Case("import missing.pt -o new", "missing.pt", "no such file"),
    Case("import empty -o new", "empty", "is a folder"),
    Case("import bad/empty.pt -o new", "bad/empty.pt", "is empty"),
    Case("import bad/object.pt -o new", "bad/object.pt", "never loaded"),
    Case("import bad/vector.pt -o new", "bad/vector.pt", "no state dict"),
    Case("import bad/shape.pt -o new", "bad/shape.pt", "(4, 5)"),
    Case("import bad/objects.npz -o new", "bad/objects.npz", "no numeric array"),
    Case("import bad/text.csv -o new", "bad/text.csv", "unknown ending"),
    Case("import bad/cut.safetensors -o new", "bad/cut.safetensors", "damaged"),
    Case("import good.pt bad/shape.pt -o new", "bad/shape.pt", "(4, 5)"),
    Case("import good.pt -o new --layout tensorflow", "tensorflow", "known: "),
    Case("import good.pt -o new --layout current", "good.pt"),
    Case("import good.pt -o new --alpha 0.5", "--alpha", "no leak"),
    Case("import good.pt -o new --nonlinearity tahn", "tahn", "did you mean 'tanh'"),
    Case("import good.pt -o new --gamma 0", "--gamma", "positive"),
    Case("import good.pt -o new --gamma much", "--gamma"),
    Case("import good.pt -o new --initial missing.pt", "missing.pt", "no such file"),
    Case("import good.pt -o new --initial bad/initial.pt", "bad/initial.pt", "(3,"),
    Case("import good.pt -o new --initial good.pt good.pt", "--initial", "2 files for 1 network"),
    Case("import good.pt -o new --task flipflip", "flipflip", "did you mean 'flipflop'"),
    Case("import good.pt -o new --task flipflop -t bitz=2", "bitz", "did you mean 'bits'"),
    Case("import good.pt -o new --task flipflop -t bits=3", "good", "the task 'flipflop' has 3"),
    Case("import good.pt -o new -t bits=3", "-t", "add --task"),
    Case("import good.pt -o new --array W", "'W' is not TENSOR=NAME"),
    Case("import arrays.npz -o new", "arrays.npz", "W (3, 3)"),
    Case("import arrays.npz -o new --array recurrent.weight=V --model leaky", "'V'"),
    Case("import arrays.npz -o new --array recurrent.weight=W --model leeky", "leeky"),
    Case("import good.pt -o new --transpose recurrent.weight", "good.pt"),
    Case("import good.pt -o good.pt/new", "good.pt/new", "cannot be written"),
    Case("import good.pt", "--out", "must be given"),
    # train
    Case(f"{TRAIN} flipflip", "flipflip", "did you mean 'flipflop'"),
    Case(f"{TRAIN} -t bitz=2", "bitz", "did you mean 'bits'"),
    *[Case(f"{TRAIN} --seeds {seeds}", "--seeds", seeds) for seeds in ("5:3", "4:4", "1,1", "-2", "0:x", "0:2:4", "a")],
    Case(f"{TRAIN} --seeds 0:2000000000", "--seeds", "give fewer"),
    Case(f"{TRAIN} --model vanila", "vanila", "did you mean 'vanilla'"),
    Case(f"{TRAIN} --units 0", "0 units"),
    Case(f"{TRAIN} --units few", "--units"),
    Case(f"{TRAIN} --model lowrank --rank 9", "--rank", "from 1 to 8"),
    Case(f"{TRAIN} --rank 2", "--rank", "take none"),
    Case(f"{TRAIN} --alpha 0.5", "--alpha", "no leak"),
    Case(f"{TRAIN} --model leaky --tau 0.5", "--tau", "--alpha"),
    Case(f"{TRAIN} --model leaky --alpha 2", "--alpha", "(0, 1]"),
    Case(f"{TRAIN} --nonlinearity softplus", "softplus", "known: "),
    Case(f"{TRAIN} --gamma -1", "--gamma", "positive"),
    Case(f"{TRAIN} --init glorot", "glorot", "known: "),
    Case(f"{TRAIN} --lr nan", "--lr", "positive"),
    Case(f"{TRAIN} --batch 0", "--batch", "1 or more"),
    Case(f"{TRAIN} --epochs 0", "--epochs", "1 or more"),
    Case(f"{TRAIN} --steps-per-epoch 0", "--steps-per-epoch", "1 or more"),
    Case(f"{TRAIN} --validation-trials 0", "--validation-trials", "1 or more"),
    Case(f"{TRAIN} --schedule linear", "linear", "known: "),
    Case(f"{TRAIN} --schedule plateau --restart 9", "--restart", "add --schedule cosine"),
    Case(f"{TRAIN} --schedule cosine --restart 0", "--restart", "1 or more"),
    Case(f"{TRAIN} --stop-loss -1", "--stop-loss", "0 or more"),
    Case(f"{TRAIN} --patience -1", "--patience", "0 or more"),
    Case(f"{TRAIN} --stop-on any", "any", "known: all, main"),
    Case(f"{TRAIN} --penalty-on some", "some", "known: all, recurrent"),
    Case(f"{TRAIN} --l1 -1", "--l1", "0 or more"),
    Case(f"{TRAIN} --nuclear nan", "--nuclear", "0 or more"),
    Case(f"{TRAIN} --epsilon -1", "--epsilon", "positive"),
    Case(f"{TRAIN} --snapshots -1", "--snapshots", "0 or more"),
    Case(f"{TRAIN} --vary gama=1,2", "gama", "did you mean 'gamma'"),
    Case(f"{TRAIN} --vary gamma", "'gamma' is not KEY=V1,V2"),
    Case(f"{TRAIN} --vary gamma=1,1", "gamma=1,1", "twice"),
    Case(f"{TRAIN} --vary gamma=1,big", "--gamma", "'big'"),
    Case("train schur/flipflip -o new", "schur/flipflip", "did you mean 'schur/flipflop'"),
    Case("sample schur/copy -t lags=0 -o new.csv", "copy parameter 'lags'", "give 1 or more"),
    Case("tasks schur", "schur", "unknown"),
    Case(f"{TRAIN} --recurrent kayley", "--recurrent", "did you mean 'cayley'"),
    Case(f"{TRAIN} --recurrent cayley --units 7", "--units", "give an even number"),
    Case(f"{TRAIN} --recurrent cayley --model gru", "--recurrent", "use vanilla, leaky or current"),
    Case(f"{TRAIN} --recurrent cayley --init orthogonal", "--init", "leave it out: 'cayley'"),
    Case(f"{TRAIN} --init cayley", "--init", "add --recurrent cayley"),
    Case(f"{TRAIN} --init orthogonl", "--init", "did you mean 'orthogonal'"),
    Case(f"{TRAIN} --init normal --units 7", "--units", "give an even number"),
    Case(f"{TRAIN} --init orthogonal --model lstm", "--init", "does not fit the 'lstm' family"),
    Case(f"{TRAIN} --init orthogonal --gain 2", "--gain", "use --init gaussian"),
    Case(f"{TRAIN} --vary bias=true,maybe", "--bias", "'maybe' is no true or false"),
    Case(f"{TRAIN} --optimizer adm", "adm", "did you mean 'adam'"),
    Case(f"{TRAIN} --momentum .9", "--momentum", "add --optimizer sgd"),
    Case(f"{TRAIN} --optimizer sgd --momentum 1", "--momentum", "from 0 to below 1"),
    Case(f"{TRAIN} --optimizer sgd --momentum nan", "--momentum", "from 0 to below 1"),
    Case(f"{TRAIN} --optimizer sgd --epsilon .1", "--epsilon", "leave it out"),
    Case(f"{TRAIN} --vary optimizer=adam,sgd --momentum .9", "--momentum", "add --optimizer sgd"),
    Case(f"{TRAIN} --dtype float16", "float16", "did you mean 'float64'"),
    Case(f"{TRAIN} --vary fixed-trials=maybe", "--fixed-trials", "give true or false"),
    Case(f"{TRAIN} --freeze recurrent.weights", "recurrent.weights", "did you mean 'recurrent.weight'"),
    Case(f"{TRAIN} --freeze input.weight:3", "'input.weight' has no vector 3", "from 0 to 2"),
    Case(f"{TRAIN} --freeze readout.bias:0", "--freeze", "is one vector"),
    Case(f"{TRAIN} --freeze input.weight:x", "--freeze", "for example"),
    Case(f"{TRAIN} --snapshot-steps -1", "--snapshot-steps", "0 or more"),
    Case(f"{TRAIN} --snapshot-steps 1 --snapshots 1", "--snapshot-steps", "in epochs or in steps"),
    Case(f"{TRAIN} --protocol A,,B", "--protocol", "A,B,A"),
    Case(f"{TRAIN} --phase A:bits=2", "--phase", "add --protocol"),
    Case(f"{TRAIN} --protocol A,B --phase C:bits=2", "'C'", "known: A, B"),
    Case(f"{TRAIN} --protocol A,B --phase B:bitz=2", "bitz", "did you mean 'bits'"),
    Case(f"{TRAIN} --protocol A,B --phase B:bits=2", "'B' has 2 inputs, 'A' has 3", "one network"),
    Case(f"{TRAIN} --protocol A,B --phase B:steps=6", "'B' has 6 steps, 'A' has 5", "length"),
    Case(f"{TRAIN} --protocol A,B --phase bits=2", "'bits=2' is not NAME:KEY=VALUE", "for example"),
    Case(f"{TRAIN} --model plrnn --rank 2", "--rank", "take none"),
    Case(f"{TRAIN} --model leaky --rank 9", "--rank", "from 1 to 8"),
    Case(f"{TRAIN} --model plrnn --nonlinearity tanh", "tanh", "known: relu"),
    Case(f"{TRAIN} --model plrnn --recurrent cayley", "--recurrent", "use vanilla, leaky or current"),
    Case(f"{TRAIN} --readout latent", "--readout", "use --model leaky --rank R"),
    Case(f"{TRAIN} --model leaky --readout latent", "without --rank", "use --model leaky --rank R"),
    Case(f"{TRAIN} --model leaky --rank 1 --readout latent", "1 outputs", "use --rank 3"),
    Case(f"{TRAIN} --readout latnt", "--readout", "did you mean 'latent'"),
    Case(f"{TRAIN} --init critical", "--init", "use --model leaky --rank R"),
    Case(f"{TRAIN} --init-gain -1", "--gain", "0 or more"),
    Case(f"{TRAIN} --init-gain 2 --gain 3", "--gain", "leave one out"),
    Case(f"{TRAIN} --init-gain 2 --init uniform", "--init", "leave one out"),
    Case(f"{TRAIN} --init-input fan", "fan", "known: "),
    Case(f"{TRAIN} --model mup --init-input units", "--init-input", "leave it out"),
    Case(f"{TRAIN} --init-a half", "--init-a", "use --model plrnn"),
    Case(f"{TRAIN} --model plrnn --init-a some", "'some'", "give half, small or a number"),
    Case(f"{TRAIN} --zero-diagonal", "--zero-diagonal", "use --model plrnn"),
    Case(f"{TRAIN} --tcr -1", "--tcr", "0 or more"),
    Case(f"{TRAIN} --model current --tcr 1", "--tcr", "use leaky, plrnn, vanilla, gru or lstm"),
    Case(f"{TRAIN} --model plrnn --tcr 1 --tcr-on both", "--tcr-on", "use --tcr-on state"),
    Case(f"{TRAIN} --tcr 1 --tcr-on rates", "rates", "known: "),
    Case(f"{TRAIN} --mar 1", "--mar", "use --model plrnn"),
    Case(f"{TRAIN} --mai", "--mai", "use --model plrnn"),
    Case(f"{TRAIN} --model plrnn --mar nan", "--mar", "0 or more"),
    *[Case(f"{TRAIN} --memory-units {n}", "--memory-units", "1 to the number of units") for n in (0, 9)],
    Case(f"{TRAIN} --weight-decay -1", "--weight-decay", "0 or more"),
    Case(f"{TRAIN} --weight-decay-mode L2", "L2", "did you mean 'l2'"),
    Case(f"{TRAIN} --weight-decay 1 --recurrent cayley", "--weight-decay", "use --recurrent dense"),
    Case(f"{TRAIN} --clip -1", "--clip", "0 or more"),
    *[
        Case(f"{TRAIN} --schedule {text}", text, "plateau:PATIENCE,FACTOR")
        for text in ("plateau:9", "plateau:9,2", "plateau:-1,0.5", "cosine:9,0.5")
    ],
    Case("train -o new --start ckpts -t bits=2 --init-gain 2", "--init-gain", "leave it out, or --start"),
    Case("train -o new --start ckpts -t bits=2 --mai", "--mai", "leave it out, or --start"),
    Case("train -o new --start missing.safetensors", "missing.safetensors", "no such file"),
    Case("train -o new --start bad/cut.safetensors", "bad/cut.safetensors", "damaged"),
    Case("train -o new --start empty", "empty", "holds no *.safetensors"),
    Case("train -o new --start good.pt", "good.pt", "rnnkit import"),
    Case("train -o new --start bad/nan.safetensors -t bits=2", "tensor 'recurrent.weight' holds NaN", "finite"),
    Case("train -o new --start ckpts -t bits=3", "has 2 inputs", "-t"),
    Case("train -o new --start ckpts -t bits=2 --units 9", "--units", "it comes from the file"),
    Case("train -o new --start ckpts -t bits=2 --init gaussian", "--init", "leave it out, or --start"),
    Case("train -o new --start ckpts -t bits=2 --vary gamma=1,2", "--gamma", "it comes from the file"),
    Case(f"{TRAIN} --config bad/phase.toml", "'C'", "known: A, B"),
    Case(f"{TRAIN} --resume --overwrite", "--resume", "give one of them"),
    Case(f"{TRAIN} --device gpu", "'gpu'", "cpu"),
    Case(f"{TRAIN} --device cuda:99", "cuda:99"),
    Case(f"{TRAIN} --threads 0", "--threads"),
    Case(f"{TRAIN} --config missing.toml", "missing.toml", "no such file"),
    Case(f"{TRAIN} --config empty", "empty", "Is a directory"),
    Case(f"{TRAIN} --config bad/broken.toml", "bad/broken.toml", "line 1"),
    Case(f"{TRAIN} --config bad/unknown.toml", "unitz", "did you mean 'units'"),
    Case("train -o new --config bad/fraction.toml", "--units", "integer"),
    Case(f"{TRAIN} --config bad/task.toml", "bitz", "did you mean 'bits'"),
    Case("train -o new --config bad/list.toml", "--lr"),
    Case(f"{TRAIN} -o good.pt", "good.pt", "cannot be written"),
    Case(f"{TRAIN} -o /proc/none", "/proc/none", "cannot be written"),
    Case("train -o ckpts --units 8 --seeds 0", "flipflop-vanilla-n8-s0", "--resume or --overwrite"),
    # rollout and compare
    *[
        Case(f"{command} ckpts -o new.csv {rest}", names, says)
        for command in ("rollout", "compare")
        for rest, names, says in [
            ("--task flipflip", "flipflip", "did you mean 'flipflop'"),
            ("--task sine", "has 2 inputs", "'sine'"),
            ("-t bitz=2", "bitz", "did you mean 'bits'"),
            ("-t bits=3", "has 2 inputs", "--task"),
            ("--trials 0", "--trials", ""),
            ("--seed no", "--seed", ""),
            ("--device tpu", "'tpu'", ""),
            ("--inputs missing.npz", "missing.npz", "no such file"),
            ("--inputs empty", "empty", "is a folder"),
            ("--inputs bad/objects.npz", "bad/objects.npz", "no readable .npz"),
            ("--inputs bad/flat.npz", "bad/flat.npz", "(3, 4)"),
            ("--inputs bad/nan.npz", "bad/nan.npz", "NaN"),
            ("--inputs bad/large.npz", "bad/large.npz", "float32"),
            ("--inputs bad/five.npz", "5 channels", "has 2 inputs"),
            ("--inputs bad/two.npz", "bad/two.npz", "a, b"),
            ("--inputs bad/text.npz", "bad/text.npz", "<U1"),
            ("--inputs bad/bare.npy", "bad/bare.npy", ".npy file"),
            ("--inputs bad/cut.safetensors", "bad/cut.safetensors", "no readable .npz"),
            ("--inputs bad/sample-cut.parquet", "bad/sample-cut.parquet", "no readable Parquet"),
            ("--inputs bad/sample-flipped.parquet", "bad/sample-flipped.parquet", "no readable Parquet"),
            ("--inputs bad/no-input.parquet", "'input'", "missing"),
            ("--inputs bad/wrong.csv", "'step'", "'zero'"),
            ("--inputs bad/list.csv", "'input'", "expected lists"),
            ("--inputs summary.parquet", "summary.parquet", "expected sample or rollout"),
            ("--inputs sample.parquet --task flipflop", "--inputs", "leave out --task"),
        ]
        if not (rest == "--trials 0" and command == "rollout")
    ],
    Case("rollout ckpts -o new.csv --trials 0", "--trials", "1 or more"),
    Case("rollout ckpts -o new.csv --inputs sample.parquet --summary", "--inputs", "leave out"),
    Case("rollout ckpts -o new.csv --by gamma", "--by", "add --summary"),
    Case("rollout ckpts -o new.csv --summary --by gama", "'gama'", "known: "),
    Case("rollout ckpts -o new.csv --summary --by status", "'status'", "already"),
    Case("rollout ckpts -o new.csv --summary --by gamma,gamma", "--by", "given twice"),
    Case("rollout bad/nan.safetensors -o new.csv", "recurrent.weight", "NaN"),
    Case("rollout bad/nan.safetensors -o new.csv --summary", "recurrent.weight", "NaN"),
    Case("rollout bad/taskless.safetensors -o new.csv", "has no task", "--task"),
    Case("compare bad/nan.safetensors bad/nan.safetensors -o new.csv", "1 network", "at least two"),
    Case("compare ckpts bad/three.safetensors -o new.csv", "different tasks", "--within"),
    Case("compare ckpts bad/three.safetensors -o new.csv --inputs sample.parquet", "has 3 inputs", "2 channels"),
    Case("compare ckpts bad/taskless.safetensors -o new.csv", "has no task", "--task"),
    Case(f"compare {NETWORK} -o new.csv", "1 network", "at least two"),
    Case("compare ckpts -o new.csv --within seed", "3 groups", "at least two"),
    Case("compare ckpts -o new.csv --within sead", "'sead'", "known: "),
    Case("compare ckpts -o new.csv --within status", "'status'", "already"),
    Case("compare ckpts -o new.csv --metric rsa", "rsa", "known: "),
    Case("compare ckpts -o new.csv --metric svca", "svca", "did you mean 'svcca'"),
    Case("compare ckpts -o new.csv --metric svcca,,dsa", "svcca,,dsa", "commas"),
    Case("compare ckpts -o new.csv --variance 1.5", "--variance", "1.5"),
    Case("compare ckpts -o new.csv --variance nan", "--variance", "nan"),
    Case("compare ckpts -o new.csv --delay-by luck", "luck", "known: "),
    Case("compare ckpts -o new.csv --basis fourier", "fourier", "known: "),
    Case("compare ckpts -o new.csv --match units", "units", "known: "),
    Case("compare ckpts -o new.csv --solver dsa_metric", "dsa_metric", "did you mean 'dsa-metric'"),
    Case("compare ckpts -o new.csv --metric svcca,pif --solver dsa-metric", "--solver", "no part in svcca, pif"),
    Case("compare ckpts -o new.csv --metric dsa --solver qc-procrustes", "--solver", "it is for pif, pif-initial"),
    Case("compare ckpts -o new.csv --metric pif --solver qc-procrustes --match io", "--match", "leave it out"),
    Case("compare ckpts -o new.csv --metric behaviour-ood --inputs sample.parquet", "--inputs", "leave it out"),
    Case("compare ckpts -o new.csv --metric pif --sensitivity s.csv", "--sensitivity", "add dsa"),
    Case("compare ckpts -o new.csv --sensitivity s.txt", "s.txt", "names no format"),
    Case("compare ckpts -o new.csv --grid-delays 1,2", "--grid-delays", "add --sensitivity"),
    Case("compare ckpts -o new.csv --sensitivity s.csv --grid-components 1,x", "--grid-components", "1,x"),
    Case("compare -o new.csv", "CKPT", "--activity"),
    *[Case(f"compare ckpts -o new.csv --memory {size}", "--memory", size) for size in ("much", "0G", "-1G", "2X")],
    Case("compare ckpts -o new.csv --memory 1K", "--memory", "networks of"),
    Case("compare ckpts -o new.csv --workers 0", "--workers"),
    Case("compare ckpts -o new.csv --cache good.pt/new", "good.pt/new", "cannot be written"),
    Case(
        "compare ckpts -o new.csv --scheduler tcp://127.0.0.1:1", "--scheduler tcp://127.0.0.1:1", "no scheduler there"
    ),
    Case("compare ckpts -o new.csv --scheduler nowhere:x", "--scheduler"),
    Case("compare ckpts -o new.csv --resume missing.parquet", "missing.parquet", "no such table"),
    Case("compare ckpts -o new.csv --resume empty", "empty", "is a folder"),
    Case("compare ckpts -o new.csv --resume summary.parquet", "summary.parquet", "expected comparisons"),
    Case("compare ckpts -o new.csv --resume bad/comparisons-cut.parquet", "comparisons-cut", "no readable Parquet"),
    Case("compare ckpts -o new.csv --resume bad/null-a.parquet", "'a'", "no value"),
    Case("compare ckpts -o new.csv --resume pairs.csv", "pairs.csv", "does not say which networks"),
    Case("compare ckpts -o new.csv --resume comparisons.parquet", "comparisons.parquet", "trials 5"),
    Case("compare ckpts -o new.csv --metric svcca --rates --trials 5 --resume comparisons.parquet", "rates False"),
    Case("compare ckpts -o new.csv --trials 5 --seed 9 --resume comparisons.parquet", "no two of these networks"),
    Case("compare ckpts -o cut.csv", "cut.csv.part", "add --resume cut.csv"),
    Case("compare ckpts -o cut.csv --resume cut.csv", "cut.csv.part", "another run"),
    Case("compare ckpts -o new.csv --resume cut.csv", "cut.csv.part", "give -o cut.csv"),
    Case("compare ckpts -o odd.csv", "odd.csv.part", "is no part of a table"),
    *[
        Case(f"compare -o new.csv --metric dsa --activity {rest}", names, says)
        for rest, names, says in [
            ("missing.npz", "missing.npz", "no such file"),
            ("empty", "empty", "is a folder"),
            ("bad/objects.npz two.npz", "bad/objects.npz", "no readable array"),
            ("bad/flat.npz two.npz", "bad/flat.npz", "(3, 4)"),
            ("bad/text.npz two.npz", "bad/text.npz", "<U1"),
            ("bad/text.csv", "bad/text.csv", "neither .npz nor .parquet"),
            ("summary.parquet", "'trial'", "missing"),
            ("bad/sample-cut.parquet", "sample-cut", "no readable Parquet"),
            ("two.npz two.npz", "two.npz", "given twice"),
            ("arrays.npz", "arrays.npz", "(trials, steps, units)"),
            ("two.npz --metric pif", "pif", "is a recording"),
            ("two.npz --within gamma", "--within", "no setting 'gamma'"),
            ("bad/five.npz", "1 network", "at least two"),
            ("two.npz bad/five.npz", "--delay", "give one"),
        ]
    ],
    *[Case(f"compare ckpts -o new.csv {option} 0", option) for option in ("--delay", "--max-delay", "--starts")],
    Case("compare ckpts -o new.csv --bound best", "--bound"),
    Case("compare ckpts --metric dsa -o new.csv --sensitivity new.csv", "--sensitivity"),
    Case("degeneracy --comparisons comparisons.parquet -o comparisons.parquet", "--comparisons"),
    Case("degeneracy --comparisons comparisons.parquet -o new.csv --embed comparisons.parquet", "--comparisons"),
    # feature-learning
    *[
        Case(f"feature-learning ckpts -o new.csv {rest}", names, says)
        for rest, names, says in [
            ("--task flipflip", "flipflip", "did you mean 'flipflop'"),
            ("--task sine", "has 2 inputs", "'sine'"),
            ("-t bitz=2", "bitz", "did you mean 'bits'"),
            ("-t bits=3", "has 2 inputs", "--task"),
            ("--trials 0", "--trials", ""),
            ("--seed no", "--seed", ""),
            ("--device tpu", "'tpu'", ""),
            ("--threads 0", "--threads", ""),
            ("--parameters some", "some", "known: all, recurrent"),
            ("--by gama", "'gama'", "known: "),
            ("--by status", "'status'", "already"),
            ("--memory much", "--memory", "'much'"),
            ("--memory 1K", "--memory", "fewer --trials"),
            ("--eigenvalues e.txt", "e.txt", "names no format"),
            ("--eigenvalues -", "--eigenvalues", "name a file"),
            ("--eigenvalues new.csv", "--eigenvalues", "same file as --out"),
            ("--eigenvalues ckpts/flipflop-vanilla-n8-s0.safetensors", "--eigenvalues", "names no format"),
        ]
    ],
    Case("feature-learning", "CKPT", "must be given"),
    Case("feature-learning bad/taskless.safetensors -o new.csv", "has no task", "--task"),
    # fixedpoints
    *[
        Case(f"fixedpoints ckpts -o new.csv {rest}", names, says)
        for rest, names, says in [
            ("--input a,b", "'a,b'", "--input 0,0,1"),
            ("--input 1,", "'1,'", "no list of numbers"),
            ("--input nan,0", "'nan,0'", "finite"),
            ("--input 0,1 --input 0,1.0", "'0,1.0'", "given twice"),
            ("--input 0,0,1", "has 3 numbers", "a number for each input"),
            ("--starts 0", "--starts", "1 or more"),
            ("--starts many", "--starts", ""),
            ("--method newtn", "--method", "did you mean 'newton'"),
            ("--method descent --descent-rate 0", "--descent-rate", "a number above 0"),
            ("--method both --descent-rate nan", "--descent-rate", "a number above 0"),
            ("--method descent --descent-steps 0", "--descent-steps", "1 or more"),
            ("--descent-rate .1", "--descent-rate", "add --method descent"),
            ("--descent-steps 5", "--descent-steps", "add --method descent"),
            ("--every 2", "--every", "add --history"),
            ("--history --every 0", "--every", "1 or more"),
            ("--method descent --slow", "--slow", "leave out --slow"),
            ("--coverage -", "--coverage", "name a file"),
            ("--coverage new.csv", "--coverage", "same file as --out"),
            ("--coverage c.xlsx", "--coverage c.xlsx", "names no format"),
            ("--coverage good.pt/c.csv", "good.pt", "cannot be written"),
            ("--task sine", "inputs", "--task"),
            ("--task flipflip", "flipflip", "did you mean 'flipflop'"),
            ("-t bits=3", "inputs", "--task"),
            ("-t bitz=3", "bitz", "did you mean 'bits'"),
            ("--seed -1", "--seed", ""),
            ("--device tpu", "--device", "cuda"),
            ("--threads 0", "--threads", ""),
        ]
    ],
    Case("fixedpoints bad/taskless.safetensors --history -o new.csv", "taskless.history.safetensors", "--snapshots"),
    Case("fixedpoints bad/nan.safetensors -o new.csv", "recurrent.weight", "NaN"),
    Case("fixedpoints bad/taskless.safetensors -t bits=2 -o new.csv", "has no task", "--task"),
    Case("fixedpoints ckpts -o new.xlsx", "new.xlsx", "names no format"),
    Case("feature-learning bad/nan.safetensors -o new.csv", "recurrent.weight", "NaN"),
    # degeneracy
    *[
        Case(f"degeneracy -o new.csv {rest}", names, says)
        for rest, names, says in [
            ("", "no table", "--comparisons"),
            ("--comparisons missing.parquet", "missing.parquet", "no such file"),
            ("--comparisons empty", "empty", "is a folder"),
            ("--comparisons bad/comparisons-cut.parquet", "bad/comparisons-cut.parquet", "no readable Parquet"),
            ("--comparisons bad/comparisons-flipped.parquet", "bad/comparisons-flipped.parquet", "no readable"),
            ("--summary bad/summary-cut.parquet", "bad/summary-cut.parquet", "no readable Parquet"),
            ("--comparisons bad/no-distance.parquet", "'distance'", "missing"),
            ("--summary bad/no-loss.parquet", "'loss'", "missing"),
            ("--comparisons bad/text-distance.parquet", "'distance'", "expected double"),
            ("--comparisons bad/null-a.parquet", "'a'", "no value in row 0"),
            ("--comparisons bad/same-pair.parquet --include-unconverged", "a pair given twice", ""),
            ("--summary bad/same-network.parquet --include-unconverged", "'x'", "twice"),
            ("--summary bad/no-ood.parquet", "'ood'", "rollout --summary --ood"),
            ("--comparisons summary.parquet", "summary.parquet", "expected comparisons"),
            ("--summary comparisons.parquet", "comparisons.parquet", "expected summary"),
            ("--comparisons bad/text.csv", "bad/text.csv", "no readable csv"),
            ("--comparisons bad/twice.csv", "'network'", "twice"),
            ("--comparisons summary.parquet --summary summary.parquet", "--comparisons", "two tables"),
            ("--comparisons comparisons.parquet", "no network got below", "--include-unconverged"),
            ("--comparisons comparisons.parquet --by rank", "'rank'", "known: gamma"),
            ("--comparisons comparisons.parquet --by a", "'a'", "known: gamma"),
            ("--summary summary.parquet --by steps", "'steps'", "known: gamma"),
            ("--comparisons comparisons.parquet --bootstrap 1", "--bootstrap", "2 or more"),
            ("--comparisons comparisons.parquet --bootstrap 0", "--bootstrap", "2 or more"),
            ("--comparisons comparisons.parquet --permutations 0", "--permutations", "1 or more"),
            *[
                (f"--comparisons comparisons.parquet --include-unconverged {rest}", names, says)
                for rest, names, says in [
                    ("--against gamma", "'gamma' is not KEY=VALUE", "--against gamma=1"),
                    ("--against =1", "'=1' is not KEY=VALUE", "--against"),
                    ("--against gamma=1,gamma=2", "'gamma' is given twice", "--against"),
                    ("--against gama=1", "'gama'", "did you mean 'gamma'"),
                    ("--against model=vanila", "'model=vanila'", "did you mean 'model=vanilla'"),
                    ("--against model=vanilla", "model=vanilla", "compare more groups"),
                    ("--against gamma=1 --by model", "'gamma'", "known: model"),
                    ("--embed -", "--embed", "name a file"),
                    ("--embed new.csv", "--embed", "same file as --out"),
                    ("--embed ./new.csv", "--embed", "same file as --out"),
                    ("--embed placed.xlsx", "--embed placed.xlsx", "names no format"),
                    ("--embed empty/", "--embed", "names no format"),
                    ("--embed good.pt/placed.csv", "good.pt", "cannot be written"),
                ]
            ],
            ("--summary summary.parquet --include-unconverged --embed placed.csv", "--embed", "add --comparisons"),
            ("--comparisons bad/same-pair.parquet --include-unconverged --embed placed.csv", "given twice", ""),
            ("--comparisons comparisons.parquet --embed placed.csv", "no network got below", "--include-unconverged"),
            ("--comparisons comparisons.parquet --seed -1", "--seed", ""),
        ]
    ],
    Case("degeneracy --comparisons -", "standard input", "holds no Parquet table", b"no table"),
    Case("degeneracy --comparisons -", "standard input", "is empty"),
    Case("degeneracy --comparisons -", "standard input", "no readable Parquet", b"PAR1 no table"),
    Case("degeneracy --comparisons comparisons.parquet --by gamma,gamma -o new.csv", "--by", "given twice"),
    Case("compare ckpts -o new.csv --metric dsa --delay 99", "--delay", "leave a step"),
    Case("compare ckpts -o new.csv --scheduler host", "--scheduler", "HOST:PORT"),
    Case("compare --activity rollout.parquet --activity rollout.parquet -o new.csv --metric cka", "given twice"),
    # memory-demand
    Case("memory-demand sine -t frequencies=1 -t frequency_min=0 -o new.csv", "targets", "do not vary"),
    Case("memory-demand", "TASK", "must be given"),
    Case("memory-demand flipflip -o new.csv", "flipflip", "did you mean 'flipflop'"),
    *[
        Case(f"memory-demand flipflop -t steps=20 -o new.csv {rest}", names, says)
        for rest, names, says in [
            ("-t bitz=2", "bitz", "did you mean 'bits'"),
            ("-t probability=0", "'probability'", "more than 0"),
            ("--history 3", "--history", "at least two"),
            ("--history 0:3", "--history", "1 or more"),
            ("--history 4:2", "--history", "empty range"),
            ("--history 1,1,2", "--history", "twice"),
            ("--history few", "--history", "'few'"),
            ("--history 1:22", "--history", "a trial has 20"),
            ("--history 1:2000000000", "--history", "give fewer"),
            ("--inputs-until t-2", "t-2", "known: t, t-1"),
            ("--outputs windows", "windows", "did you mean 'window'"),
            ("--trials 4", "--trials", "8 or more"),
            ("--trials -1", "--trials", "8 or more"),
            ("--seeds 3", "--seeds", "at least two"),
            ("--seeds 5:3", "--seeds", "5:3"),
            ("--hidden 0", "--hidden", "1 or more"),
            ("--steps 0", "--steps", "1 or more"),
            ("--batch 0", "--batch", "1 or more"),
            ("--hidden 100000000", "--hidden", "65536 or fewer"),
            ("--batch 100000000", "--batch", "1048576 or fewer"),
            ("--steps 100000000", "--steps", "10000000 or fewer"),
            ("--hidden 65536 --batch 65536", "--hidden, --batch", "512 MiB"),
            ("--lr nan", "--lr", "positive"),
            ("--lr -1", "--lr", "positive"),
            ("--tolerance 1", "--tolerance", "less than 1"),
            ("--tolerance nan", "--tolerance", "nan"),
            ("--floor -1", "--floor", "0 or more"),
            ("--bootstrap 1", "--bootstrap", "2 or more"),
            ("--device cuda:99", "--device", "not there"),
            ("--format xlsx", "xlsx", "known: csv"),
        ]
    ],
    # schur-ablate
    *[
        Case(f"schur-ablate ckpts -o new.csv {rest}", names, says)
        for rest, names, says in [
            ("--task flipflip", "flipflip", "did you mean 'flipflop'"),
            ("--task sine", "has 2 inputs", "'sine'"),
            ("-t bits=3", "has 2 inputs", "--task"),
            ("--trials 0", "--trials", ""),
            ("--seed -1", "--seed", ""),
            ("--device tpu", "'tpu'", ""),
            ("--alpha 0", "--alpha", "(0, 1]"),
            ("--alpha=", "--alpha", "no list of numbers"),
            ("--alpha .9,", "--alpha", "no list of numbers"),
            ("--alpha 1.1", "--alpha", "(0, 1]"),
            ("--alpha nan", "--alpha", "(0, 1]"),
            ("--alpha big", "--alpha", "no list of numbers"),
            ("--alpha .9,.90", "--alpha", "given twice"),
            ("--alpha .9,,.8", ".9,,.8", "no list of numbers"),
            ("--orders -1", "--orders", ""),
            ("--controls -1", "--controls", ""),
            ("--epsilon -1", "--epsilon", "0 or more"),
            ("--epsilon inf", "--epsilon", "0 or more"),
            ("--controls 3", "--controls-out", "go together"),
            ("--controls-out c.csv", "--controls", "go together"),
            ("--controls 3 --controls-out -", "--controls-out", "name a file"),
            ("--controls 3 --controls-out c.csv --control noise", "noise", "known: all"),
            ("--controls 3 --controls-out c.csv --control all,entries", "'all'", "known: "),
            ("--control entries", "--control", "add --controls"),
            ("--controls 3 --controls-out new.csv", "--controls-out", "same file as --out"),
            ("--controls 3 --controls-out c.txt", "c.txt", "names no format"),
            ("--schur s.txt", "s.txt", "names no format"),
            ("--schur -", "--schur", "name a file"),
            ("--schur new.csv", "--schur", "same file as --out"),
            ("--schur-rows", "--schur-rows", "add --schur FILE"),
            ("--save /proc/new", "/proc", "cannot be written"),
            ("bad/taskless.safetensors", "has no task", "--task"),
            ("bad/gru.safetensors --save new", "gru: is a 'gru' network", "vanilla, leaky"),
        ]
    ],
    Case("schur-ablate bad/nan.safetensors -o new.csv", "recurrent.weight", "NaN"),
    Case("schur-ablate clash -o new.csv --save clash", "--save", "holds the networks given"),
    Case("schur-ablate ckpts -o new.csv --overwrite", "--overwrite", "add --save"),
    # plot
    Case("plot", "KIND", "must be given"),
    Case("plot training", "TABLE", "must be given"),
    Case("plot trainig ckpts/training.parquet -o new.svg", "trainig", "did you mean 'training'"),
    *[
        Case(f"plot training {rest}", names, says)
        for rest, names, says in [
            ("missing.parquet -o new.svg", "missing.parquet", "no such file"),
            ("bad/comparisons-cut.parquet -o new.svg", "comparisons-cut.parquet", "no readable Parquet"),
            ("comparisons.parquet -o new.svg", "holds a 'comparisons' table", "expected training"),
            ("pairs.csv -o new.svg", "column 'network'", "missing"),
        ]
    ],
    *[
        Case(f"plot training ckpts/training.parquet {rest}", names, says)
        for rest, names, says in [
            ("-o new.gif", "new.gif", "names no format"),
            ("-o new.svg --format gif", "gif", "known: pdf"),
            ("-o good.pt/new.svg", "good.pt", "cannot be written"),
            ("-o ckpts/training.parquet --format svg", "--out", "same file as a table"),
            ("ckpts/training.parquet -o new.svg", "stands there twice", "each row once"),
            ("-o new.svg --width 0", "--width", "inches"),
            ("-o new.svg --height nan", "--height", "inches"),
            ("-o new.svg --font-size 0", "--font-size", "points"),
            ("-o new.svg --dpi inf", "--dpi", "dots per inch"),
            ("-o new.svg --style grid", "'grid' is not KEY=VALUE", "axes.grid=true"),
            ("-o new.svg --style axes.gird=true", "'axes.gird'", "did you mean 'axes.grid'"),
            ("-o new.svg --style axes.grid=perhaps", "axes.grid=perhaps", "give another value"),
            ("-o new.svg --style backend=agg", "'backend'", "no parameter"),
            ("-o new.svg --style axes.grid=1 --style axes.grid=0", "'axes.grid'", "given twice"),
            ("-o new.svg --colour gamma", "'gamma'", "known: network, status"),
            ("-o new.svg --value los", "'los'", "did you mean 'loss'"),
            ("-o new.svg --network s9", "'s9'", "known: flipflop"),
            ("-o new.svg --scale logg", "logg", "did you mean 'log'"),
            ("-o new.svg --metric dsa", "--metric", "has no part"),
            ("-o new.svg --factor gamma", "--factor", "has no part"),
            ("-o new.svg --factor-scale log", "--factor-scale", "has no part"),
            ("-o new.svg --factor-scale lag", "lag", "did you mean 'log'"),
            ("-o new.svg --dims 3", "--dims", "has no part"),
            ("-o new.svg --dims 4", "--dims", "2 or 3"),
            ("-o new.svg --trials 2", "--trials", "has no part"),
            ("-o new.svg --trials 0", "--trials", "1 or more"),
        ]
    ],
    Case("plot distances pairs.csv -o new.svg --metric dsa", "'dsa'", "known: pif"),
    Case("plot distances pairs.csv -o new.svg --value perparameter", "perparameter", "'per_parameter'"),
    Case("plot distances pairs.csv -o new.svg --network x", "--network", "name more networks"),
    Case("plot embedding pairs.csv -o new.svg --colour model", "'model'", "known: "),
    Case("plot embedding summary.parquet -o new.svg", "needs a 'embedding or comparisons' table", "add it"),
    Case("plot trajectories rollout.parquet -o new.svg --colour gamma", "'gamma'", "known: "),
    Case("plot trajectories rollout.parquet -o new.svg --colour target.7", "target.7", "names a channel of 2"),
    Case("plot trajectories rollout.parquet -o new.svg --network s9", "'s9'", "known: flipflop"),
    Case("plot trajectories sample.parquet -o new.svg", "holds a 'sample' table", "expected rollout"),
    Case("plot spectrum rollout.parquet -o new.svg", "holds a 'rollout' table", "expected eigenvalues"),
    Case("plot schur blocks.csv -o new.svg", "column 'rows'", "--schur-rows"),
    Case("plot feature-learning features.csv -o new.svg --value kernel", "'kernel'", "known: "),
    Case("plot feature-learning features.csv -o new.svg --factor gama", "'gama'", "did you mean 'gamma'"),
    Case("plot feature-learning features.csv -o new.svg --scale log", "--scale", "0 or less"),
    Case("plot feature-learning features.csv -o new.svg --factor-scale log", "--factor-scale", "no logarithm"),
    Case("plot task sample.parquet -o new.svg --network a", "--network", "holds no networks"),
    Case("plot task rollout.parquet -o new.svg --network a", "'a'", "known: flipflop"),
    Case("plot task rollout.parquet -o new.svg --step 1", "--step", "has no part"),
    Case("plot twins history.csv -o new.svg --step 7", "--step", "known: 0, 10, 20"),
    Case("plot twins history.csv -o new.svg --step -1", "--step", "0 or more"),
    Case("plot twins history.csv -o new.svg --network a", "'a'", "known: flipflop"),
    Case("plot twins theory.csv -o new.svg", "column 'value'", "missing"),
    Case("plot gram history.csv -o new.svg --step 7", "--step", "known: 0, 10, 20"),
    Case("plot overlaps history.csv -o new.svg --value measured", "'measured'", "known: value"),
    Case("plot overlaps theory.csv -o new.svg --value value", "'value'", "known: deviation, measured, predicted"),
    Case("plot theory-loss theory.csv -o new.svg --colour gamma", "'gamma'", "known: motion, network"),
    Case("plot theory-loss history.csv -o new.svg", "column 'motion'", "missing"),
    Case("plot path-dependence paths.parquet -o new.svg --value ratoi", "'ratoi'", "did you mean 'ratio'"),
    Case("plot path-dependence paths.parquet -o new.svg --value ratio,left", "--value", "no axis in common"),
    Case("plot path-dependence paths.parquet -o new.svg --network a", "'a'", "known: aba"),
    Case("plot path-dependence paths.parquet -o new.svg --colour network", "--colour", "has no part"),
    Case("plot path-dependence summary.parquet -o new.svg", "holds a 'summary' table", "expected path_dependence"),
    # overlaps
    Case("overlaps", "CKPT", "must be given"),
    *[
        Case(f"overlaps ckpts {rest}", names, says)
        for rest, names, says in [
            ("-o new.csv", "'vanilla' network of full rank", "add --rank R"),
            ("-o new.csv --rank 0", "--rank", "from 1 on"),
            ("-o new.csv --rank two", "'two'", "for example 2,4,8"),
            ("-o new.csv --rank 1,1", "'1,1'", "twice"),
            ("-o new.csv --rank 9", "--rank: 9 for", "give 1 to 8"),
            ("-o new.csv --rank 1 --trials 3", "--trials", "add --truncations FILE"),
            ("-o new.csv --rank 1 -t bits=2", "-t", "add --truncations FILE"),
            ("-o new.csv --truncations new2.csv", "--truncations", "add --rank R"),
            ("-o new.csv --rank 1 --truncations -", "--truncations", "name a file"),
            ("-o new.csv --rank 1 --truncations new", "--truncations new", "names no format"),
            ("-o new.csv --rank 1 --truncations new.csv", "--truncations", "same file as --out"),
            ("-o new.csv --rank 1 --truncations new2.csv --trials 0", "--trials", "1 or more"),
            ("-o new.csv --rank 1 --truncations new2.csv --task sine", "the task 'sine' has 1", "choose the task"),
            ("-o new.csv --rank 1 --truncations new2.csv --inputs bad/five.npz", "5 channels", "same inputs"),
            ("-o new.csv --rank 1 --truncations new2.csv --inputs two.npz --ood", "--inputs", "leave out"),
            ("-o new.csv --rank 1 --history --initial", "--history", "leave out --initial"),
            ("-o new.xlsx --rank 1", "new.xlsx", "names no format"),
        ]
    ],
    Case("overlaps bad/gru.safetensors --rank 1 -o new.csv", "'gru'", "no loading vectors"),
    Case("overlaps bad/nan.safetensors --rank 1 -o new.csv", "recurrent.weight", "NaN"),
    Case("overlaps bad/taskless.safetensors --rank 1 -o new.csv --initial", "no weights before", "leave out --initial"),
    Case("overlaps ckpts -o new.csv --theory", "is a 'vanilla' network", "lowrank"),
    Case("overlaps ckpts -o new.csv --conserved c.csv", "is a 'vanilla' network", "lowrank"),
    Case("overlaps ckpts -o new.csv --theory --motion flo", "flo", "did you mean 'flow'"),
    Case("overlaps ckpts -o new.csv --motion flow", "--motion", "add --theory"),
    Case("overlaps ckpts -o new.csv --theory --rank 1", "--theory", "leave out --rank"),
    Case("overlaps ckpts -o new.csv --theory --initial", "--theory", "leave out --initial"),
    Case("overlaps ckpts -o new.csv --rank 1 --gram g.csv", "--gram", "leave out --rank"),
    Case("overlaps ckpts -o new.csv --gram new.csv", "--gram", "same file"),
    Case("overlaps ckpts -o new.csv --conserved -", "--conserved", "name a file"),
    Case("overlaps bad/taskless.safetensors --rank 1 -o new.csv --history", "taskless.history", "--snapshots"),
    Case("overlaps bad/taskless.safetensors --rank 1 -o new.csv --truncations n.csv", "no task of its own", "--task"),
    # latent
    Case("latent", "CKPT", "must be given"),
    Case("latent ckpts -o new.csv", "'vanilla' network of full rank", "--rank 1"),
    Case("latent bad/thin-nan.safetensors -o new.csv", "recurrent.left", "NaN"),
    Case("plot latent history.csv -o new.svg", "column 'fixed_points'", "missing"),
    *[
        Case(f"latent thin.safetensors {rest}", names, says)
        for rest, names, says in [
            ("-o new.csv --history", "thin.history.safetensors", "--snapshots"),
            ("-o new.csv --grid 1", "--grid", "2 or more"),
            ("-o new.csv --range 3", "'3'", "no pair"),
            ("-o new.csv --range 3,-3", "--range: 3,-3", "the smaller one first"),
            ("-o new.csv --range a,b", "'a,b'", "no list of numbers"),
            ("-o new.csv --range 0,inf", "--range", "no range"),
            ("-o new.csv --task-range 2,0", "--task-range", "the smaller one first"),
            ("-o new.csv --input 1", "has 1 numbers, thin has 2 inputs", "each input channel"),
            ("-o new.csv --input 1,nan", "--input", "finite"),
            ("-o new.csv --input x", "'x'", "no list of numbers"),
            ("-o new.csv --threshold 0", "--threshold", "above 0"),
            ("-o new.csv --flow new.csv", "--flow", "same file as --out"),
            ("-o new.csv --flow -", "--flow", "name a file"),
            ("-o new.csv --flow new", "--flow new", "names no format"),
            ("-o new.csv --align onset", "--align", "add --onsets FILE"),
            ("-o new.csv --onsets summary.parquet", "--onsets", "add --align onset"),
            ("-o new.csv --align onset --onsets summary.parquet", "summary.parquet", "onsets"),
            ("-o new.csv --align onset --onsets -", "standard input", "is empty"),
            ("-o thin.safetensors", "thin.safetensors", "names no format"),
        ]
    ],
    # path-dependence
    Case("path-dependence", "CKPT", "must be given"),
    Case("path-dependence bad/taskless.safetensors -o new.csv", "taskless.history", "train with --snapshots K"),
    *[
        Case(f"path-dependence ckpts {rest}", names, says)
        for rest, names, says in [
            ("-o new.csv", "'vanilla' network", "train with --model lowrank"),
            ("-o new.xlsx", "new.xlsx", "names no format"),
            ("-o new.csv --connection -", "--connection", "name a file"),
            ("-o new.csv --connection new", "--connection new", "names no format"),
            ("-o new.csv --connection new.csv", "--connection", "same file as --out"),
        ]
    ],
    # onset
    Case("onset", "CKPT", "must be given"),
    Case("onset bad/taskless.safetensors -o new.csv", "bad/training.parquet", "--training FILE"),
    Case(
        "onset bad/taskless.safetensors --training ckpts/training.parquet -o new.csv", "taskless", "how it was trained"
    ),
    Case(
        "onset bad/three.safetensors --training ckpts/training.parquet -o new.csv", "three", "no rows in the training"
    ),
    Case("onset ckpts --training - -o new.csv", "standard input", "is empty"),
    *[
        Case(f"onset ckpts {rest}", names, says)
        for rest, names, says in [
            ("-o new.csv --criterion hing", "--criterion", "threshold=VALUE"),
            ("-o new.csv --criterion threshold=x", "--criterion", "threshold=VALUE"),
            ("-o new.csv --metric accuracy", "--metric", "threshold=VALUE"),
            ("-o new.csv --metric val_los", "val_los", "did you mean 'val_loss'"),
            ("-o new.csv --level 0", "--level", "above 0"),
            ("-o new.csv --level nan", "--level", "above 0"),
            ("-o new.csv --phase 0", "--phase", "1 or more"),
            ("-o new.csv --phase 2", "not trained in phases", "--phase"),
            ("-o new.csv --bootstrap -1", "--bootstrap", "0 or more"),
            ("-o new.csv --training missing.parquet", "missing.parquet", "no such file"),
            ("-o new.csv --training summary.parquet", "holds a 'summary' table", "expected training"),
            ("-o new.csv --training bad/text.csv", "bad/text.csv", ""),
            ("-o new.csv --training bad/null-epoch.parquet", "column 'epoch'", "no value"),
            ("-o new.csv --training bad/training-cut.parquet", "bad/training-cut.parquet", "no readable Parquet"),
            ("-o ckpts/training.parquet", "--out", "same file"),
            ("-o new.xlsx", "new.xlsx", "names no format"),
        ]
    ],
    # weight-updates
    Case("weight-updates", "CKPT", "must be given"),
    Case("weight-updates bad/taskless.safetensors -o new.csv", "taskless.history", "train with --snapshots K"),
    *[
        Case(f"weight-updates ckpts -o new.csv {rest}", names, says)
        for rest, names, says in [
            ("--window 5", "--window", "add --events"),
            ("--sustained 2", "--sustained", "add --events"),
            ("--events --window 0", "--window", "1 or more"),
            ("--events --threshold 0", "--threshold", "not a positive number"),
            ("--events --merge -1", "--merge", "0 or more"),
            ("--events --margin 0", "--margin", "1 or more"),
            ("--events --sustained nan", "--sustained", "0 or more"),
            ("--around 5", "--around", "add --sides FILE"),
            ("--events --before 5,9", "--before", "add --sides FILE"),
            ("--sides new2.csv", "--sides", "add --events"),
            ("--sides -", "--sides", "name a file"),
            ("--events --sides new.csv", "--sides", "same file as --out"),
            ("--events --sides new2.csv --around 0", "--around", "not a positive number"),
            ("--events --sides new2.csv --before 9,5", "--before", "nearer step first"),
            ("--events --sides new2.csv --after 5", "--after", "for example 100,400"),
            ("--events --sides new2.csv --after a,b", "--after", "for example 100,400"),
            ("--correlation -", "--correlation", "name a file"),
            ("--correlation new", "--correlation new", "names no format"),
            ("--correlation ckpts/flipflop-vanilla-n8-s0.history.safetensors", "--correlation", "names no format"),
            ("--align onset", "--align", "add --onsets FILE"),
            ("--onsets onsets.csv", "--onsets", "has no part"),
            ("--onsets onsets.csv --align onse", "'onse'", "did you mean 'onset'"),
            ("--onsets onsets.csv --events", "no row of network 'flipflop-vanilla-n8-s0'", "same networks"),
            ("--onsets missing.csv --events", "missing.csv", "no such file"),
            ("--onsets summary.parquet --events", "holds a 'summary' table", "right file"),
        ]
    ],
    # ramping, decode, spectrum
    *[
        Case(f"{name} {rest}", names, says)
        for name in ("ramping", "decode", "spectrum")
        for rest, names, says in [
            ("", "CKPT", "must be given"),
            ("ckpts -o new.csv --history --initial", "--history", "leave out --initial"),
            ("bad/taskless.safetensors -o new.csv", "taskless", "--task"),
            ("bad/taskless.safetensors -o new.csv --history", "taskless.history", "--snapshots"),
            ("ckpts -o new.csv --task sine", "inputs", "--task"),
            ("ckpts -o new.csv -t steps=no", "steps", "'no'"),
            ("ckpts -o new.csv --memory-units 8", "--memory-units", "1 to 7"),
            ("ckpts -o new.csv --memory-units 0", "--memory-units", "1 to 7"),
            (f"ckpts -o {NETWORK}", "names no format", "parquet"),
        ]
    ],
    *[
        Case(f"{rest} -o new.csv", names, says)
        for rest, names, says in [
            ("ramping ckpts --window 3", "--window", "FROM:TO"),
            ("ramping ckpts --window 5:11", "--window", "0:10"),
            ("ramping ckpts --window 5:7", "--window", "three steps"),
            ("ramping ckpts --min-slope nan", "--min-slope", "0 or more"),
            ("ramping ckpts --min-r2 1", "--min-r2", "less than 1"),
            ("ramping ckpts --trials 0", "--trials", "1 or more"),
            ("decode ckpts --fit-trials 1", "--fit-trials", "2 or more"),
            ("decode ckpts --test-trials 0", "--test-trials", "2 or more"),
            ("decode ckpts --noise -1", "--noise", "0 or more"),
            ("decode ckpts --noise inf", "--noise", "0 or more"),
            ("spectrum ckpts --trials 0", "--trials", "1 or more"),
            ("spectrum ckpts --trials 1 -t steps=2", "--trials", "3 steps"),
        ]
    ],
    # twin
    Case("twin -o new", "CKPT, --overlaps", "one of the two"),
    Case("twin ckpts", "--out", "must be given"),
    *[
        Case(f"twin ckpts {rest}", names, says)
        for rest, names, says in [
            ("-o new", "'vanilla' network of full rank", "add --rank R"),
            ("-o new --rank 0", "--rank", ""),
            ("-o new --rank 1 --copies 0", "--copies", ""),
            ("-o new --rank 1 --spread 0", "--spread", "above 0"),
            ("-o new --rank 1 --spread nan", "--spread", "above 0"),
            ("-o new --rank 1 --units 2", "--units: 2 units", "or more"),
            ("-o new --rank 1 --alpha .5", "--alpha", "checkpoints have their own"),
            ("-o new --rank 1 --network a", "--network", "checkpoints have their own"),
            ("-o new --overlaps gram.csv", "CKPT, --overlaps", "one of the two"),
            ("-o good.pt/new --rank 1", "good.pt/new", "cannot be written"),
        ]
    ],
    Case("twin bad/gru.safetensors --rank 1 -o new", "'gru'", "no loading vectors"),
    Case("twin bad/nan.safetensors --rank 1 -o new", "recurrent.weight", "NaN"),
    *[
        Case(f"twin --overlaps {rest} -o new", names, says)
        for rest, names, says in [
            ("missing.csv", "missing.csv", "no such file"),
            ("pairs.csv", "column 'left'", "missing"),
            ("gram.csv --rank 1", "--rank", "leave them out"),
            ("gram.csv --nonlinearity relu", "relu", "known: identity"),
            ("gram.csv --network z", "--network", "no column 'network'"),
            ("bad/indefinite.csv", "eigenvalue of -1", "smaller"),
            ("bad/lacking.csv", "the pair v, z is missing", "give all 10"),
        ]
    ],
    # freeze-in
    *[
        Case(f"freeze-in -o new.csv {rest}", names, says)
        for rest, names, says in [
            ("--units 0", "--units", "between 1 and 10000"),
            ("--cues 0", "--cues", "between 1 and 10000"),
            ("--gain -1", "--gain", "between 0 and 1e+06"),
            ("--alpha 0", "--alpha", "above 0 and at most 1"),
            ("--alpha nan", "--alpha", "above 0 and at most 1"),
            ("--rate nan", "--rate", "between 0 and 1e+06"),
            ("--amplitude inf", "--amplitude", "between 0 and 1e+06"),
            ("--noise -1", "--noise", "between 0 and 1e+06"),
            ("--cue-steps 0", "--cue-steps", "between 1 and 10000"),
            ("--plastic-steps 10001", "--plastic-steps", "between 1 and 10000"),
            ("--epochs 0", "--epochs", "between 1"),
            ("--plastic afterwards", "afterwards", "did you mean 'after'"),
            ("--probe-every 0", "--probe-every", "between 1"),
            ("--free-steps -1", "--free-steps", "between 0"),
            ("--still 0", "--still", "above 0 and at most 1"),
            ("--apart 2", "--apart", "above 0 and at most 1"),
            ("--certify lst", "lst", "did you mean 'last'"),
            ("--seeds 3:1", "--seeds", "3:1"),
            ("--overwrite", "--overwrite", "add --save DIR"),
            ("--save ckpts/training.parquet", "ckpts/training.parquet", ""),
        ]
    ],
    # sample-gram
    Case("sample-gram -o new", "--overlaps, --start", "one of the two"),
    Case("sample-gram --start random", "--out", "must be given"),
    *[
        Case(f"sample-gram {rest} -o new", names, says)
        for rest, names, says in [
            ("--overlaps gram.csv --start random", "--overlaps, --start", "one of the two"),
            ("--start randm", "randm", "did you mean 'random'"),
            ("--start random --network a", "--network", "add --overlaps"),
            ("--start random --rank 0", "--rank", ""),
            ("--start random --units 0", "--units", "from 1 on"),
            ("--start random --units 3", "--units: 3 units", "give 4 or more"),
            ("--start random --seeds x", "--seeds", "no set of seeds"),
            ("--start random --alpha 0", "--alpha", "not in (0, 1]"),
            ("--start random --nonlinearity tan", "tan", "did you mean 'tanh'"),
            ("--start random -t gain=2", "-t", "add --task"),
            ("--start random --task flipflop", "has 1 inputs", "flipflop"),
            ("--overlaps gram.csv --rank 2", "--rank", "the table has its vectors"),
            ("--overlaps bad/indefinite.csv", "eigenvalue of -1", "smaller"),
            ("--overlaps bad/text.csv", "bad/text.csv", "no readable csv"),
            ("--overlaps -", "standard input", "is empty"),
        ]
    ],
    # report
    Case("report", "DIR", "must be given"),
    Case("report missing -o new.html", "missing", "no such folder"),
    Case("report summary.parquet -o new.html", "summary.parquet", "a file, not a folder"),
    Case("report empty -o new.html", "empty", "rnnkit train flipflop"),
    *[
        Case(f"report ckpts {rest}", names, says)
        for rest, names, says in [
            ("-o new.pdf", "new.pdf", "end in .html"),
            ("-o good.pt/new.html", "good.pt", "cannot be written"),
            ("-o new.html --rows 0", "--rows", "1 or more"),
            ("-o new.html --include *.npz", "--include", "fits no file"),
            ("-o new.html --exclude *.npz", "--exclude", "fits no file"),
            ("-o new.html --exclude *", "--exclude", "exclude less"),
            ("-o new.html --plots trainig", "trainig", "did you mean 'training'"),
            ("-o new.html --plots training,training", "--plots", "given twice"),
            ("-o new.html --plots distances", "--plots", "needs a 'comparisons' table"),
        ]
    ],
    # the application itself
    Case("trian", "trian", "train"),
    Case("--loud", "--loud", "No such option"),
]


def test_there_are_cases_for_every_command():
    commands = {info.name for info in app.registered_commands}
    assert commands <= {case.line.split()[0] for case in CASES}
    assert len(CASES) >= 200


@pytest.mark.parametrize("case", CASES, ids=str)
def test_one_line_and_nothing_written(desk, case):
    before = folder_state(desk)
    done = run_cli(*case.line.split(), stdin=case.stdin)
    assert done.code == 2, done.err
    assert done.out == b""
    command = case.line.split()[0]
    known = {info.name for info in app.registered_commands}
    who = f"rnnkit {command}" if command in known else "rnnkit"
    assert re.fullmatch(re.escape(who) + r": [^\n]+: [^\n]+ \([^\n]+\)\n|" + who + r": [^\n]+ \([^\n]+\)\n", done.err)
    assert case.names in done.err
    assert case.says in done.err
    assert folder_state(desk) == before

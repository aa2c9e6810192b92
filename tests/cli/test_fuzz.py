"""Damaged files through the commands: a line and exit code 2, or a sound result; never a traceback."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import run_cli

LINES = {
    "safetensors": [
        "info {} --format csv",
        "info {} -v",
        "rollout {} --trials 1 --format csv",
        "import {} -o {out} --overwrite",
    ],
    "history.safetensors": ["info {}"],
    "png": ["info {}"],
    "svg": ["info {}"],
    "pdf": ["info {} -v"],
    "pt": ["import {} -o {out} --overwrite"],
    "npz": ["import {} -o {out} --overwrite", "rollout {ckpt} --inputs {} --format csv"],
    "mat": ["import {} -o {out} --overwrite"],
    "parquet": ["rollout {ckpt} --inputs {} --format csv", "info {}", "info {} -v"],
    "csv": ["rollout {ckpt} --inputs {} --format csv", "info {}"],
    "jsonl": ["rollout {ckpt} --inputs {} --format csv", "info {}"],
    "toml": ["train --config {} -o {out} --overwrite --units 3 --epochs 1 --steps-per-epoch 1 --seeds 0 -t steps=3"],
}
TOML = 'batch = 2\nvalidation-trials = 2\nlr = 0.1\nstop_loss = 1e-3\nmodel = "vanilla"\n[t]\nbits = 1\n'


class Sound(dict):
    """Files by their endings; a short repr, for hypothesis prints it."""

    def __repr__(self) -> str:
        return f"Sound({', '.join(self)})"


@pytest.fixture(scope="module")
def sound(ensemble, tmp_path_factory):
    """A small whole file of each kind."""
    folder = tmp_path_factory.mktemp("whole")
    name = "flipflop-vanilla-n8-s0"
    files = {"safetensors": (ensemble / f"{name}.safetensors").read_bytes(), "toml": TOML.encode()}
    for to, ending in (("torch", "pt"), ("npz", "npz"), ("mat", "mat")):
        assert run_cli("export", ensemble / f"{name}.safetensors", "--to", to, "-o", folder, "-q").code == 0
        files[ending] = (folder / f"{name}.{ending}").read_bytes()
    for form in ("parquet", "csv", "jsonl"):
        words = ["sample", "flipflop", "-t", "bits=2", "-t", "steps=3", "--trials", 2, "--format", form]
        files[form] = run_cli(*words).out
    files["history.safetensors"] = (ensemble / f"{name}.history.safetensors").read_bytes()
    for form in ("png", "svg", "pdf"):
        files[form] = run_cli("plot", "training", ensemble / "training.parquet", "--format", form, "--dpi", 20).out
    return Sound({**files, "ckpt": str(ensemble / f"{name}.safetensors")})


@st.composite
def damage(draw):
    """Edits as (place, bytes to remove, bytes to put there), places as shares of the file."""
    edit = st.tuples(st.floats(0, 1), st.integers(0, 30), st.binary(max_size=30))
    return draw(st.lists(edit, min_size=1, max_size=4)), draw(st.one_of(st.none(), st.floats(0, 1)))


@pytest.mark.parametrize("kind", LINES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(damage=damage())
def test_damaged_files(kind, sound, tmp_path_factory, damage):
    edits, cut = damage
    data = bytearray(sound[kind])
    for place, removed, put in edits:
        at = int(place * len(data))
        data[at : at + removed] = put
    if cut is not None:
        data = data[: int(cut * len(data))]
    base = tmp_path_factory.getbasetemp()
    path = base / f"damaged.{kind}"
    path.write_bytes(data)
    for line in LINES[kind]:
        words = [word.format(path, ckpt=sound["ckpt"], out=base / "damaged-out") for word in line.split()]
        done = run_cli(*words)
        assert "Traceback" not in done.err
        assert done.code in (0, 1, 2)
        if done.code == 2:
            assert re.fullmatch(r"rnnkit \w+: [^\n]+ \([^\n]+\)\n", done.err)
            assert done.out == b""

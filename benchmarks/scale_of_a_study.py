"""`compare` on the scale of a study: killed and continued, its memory, its workers, a Dask cluster.

``python benchmarks/scale_of_a_study.py FOLDER [--networks 120] [--only 1 2 ...]`` runs the command line and prints
the tables of docs/benchmarks.md. FOLDER keeps the networks, so that a second run does not train them again, and what
part 5 needs of part 1. It ends with 1 when a claim does not hold. Its dask, distributed and psutil come with
``rnnkit[cluster]``. Nothing else should be at work on the computer.

1. All networks: the whole process tree killed three times, each pair there once, memory bounded.
2. The table of a run that was killed is that of an undisturbed one.
3. Memory does not grow from N networks to 2 N and 4 N.
4. Two workers against one.
5. The time that 68 groups of 50 networks take, from the times of 1.
6. A Dask cluster of two workers, undisturbed and with one of them killed: the same table.
"""

import argparse
import dataclasses
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from itertools import combinations
from pathlib import Path
from statistics import median

import numpy as np
import psutil
import pyarrow.parquet as pq

import rnnkit
from rnnkit.checkpoints import load_native, save_native
from rnnkit.stages.pairs import tiles

METRICS = ("dsa", "pif", "svcca")
GROUPS, OF_NETWORKS = 68, 50
WORKERS = 2
#: Bytes that all processes together stay below.
BOUND = 4 * 2**30
#: Seconds between two looks at the memory, and at the batches that are done.
LOOK, GLANCE = 0.3, 0.02
#: Seconds after which a process that should be gone is gone.
GONE = 30

failures = []


def require(holds, claim):
    print(f"{'holds' if holds else 'FAILS'}: {claim}", file=sys.stderr, flush=True)
    if not holds:
        failures.append(claim)


def heading(title, *columns):
    print(f"\n{title}\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")


def line(*cells):
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


# Processes


def tree(pid):
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def memory_of(processes):
    """Bytes of all: what they share counted for each, and counted once (0 where the system does not tell)."""
    resident = proportional = 0
    for process in processes:
        try:
            found = process.memory_full_info()
        except psutil.Error:
            continue
        resident += found.rss
        proportional += getattr(found, "pss", 0)
    return resident, proportional


def running(process):
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until_gone(processes, since):
    """Wait for processes that should be gone; return the seconds that took."""
    while (alive := [one for one in processes if running(one)]) and time.perf_counter() - since < GONE:
        time.sleep(GLANCE)
    kill_tree(alive)
    require(not alive, f"no process of a killed run is left after {GONE} s")
    return time.perf_counter() - since


def kill_tree(processes):
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def kill_parent(processes):
    processes[0].kill()


@dataclasses.dataclass
class Batch:
    """A batch of pairs: its number, when it came (seconds from the start), its pairs, and the seconds it took."""

    number: int
    when: float
    pairs: int
    took: float

    @property
    def began(self):
        return self.when - self.took


class Run:
    """One run of `compare`: its wall time, its memory, its batches as they come to the part of its table."""

    def __init__(self, words, out):
        self.out, self.part = out, out.with_name(out.name + ".part")
        self.words = [sys.executable, "-m", "rnnkit", "compare", *map(str, words), "-o", str(out)]
        self.temporary = out.parent / "tmp"
        self.wall, self.memory, self.batches = 0.0, (0, 0), []
        #: Seconds until the processes were gone, after the run was ended.
        self.left = 0.0
        self._place = 0

    def go(self, moment=None, act=None):
        """Run to the end. When moment(self) holds, call act(processes); return whether it ended by that."""
        self.temporary.mkdir(parents=True, exist_ok=True)
        self._records()  # those of the runs before
        log = self.out.with_name(self.out.name + ".log")
        acted, below = 0.0, []
        with log.open("wb") as output:
            started = time.perf_counter()
            process = subprocess.Popen(self.words, env=environment(self.temporary), stdout=output, stderr=output)
            over = threading.Event()
            watch = threading.Thread(target=self._watch, args=(process.pid, over))
            watch.start()
            while process.poll() is None:
                now = time.perf_counter() - started
                for number, rows in self._records():
                    self.batches.append(Batch(number, now, len(rows), sum(row[-1] for row in rows)))
                if moment is not None and not acted and moment(self):
                    processes = tree(process.pid)
                    below, acted = processes[1:], time.perf_counter()
                    act(processes)
                time.sleep(GLANCE)
            self.wall = time.perf_counter() - started
            over.set()
            watch.join()
        ended = acted > 0 and process.returncode < 0
        if process.returncode != 0 and not ended:
            raise SystemExit(f"{' '.join(self.words)}\nended with {process.returncode}\n{log.read_text()}")
        if ended:
            self.left = wait_until_gone(below, acted)
        return ended

    def _watch(self, pid, over):
        while not over.wait(LOOK):
            found = memory_of(tree(pid))
            self.memory = tuple(max(*pair) for pair in zip(self.memory, found, strict=True))

    def _records(self):
        """Records that are new since the last look; one that is cut off is left for later."""
        try:
            with self.part.open("rb") as handle:
                handle.seek(self._place)
                text = handle.read()
        except FileNotFoundError:
            return []
        whole = text[: text.rfind(b"\n") + 1]
        self._place += len(whole)
        return [held for held in (json.loads(one[9:]) for one in whole.splitlines()) if isinstance(held, list)]

    @property
    def begun(self):
        """Seconds until the first pair was begun: imports, workers, reductions."""
        return min((batch.began for batch in self.batches[:WORKERS]), default=self.wall)

    @property
    def solving(self):
        """Seconds from the first pair to the last."""
        return self.batches[-1].when - self.begun

    def unfinished(self):
        """Seconds that each worker had been at the batch it was at when the run was killed, the mean of them."""
        free = [self.begun] * WORKERS
        for batch in self.batches:
            worker = min(range(WORKERS), key=lambda k: abs(free[k] - batch.began))
            free[worker] = batch.when
        return self.wall - sum(free) / WORKERS


def environment(temporary):
    """This environment, with this rnnkit and a folder for temporary files."""
    path = os.pathsep.join(filter(None, [str(Path(rnnkit.__file__).parents[1]), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "TMPDIR": str(temporary)}


def compared(metrics, workers=1, memory="1G"):
    """Words of a command line."""
    return ["--metric", ",".join(metrics), "--threads", 1, "--workers", workers, "--memory", memory, "-q"]


class Moment:
    """Holds when so many of the batches that count are done, and up to the time between two batches later."""

    def __init__(self, before, counted, goal, later):
        self.before, self.counted, self.goal, self.later = frozenset(before), counted, goal, later
        self.due = float("inf")

    def __call__(self, run):
        now = time.perf_counter()
        done = self.before | {batch.number for batch in run.batches}
        if run.batches and self.due == float("inf") and len(done & self.counted) >= self.goal:
            self.due = now + self.later * median(batch.took for batch in run.batches) / WORKERS
        return now >= self.due


def killed(words, out, count, act, rng):
    """Run, end it three times at random moments of the solving of dsa and pif, go on each time; return the runs."""
    slow = {tile.number for tile in tiles([range(count)], METRICS) if tile.metric != "svcca"}
    runs, done = [], set()
    for attempt in range(4):
        run = Run([*words, *(["--resume", out] if attempt else [])], out)
        goal = (attempt + 0.75 + rng.uniform(-0.4, 0.4)) / 4 * len(slow)
        moment = Moment(done, slow, goal, rng.random())
        ended = run.go(moment if attempt < 3 else None, act)
        again = done & {batch.number for batch in run.batches}
        require(not again, f"run {attempt + 1} solved nothing again that was kept")
        midway = ended and not out.exists() if attempt < 3 else not ended
        require(midway, f"run {attempt + 1} was {'killed midway' if attempt < 3 else 'left alone'}")
        done |= {batch.number for batch in run.batches}
        runs.append(run)
    left = [path.name for path in out.parent.iterdir() if path.name.endswith(".part")]
    left += [path.name for path in (out.parent / "tmp").iterdir() if path.name.startswith("rnnkit")]
    require(not left, f"nothing is left behind {left or ''}")
    return runs


# Networks and tables


def trained(options, count):
    """Files of trained networks; those that are there are not trained again."""
    folder = options.folder / f"networks-{options.networks}-epochs-{options.epochs}"
    begun = folder / "begun"
    if not folder.exists() or begun.exists():
        again = begun.exists()
        folder.mkdir(parents=True, exist_ok=True)
        begun.touch()
        words = f"""train flipflop -t bits=3 -t steps=50 --units 64 --seeds 0:{options.networks} --batch 64 --lr 3e-3
            --schedule cosine --restart {options.epochs} --epochs {options.epochs} --patience {options.epochs} -q
            {"--resume" if again else ""} -o""".split()
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "rnnkit", *words, folder], check=True, env=environment(options.folder))
        print(f"trained in {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
        begun.unlink()
    files = sorted(folder.glob("*.safetensors"))
    if len(files) != options.networks:
        raise SystemExit(f"{folder} holds {len(files)} networks, not {options.networks}: delete it")
    return files[:count]


def noisy(files, folder, count, rng):
    """Files of networks made from those trained, in turn, with a percent of noise on each weight."""
    for k in range(count):
        held = load_native(files[k % len(files)])
        weights = {
            name: (value * (1 + 0.01 * rng.normal(size=value.shape))).astype(value.dtype)
            for name, value in held.weights.items()
        }
        name = f"noisy-{k:04d}"
        save_native(dataclasses.replace(held, name=name, weights=weights, seed=k), folder / f"{name}.safetensors")


def fresh(options, name):
    folder = options.folder / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def rows(path):
    """A table but for its seconds and its metadata."""
    return pq.read_table(path).drop_columns(["seconds"]).replace_schema_metadata()


def per_pair(path):
    """Mean seconds per pair, by metric."""
    table = pq.read_table(path, columns=["metric", "seconds"]).to_pandas()
    return table.groupby("metric", sort=False)["seconds"].mean().to_dict()


def mib(value):
    return f"{value / 2**20:.0f}"


# Parts


def kills(options, rng):
    count = options.networks
    files, folder = trained(options, count), fresh(options, "kills")
    out = folder / "dist.parquet"
    runs = killed([*files, *compared(METRICS, WORKERS)], out, count, kill_tree, rng)
    table = pq.read_table(out)
    found = Counter(zip(*(table[name].to_pylist() for name in ("metric", "a", "b")), strict=True))
    names = list(dict.fromkeys(path.stem for path in files))
    wanted = {(metric, *sorted(pair)) for metric in METRICS for pair in combinations(names, 2)}
    once = {(metric, *sorted((a, b))) for metric, a, b in found} == wanted and found.total() == len(wanted)
    require(once, "each pair and metric is there exactly once")
    require(table["distance"].null_count == 0, "each has a distance")
    resident, proportional = (max(run.memory[k] for run in runs) for k in range(2))
    require(0 < (proportional or resident) < BOUND, f"all processes together stay below {mib(BOUND)} MiB")
    wall = sum(run.wall for run in runs)
    again = sum(run.unfinished() for run in runs[:3])
    restarts = sum(run.begun for run in runs[1:])
    seconds = per_pair(out)
    solved = sum(batch.took for run in runs for batch in run.batches)
    busy = solved / (wall - again - restarts - runs[0].begun) / WORKERS
    kept = {"networks": count, "seconds": seconds, "begun": runs[0].begun, "busy": busy}
    (options.folder / "kills.json").write_text(json.dumps(kept))
    heading(f"Killed three times, {WORKERS} workers, --memory 1G", "", "")
    line("networks, pairs, rows", f"{count}, {count * (count - 1) // 2:,}, {table.num_rows:,}")
    line("killed after, s", ", ".join(f"{run.wall:.0f}" for run in runs[:3]))
    line("total time, s", f"{wall:.0f}")
    line(
        "peak memory of all processes, MiB", f"{mib(proportional)} (what they share counted for each: {mib(resident)})"
    )
    for name, one in seconds.items():
        line(f"seconds a pair, {name}", f"{one:.4f}")
    line("until the first pair of each run, s", ", ".join(f"{run.begun:.1f}" for run in runs))
    line("share of the time: pairs solved again", f"{again / wall:.4f}")
    line("share of the time: starting again", f"{restarts / wall:.4f}")


def equal(options, rng):
    count = min(16, options.networks)
    files, folder = trained(options, count), fresh(options, "equal")
    Run([*files, *compared(METRICS, WORKERS)], folder / "plain.parquet").go()
    runs = killed([*files, *compared(METRICS, WORKERS)], folder / "killed.parquet", count, kill_parent, rng)
    same = rows(folder / "plain.parquet").equals(rows(folder / "killed.parquet"))
    require(same, "the table of a killed run is that of an undisturbed one")
    heading("Killed three times (the first process only) against undisturbed", "", "")
    line("networks, rows", f"{count}, {rows(folder / 'plain.parquet').num_rows}")
    line("rows that differ but for their seconds", 0 if same else "some")
    line("workers gone after, s", ", ".join(f"{run.left:.1f}" for run in runs[:3]))


def growth(options, rng):
    files, folder = trained(options, options.networks), fresh(options, "growth")
    heading(f"Memory, svcca, {WORKERS} workers, --memory 100M", "networks", "pairs", "peak MiB", "seconds")
    peaks = []
    for times in (1, 2, 4):
        count = times * options.networks
        here = folder / str(count)
        noisy(files, here, count, np.random.default_rng(0))
        run = Run([here, *compared(("svcca",), WORKERS, "100M")], folder / f"{count}.parquet")
        run.go()
        peaks.append(run.memory[1] or run.memory[0])
        line(count, f"{count * (count - 1) // 2:,}", mib(peaks[-1]), f"{run.wall:.0f}")
        shutil.rmtree(here)
    require(max(peaks) <= 1.1 * peaks[0], "four times the networks take no more than a tenth more memory")


def workers(options, rng):
    count = min(24, options.networks)
    files, folder = trained(options, count), fresh(options, "workers")
    walls, phases = {1: [], WORKERS: []}, {1: [], WORKERS: []}
    for turn in range(options.rounds):
        for number in walls:
            run = Run([*files, *compared(("dsa", "pif"), number)], folder / f"{number}-{turn}.parquet")
            run.go()
            walls[number].append(run.wall)
            phases[number].append(run.solving)
    same = all(rows(folder / "1-0.parquet").equals(rows(path)) for path in folder.glob("*.parquet"))
    require(same, "one worker and two give the same table")
    heading(f"Workers, dsa and pif, {count} networks, {options.rounds} rounds in turn", "", "1", str(WORKERS), "ratio")
    for name, found in (("whole command", walls), ("solving alone", phases)):
        one, two = (median(found[number]) for number in found)
        line(f"{name}, s", f"{one:.1f}", f"{two:.1f}", f"{one / two:.2f}")
    require(median(phases[1]) / median(phases[WORKERS]) >= 1.7, "two workers solve at least 1.7 times as fast as one")


def projection(options, rng):
    path = options.folder / "kills.json"
    if not path.is_file():
        raise SystemExit("part 5 needs the times of part 1: run that first")
    held = json.loads(path.read_text())
    pairs, networks = GROUPS * OF_NETWORKS * (OF_NETWORKS - 1) // 2, GROUPS * OF_NETWORKS
    heading(f"{GROUPS} groups of {OF_NETWORKS} networks, from the times above, {WORKERS} workers", "", "")
    line("command", "`rnnkit compare ckpts --metric dsa,pif,svcca --within units,gamma --workers 2 -o dist.parquet`")
    line("pairs", f"{pairs:,}")
    total = 0.0
    for name, seconds in held["seconds"].items():
        hours = pairs * seconds / WORKERS / held["busy"] / 3600
        total += hours
        line(f"hours, {name}", f"{hours:.2f}")
    # As if all that comes before the first pair grew with the networks.
    before = held["begun"] / held["networks"] * networks / 3600
    line("hours before the first pair, at most", f"{before:.2f}")
    line("hours in all", f"{total + before:.1f}")


def cluster(options, rng):
    import distributed

    count = min(24, options.networks)
    files, folder = trained(options, count), fresh(options, "cluster")
    words = [*files, *compared(METRICS)]
    Run(words, folder / "plain.parquet").go()
    os.environ.update(environment(folder))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        crew = distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, memory_limit=0, dashboard_address=None, local_directory=str(folder)
        )
    with crew:
        scheduled = [*words, "--scheduler", crew.scheduler_address]
        Run(scheduled, folder / "cluster.parquet").go()
        third, victims = len(list(tiles([range(count)], METRICS))) / 3, []

        def kill_worker(processes):
            victims.append(psutil.Process(next(iter(crew.workers.values())).pid))
            victims[0].kill()

        run = Run(scheduled, folder / "killed.parquet")
        run.go(lambda run: len(run.batches) > third / 2, kill_worker)
    require(len(victims) == 1, "a worker of the cluster was killed midway")
    heading("A Dask cluster of two workers against one process", "run", "rows that differ but for their seconds")
    for name, title in (("cluster", "undisturbed"), ("killed", "one worker killed")):
        same = rows(folder / "plain.parquet").equals(rows(folder / f"{name}.parquet"))
        require(same, f"a cluster gives the same table, {title}")
        line(title, f"{0 if same else 'some'} of {rows(folder / 'plain.parquet').num_rows}")


PARTS = {1: kills, 2: equal, 3: growth, 4: workers, 5: projection, 6: cluster}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="for networks and tables")
    parser.add_argument("--networks", type=int, default=120)
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3, help="of part 4")
    parser.add_argument("--seed", type=int, default=0, help="of the moments at which runs are killed")
    parser.add_argument("--only", type=int, nargs="+", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    if options.networks < 12:
        parser.error("--networks: 12 or more, or there are too few batches to kill a run midway three times")
    options.folder = options.folder.resolve()
    for number in options.only:
        print(f"part {number}", file=sys.stderr, flush=True)
        PARTS[number](options, random.Random(options.seed + number))
    if failures:
        raise SystemExit("\n".join(["", *(f"FAILS: {claim}" for claim in failures)]))


if __name__ == "__main__":
    main()

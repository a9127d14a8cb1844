"""From D4RL's files on a server to Figure 3, with the cable pulled twice on the way."""

import csv
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from off2on.data.catalogue import FILE, Published, catalogue, published
from off2on.data.fetch import DIRECTORY
from off2on.envs.tasks import get_task
from off2on.files import sha256
from off2on.paths import Layout
from tests.d4rl_layout import policy_weights, steps, write
from tests.server import Server, drops, serving

from .conftest import Snakemake

CHEETAH = get_task("halfcheetah")
DATASETS = ("random", "medium", "medium-replay", "medium-expert")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Has halfcheetah's files of both versions, as small as the scale smoke wants them."""
    weights = policy_weights(CHEETAH)
    for seed, dataset in enumerate(DATASETS):
        content = steps(CHEETAH, 2_500, seed, None if dataset == "random" else weights)
        for source in ("d4rl-v0", "d4rl-v2"):
            kept = weights if source == "d4rl-v2" and dataset == "medium" else None
            entry = published(source, "halfcheetah", dataset)
            write(tmp_path / "www" / entry.path, content, source, dataset, kept)
    monkeypatch.setenv(DIRECTORY, str(tmp_path / "d4rl"))
    with serving(tmp_path / "www") as running:
        monkeypatch.setenv("OFF2ON_D4RL_MIRROR", running.url)
        yield running


@pytest.fixture
def code(repository: Path, server: Server, tmp_path: Path) -> Path:
    """A copy of the code to which these files are the published ones."""
    copy = Path(shutil.copytree(repository, tmp_path / "code"))
    entries = [entry for entry in catalogue().values() if (server.root / entry.path).is_file()]
    lines = ["source\ttask\tdataset\tpath\tbytes\tsha256", *(_line(server.root, entry) for entry in entries)]
    (copy / "off2on/data" / FILE.name).write_text("\n".join(lines) + "\n")
    return copy


def _line(root: Path, entry: Published) -> str:
    file = root / entry.path
    words = (entry.source, entry.task, entry.dataset, entry.path, str(file.stat().st_size), sha256(file))
    return "\t".join(words)


def _to_figure_3(snakemake: Snakemake, code: Path, server: Server, layout: Layout, words: tuple[str, ...]) -> None:
    """Run it, and look at the download, the figure and what the runs say of their data."""
    words = ("fig_3", "--config", *words, f"source={layout.source}")
    cache = layout.root / "d4rl"
    # pulled in the middle of a file, and not put in again: the run stops
    server.faults = [drops(200_000), *[drops(0)] * 100]
    done = snakemake(*words, code=code)
    assert done.returncode == 1, done.stdout
    assert "The same command goes on from there" in done.stdout
    (part,) = (part for part in cache.glob("*.part") if part.stat().st_size)
    there = part.stat().st_size
    # pulled again, and put in again
    server.asked.clear()
    server.faults = [drops(65_536), drops(0)]
    done = snakemake(*words, code=code)
    assert done.returncode == 0, done.stdout
    assert f"bytes={there}-" in [asked for path, asked in server.asked if path.endswith(part.stem)]
    assert not list(cache.glob("*.part"))
    with (layout.figures / "fig_3.csv").open() as file:
        assert "ours" in {row["method"] for row in csv.DictReader(file)}
    info = json.loads((layout.run("halfcheetah", "medium", "ours", 0) / "run.json").read_text())
    entry = published(layout.source, "halfcheetah", "medium")
    assert info["dataset_sha256"] == sha256(server.root / entry.path) == sha256(cache / entry.name)
    assert "Nothing to be done" in snakemake(*words, code=code).stdout


@pytest.mark.slow
def test_from_a_server_to_figure_3(
    server: Server, code: Path, scale: Path, snakemake: Snakemake, tmp_path: Path
) -> None:
    layout = Layout("micro", "d4rl-v0", tmp_path)
    _to_figure_3(snakemake, code, server, layout, (f"scale={scale}", "datasets=[medium]", "methods=[ours]"))


@pytest.mark.skipif(not os.environ.get("OFF2ON_TEST_LONG"), reason="long: OFF2ON_TEST_LONG=1")
@pytest.mark.slow
@pytest.mark.parametrize("source", ["d4rl-v0", "d4rl-v2"])
def test_the_scale_smoke_from_a_server_to_figure_3(
    source: str, server: Server, code: Path, snakemake: Snakemake, tmp_path: Path
) -> None:
    _to_figure_3(snakemake, code, server, Layout("smoke", source, tmp_path), ("scale=smoke",))

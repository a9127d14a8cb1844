"""What only tasks of pictures need: encoders, crops, shares of origins, the best of the checkpoints."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from off2on import adopt
from off2on.algorithms.algorithm import Sizes
from off2on.convolutions import KINDS
from off2on.data.batch import Batch
from off2on.data.crop import cropped, draw_corners
from off2on.data.dataset import Dataset, write_dataset
from off2on.envs.tasks import get_task
from off2on.errors import Off2OnError
from off2on.jobs import FinetuneJob, PretrainJob
from off2on.nn.encoder import encode, encoder_of
from off2on.observations import ObservationSpec
from off2on.paths import Layout
from off2on.replay.origins import Origins
from off2on.results.run_json import check_place, read_info
from off2on.scale import load_scale
from off2on.training.finetune import Inputs, finetune
from off2on.training.kept import kept_steps
from off2on.training.pretrain import pretrain
from off2on.training.schedule import epochs, updates
from off2on.training.select import select
from tests.unit.small import SETTINGS, training, tuning, with_settings

PIXELS = ObservationSpec((48, 48, 3), "uint8", "image")
SEEN = SETTINGS.model_copy(
    update={"images": SETTINGS.images.model_copy(update={"head": (8,), "density_head": (8,)})}
)
TASK = get_task("pick-place")


# ------------------------------------------------------------------------------------------------- encoders


@pytest.mark.parametrize(("kind", "features", "rows"), [("cog", 12 * 12 * 16, 4), ("small", 6 * 6 * 32, 2)])
def test_an_encoder_gives_features_of_every_network(kind: str, features: int, rows: int) -> None:
    settings = SEEN.model_copy(update={"images": SEEN.images.model_copy(update={"encoder": kind})})
    encoder = encoder_of(PIXELS, settings)
    assert encoder.features == features == KINDS[kind].features(48)
    rngs = [np.random.default_rng(i) for i in range(2)]
    nets = encoder.before_all({"policy": {}, "critic": {}}, rngs)
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 5, 48, 48, 3), np.uint8))
    assert encode(nets["policy"], images[0]).shape == (2, 5, features)
    shared, own = encode(nets["critic"], images[1]), encode(nets["critic"], images)
    assert shared.shape == own.shape == (rows, 5, features)
    # member 1 has the second minibatch, and so has its second critic
    torch.testing.assert_close(own[1], shared[1])
    torch.testing.assert_close(own[-1], shared[-1])
    assert not torch.equal(shared[0], shared[1])


def test_multiplications_are_counted_by_hand() -> None:
    assert KINDS["cog"].multiplications(48, 3) == 48**2 * 16 * 27 + 24**2 * 16 * 144 + 12**2 * 16 * 144
    assert KINDS["small"].multiplications(48, 3) == 12**2 * 24 * 48 + 6**2 * 32 * 216


def test_members_start_alike_however_many_there_are() -> None:
    encoder = encoder_of(PIXELS, SEEN)
    one, two = (encoder.before({}, [np.random.default_rng(i) for i in range(n)]) for n in (1, 2))
    assert all(torch.equal(one[name][0], two[name][0]) for name in one)


# --------------------------------------------------------------------------------------------------- crops


def images(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(1, 256, (*shape, 6, 6, 3), np.uint8))


def batch_of(now: torch.Tensor, then: torch.Tensor) -> Batch:
    rest = torch.zeros(now.shape[:-3])
    return Batch(now, rest, rest, then, rest)


def shifted(batch: Batch, rngs: list[np.random.Generator]) -> Batch:
    return cropped(batch, 2, draw_corners(2, batch.rewards.shape[-1], rngs))


def test_a_crop_moves_the_whole_image_and_fills_with_black() -> None:
    now, then = images(200), images(200)
    found = shifted(batch_of(now, then), [np.random.default_rng(1)]).observations
    offsets = set()
    for before, after in zip(now, found, strict=True):
        padded = torch.zeros(10, 10, 3, dtype=torch.uint8)
        padded[2:8, 2:8] = before
        places = [(y, x) for y in range(5) for x in range(5) if torch.equal(padded[y : y + 6, x : x + 6], after)]
        assert len(places) == 1
        offsets.update(places)
    # every place occurs
    assert len(offsets) == 25


def test_members_are_cropped_by_their_own_generators_and_both_images_apart() -> None:
    now = images(2, 50)
    rngs = [np.random.default_rng(i) for i in range(2)]
    together = shifted(batch_of(now, now), rngs)
    for i in range(2):
        alone = shifted(batch_of(now[i], now[i]), [np.random.default_rng(i)])
        assert torch.equal(together.observations[i], alone.observations)
        assert torch.equal(together.next_observations[i], alone.next_observations)
    assert not torch.equal(together.observations, together.next_observations)
    same = batch_of(now, now)
    assert draw_corners(0, 50, rngs) is None
    assert cropped(same, 0, None) is same


# ----------------------------------------------------------------------------------------- where samples come from


def mixed(
    rows: int = 40, origin: bool = True, names: tuple[str, ...] = ("scripted prior", "scripted task", "random")
) -> Dataset:
    rng = np.random.default_rng(0)
    return Dataset(
        observations=rng.integers(0, 256, (rows, 48, 48, 3), np.uint8),
        actions=rng.uniform(-1, 1, (rows, 8)).astype(np.float32),
        rewards=(np.arange(rows) % 4 == 3).astype(np.float32),
        terminals=np.zeros(rows, np.bool_),
        timeouts=np.arange(rows) % 10 == 9,
        origin=np.repeat(np.arange(4, dtype=np.uint8) % 3, rows // 4) if origin else None,
        origin_names=names if origin else (),
        horizon=40,
        observation_key="image",
    )


def test_shares_of_scripted_and_random_samples() -> None:
    data = mixed()
    found = Origins.of(data)
    # nine of ten rows of an episode start a transition; episodes: prior, task, random, prior
    assert found.size == 36
    shares = found.shares(torch.tensor([0, 8, 9, 18, 26, 35, 36, 99]))
    assert {name: float(value) for name, value in shares.items()} == {
        "offline_fraction": 6 / 8,
        "offline_fraction_scripted": 4 / 8,
        "offline_fraction_random": 2 / 8,
    }


@pytest.mark.parametrize("data", [mixed(origin=False), mixed(names=("medium", "expert", "other"))])
def test_data_of_other_origins_have_an_offline_share_alone(data: Dataset) -> None:
    assert Origins.of(data).columns == ["offline_fraction"]
    assert Origins().columns == []


# -------------------------------------------------------------------------------------------------- schedules


def test_checkpoints_are_kept_every_so_often_and_at_the_end() -> None:
    job = with_settings(training("cql"), cql={"steps": 70}, pretraining={"evaluate_every": 10, "select_every": 20})
    assert kept_steps(job) == [20, 40, 60, 70]
    assert kept_steps(training("cql")) == []


def test_an_epoch_may_have_another_number_of_gradient_steps_than_of_environment_steps() -> None:
    job = with_settings(tuning("ours"), finetuning={"env_steps": 30, "epoch_steps": 10, "epoch_updates": 7})
    assert epochs(job) == 3
    assert [updates(job, epoch) for epoch in range(3)] == [35, 7, 7]


# ------------------------------------------------------------------------------------ the best of the checkpoints


def pixel_jobs(seed: int) -> tuple[PretrainJob, FinetuneJob]:
    first = with_settings(
        training("cql", TASK, SEEN), cql={"steps": 6}, pretraining={"evaluate_every": 2, "select_every": 2}
    )
    second = with_settings(
        tuning("ours", TASK, SEEN), finetuning={"env_steps": 80, "epoch_steps": 40, "epoch_updates": 3}
    )
    return replace(first, dataset="mixed", seed=seed), replace(second, dataset="mixed", seed=seed)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, opengl: None) -> Path:
    """Two seeds that are pre-trained from pixels."""
    root = tmp_path_factory.mktemp("pixels")
    write_dataset(root / "mixed.hdf5", mixed())
    for seed in range(2):
        pretrain(pixel_jobs(seed)[0], root / "mixed.hdf5", None, root / f"seed{seed}")
    return root


def scored(root: Path, out: Path, successes: dict[int, list[float]]) -> list[Path]:
    """The directories with made-up successes after 2, 4 and 6 steps."""
    found = []
    for seed, values in successes.items():
        target = Layout("small", "local", out).pretrain("pick-place", "mixed", "cql", seed)
        target.mkdir(parents=True)
        for file in (root / f"seed{seed}").iterdir():
            (target / file.name).write_bytes(file.read_bytes())
        lines = (target / "progress.csv").read_text().splitlines()
        column = lines[0].split(",").index("success_last")
        rows = [line.split(",") for line in lines[1:]]
        for row, value in zip(rows, [0.0, *values], strict=True):
            row[column] = str(value)
        (target / "progress.csv").write_text("\n".join([lines[0], *map(",".join, rows)]) + "\n")
        info = json.loads((target / "run.json").read_text())
        del info["sha256"], info["outputs"]["progress.csv"]
        (target / "run.json").write_text(json.dumps(info))
        found.append(target)
    return found


def test_the_best_step_over_all_seeds_is_fine_tuned(trained: Path, tmp_path: Path) -> None:
    # each seed alone would choose another one
    directories = scored(trained, tmp_path, {0: [1.0, 0.8, 0.0], 1: [0.0, 0.8, 1.0]})
    assert select(directories, tmp_path / "selected") == 4
    for seed, directory in enumerate(directories):
        chosen = tmp_path / "selected" / f"seed{seed}"
        info = read_info(chosen)
        assert info["selected"] == {"step": 4, "score": 0.8, "seeds": 2}
        ours, kept = load_file(chosen / "agent.safetensors"), load_file(directory / "agent-4.safetensors")
        assert ours.keys() == kept.keys()
        assert all(torch.equal(ours[name], kept[name]) for name in ours)
        assert len((chosen / "progress.csv").read_text().splitlines()) == 1 + 3


def test_of_equal_steps_the_first_is_taken(trained: Path, tmp_path: Path) -> None:
    assert select(scored(trained, tmp_path, {0: [0.5, 0.0, 0.5], 1: [0.0, 0.5, 0.0]}), tmp_path / "out") == 2


def test_what_cannot_be_chosen_from_is_named(trained: Path, tmp_path: Path) -> None:
    first, second = scored(trained, tmp_path, {0: [0.5, 0.0, 0.5], 1: [0.0, 0.5, 0.0]})
    with pytest.raises(Off2OnError, match="one is there twice"):
        select([first, first], tmp_path / "out")
    (second / "agent-2.safetensors").write_bytes(b"other")
    with pytest.raises(Off2OnError, match=r"agent-2\.safetensors is not what the job wrote"):
        select([first, second], tmp_path / "out")
    info = json.loads((second / "run.json").read_text())
    info["outputs"] = {"agent.safetensors": info["outputs"]["agent.safetensors"]}
    (second / "run.json").write_text(json.dumps(info))
    with pytest.raises(Off2OnError, match=r"has no checkpoints; set pretraining\.select_every"):
        select([first, second], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_was_chosen_lies_where_it_is_looked_for(trained: Path, tmp_path: Path) -> None:
    layout = Layout("small", "local", tmp_path)
    chosen = layout.selected("pick-place", "mixed", "cql")
    select(scored(trained, tmp_path, {0: [0.5, 0.0, 0.5], 1: [0.0, 0.5, 0.0]}), chosen)
    check_place(chosen / "seed0", read_info(chosen / "seed0"))
    moved = layout.pretrain("pick-place", "mixed", "cql", 2)
    (chosen / "seed0").rename(moved)
    with pytest.raises(Off2OnError, match="but the directory says 'pretrain'"):
        check_place(moved, read_info(moved))


def test_one_refused_seed_spoils_what_all_start_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {"tasks": ["halfcheetah", "pick-place"], "datasets": ["medium", "mixed"], "methods": ["ours"]}
    scale, layout = load_scale("smoke", **changes, seeds=2), Layout("smoke", "local", tmp_path)
    places = [("halfcheetah", "medium"), ("pick-place", "mixed")]
    for task, dataset in places:
        for seed in range(2):
            for path in (layout.pretrain(task, dataset, "cql", seed), layout.run(task, dataset, "ours", seed)):
                path.mkdir(parents=True)
                (path / "run.json").touch()

    def reason(directory: Path, _job: Any, inputs: dict[str, Path], refused: set[Path]) -> str:
        damaged = directory in {layout.pretrain(*place, "cql", 0) for place in places}
        return "damaged" if damaged else "its agents" if inputs.get("agents") in refused else ""

    monkeypatch.setattr(adopt, "_reason", reason)
    found = {str(path.relative_to(layout.results)): why for path, why in adopt.checked(scale, layout)}
    assert {path for path, why in found.items() if why} == {
        "pretrain/halfcheetah/medium/cql/seed0",
        "pretrain/pick-place/mixed/cql/seed0",
        "runs/halfcheetah/medium/ours/seed0",
        "runs/pick-place/mixed/ours/seed0",
        "runs/pick-place/mixed/ours/seed1",
    }


def test_a_kept_step_is_that_of_a_shorter_training(trained: Path, tmp_path: Path) -> None:
    shorter = with_settings(pixel_jobs(0)[0], cql={"steps": 4})
    pretrain(shorter, trained / "mixed.hdf5", None, tmp_path / "out")
    ours, kept = (
        load_file(tmp_path / "out" / "agent.safetensors"),
        load_file(trained / "seed0" / "agent-4.safetensors"),
    )
    assert all(torch.equal(ours[name], kept[name]) for name in ours)


def test_fine_tuning_from_pixels_records_success_and_origins(trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    finetune(pixel_jobs(0)[1], Inputs(trained / "mixed.hdf5", trained / "seed0"), out)
    lines = [line.split(",") for line in (out / "progress.csv").read_text().splitlines()]
    rows: list[dict[str, Any]] = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
    assert [int(row["env_steps"]) for row in rows] == [0, 40, 80]
    assert [int(row["gradient_steps"]) for row in rows] == [0, 15, 18]
    for row in rows:
        assert 0 <= float(row["success_last"]) <= float(row["success_any"]) <= 1
        assert row["normalized_score"] == ""
    for row in rows[1:]:
        parts = [float(row[f"offline_fraction_{kind}"]) for kind in ("scripted", "random")]
        assert sum(parts) == pytest.approx(float(row["offline_fraction"]))


def test_the_sizes_of_a_task_of_pictures() -> None:
    assert Sizes(PIXELS, 8) == TASK.sizes

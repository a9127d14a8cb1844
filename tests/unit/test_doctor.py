"""What the doctor finds on machines that lack something."""

import os
import shutil
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from filelock import FileLock

from off2on import doctor
from off2on.cli import main
from off2on.config import REPOSITORY
from off2on.doctor import CHECKS, Finding, examine
from off2on.envs.tasks import TASKS
from off2on.errors import Off2OnError
from off2on.paths import Layout
from off2on.scale import load_scale


def look(topic: str, tmp_path: Path, **changes: Any) -> list[Finding]:
    scale = load_scale("smoke", **changes)
    return list(CHECKS[topic](scale, Layout(scale.name, scale.source, tmp_path)))


@pytest.mark.slow
def test_this_machine_can_run_smoke(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["off2on", "doctor", "--scale", "smoke"])
    with pytest.raises(SystemExit) as stopped:
        main()
    said = capsys.readouterr().out
    assert not stopped.value.code, said
    lines = said.splitlines()
    assert {line[7:17].strip() for line in lines if not line.startswith(" ")} >= CHECKS.keys()
    assert "wrong" not in {line[:5] for line in lines}
    assert f"built for {'CUDA' if torch.version.cuda else 'CPU'}" in said
    assert not [path for path in tmp_path.iterdir() if path.name != ".off2on.lock"]


def test_a_check_that_breaks_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise ImportError("libcudart.so.13: cannot open shared object file")
        yield

    monkeypatch.setattr(doctor, "CHECKS", {"torch": broken, "Python": CHECKS["Python"]})
    first, second = examine(load_scale("smoke"), Layout("smoke", "local", tmp_path))
    assert first == ("wrong", "torch", "libcudart.so.13: cannot open shared object file", "")
    assert second.level == "ok"


def test_a_full_disk_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    first = look("disk", tmp_path)[0]
    assert first.level == "wrong"
    assert "0.0 GB free" in first.found
    assert "free some" in first.mend


def test_a_file_system_without_locks_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FileLock, "acquire", lambda *_, **__: None)
    monkeypatch.setattr(FileLock, "release", lambda *_, **__: None)
    with pytest.raises(OSError, match="does not keep locks; run on a local disk"):
        look("disk", tmp_path)


def test_data_that_are_missing_are_told_with_the_command(tmp_path: Path) -> None:
    first, note, space = look("data", tmp_path, source="d4rl-v0")
    assert first.found == "source d4rl-v0: 0 of 4 are in their place"
    assert "MB are downloaded to" in note.found
    assert note.mend == "off2on fetch --scale smoke --source d4rl-v0"
    assert "GB free for downloads" in space.found
    scale = load_scale("smoke", source="own")
    findings = [f for f in examine(scale, Layout("smoke", "own", tmp_path)) if f.topic == "data"]
    assert [f.level for f in findings] == ["wrong"]
    assert "`off2on import-data FILE" in findings[0].found


def test_other_packages_than_the_exact_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "other_versions", lambda: {"torch": "2.11.0"})
    monkeypatch.setattr(
        doctor, "requires", lambda _: ["torch>=99", "nothing-of-this-name>=1", "x; extra == 'dev'"]
    )
    too_old, missing, note = look("packages", tmp_path)
    assert (too_old.level, too_old.mend) == ("wrong", "pip install 'torch>=99'")
    assert (missing.level, missing.found) == ("wrong", "nothing-of-this-name is missing")
    assert (note.level, note.found) == ("note", "other versions than the exact set: torch 2.11.0")


def test_a_checkout_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "requires", missing)
    assert [f.level for f in look("packages", tmp_path)] == ["note"]


def test_a_cuda_build_without_a_card_and_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert [f.level for f in look("torch", tmp_path)] == ["ok", "note"]
    card = type("Card", (), {"name": "H100", "total_memory": 80 * 2**30})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: card)
    assert look("torch", tmp_path)[1].found == "device 0: H100, 80 GiB"


def test_without_opengl_what_a_run_leaves_out_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def blind(*_: Any) -> Any:
        raise Off2OnError("no picture without OpenGL")

    monkeypatch.setattr("off2on.envs.manipulation.env.ManipulationEnv.picture", blind)
    nothing = {"image": None, "backend": None, "reason": "no driver"}
    monkeypatch.setattr("off2on.training.render.render", lambda _task, _path: nothing)
    assert [f.level for f in look("MuJoCo", tmp_path)] == ["ok"]
    (pixels,), (none,) = look("rendering", tmp_path), look("rendering", tmp_path, tasks=["hopper"])
    assert (pixels.level, pixels.found) == ("note", "a run leaves out pick-place and the pictures: no driver")
    assert (none.level, none.found) == ("note", "a run leaves out Figure 6: no driver")


def test_a_cpu_build_beside_a_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for seen, levels in (("", ["ok"]), ("0,1", ["ok", "note"])):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen)
        assert [f.level for f in look("torch", tmp_path)] == levels
    note = look("torch", tmp_path)[1]
    assert (note.found, "TORCH_INDEX" in note.mend) == ("a CPU build, and GPUs are here: 0, 1", True)


def test_tasks_of_ones_own_are_compared_with_their_environments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, drawn = dict(TASKS), []
    picture = {"image": "picture.png", "backend": "egl"}
    monkeypatch.setattr("off2on.training.render.render", lambda task, _: drawn.append(task.name) or picture)
    own = {
        "env_id": "Pendulum-v1",
        "actions": 1,
        "random_return": -1200.0,
        "expert_return": -150.0,
        "horizon": 200,
    }
    try:
        changes = {"own_tasks": {"pendulum": own | {"observations": 3}}, "tasks": ["pendulum"]}
        assert [f.level for f in look("MuJoCo", tmp_path, **changes)] == ["ok"]
        # there is no picture of it
        assert [f.level for f in look("rendering", tmp_path, **changes)] == ["ok"]
        assert drawn == ["halfcheetah"]
        del TASKS["pendulum"]
        with pytest.raises(Off2OnError, match=r"observations: Pendulum-v1 has 3 \(got 4\)"):
            look("MuJoCo", tmp_path, own_tasks={"pendulum": own | {"observations": 4}}, tasks=["pendulum"])
    finally:
        TASKS.clear()
        TASKS.update(before)


def test_a_busy_machine_and_many_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 100_000)
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    monkeypatch.setattr(os, "getloadavg", lambda: (90_000.0, 0.0, 0.0))
    _, busy, threads, memory = look("processor", tmp_path)
    assert "others are at work" in busy.found
    assert threads.found == "OMP_NUM_THREADS=8"
    assert memory.mend.startswith("with the largest datasets: --cores ")


def test_memory_is_that_of_the_largest_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 64 * 10**9 // 4096}.get)
    smoke, paper = (
        list(CHECKS["processor"](load_scale(scale), Layout(scale, "local", tmp_path)))[-1]
        for scale in ("smoke", "paper")
    )
    assert (smoke.level, smoke.mend) == ("ok", "")
    # images of half a million steps
    assert "takes 11.4 GB" in paper.found
    assert paper.mend == "with the largest datasets: --cores 5"


def test_the_plugins_are_those_of_the_profiles() -> None:
    for profile, plugin in doctor.EXECUTORS.items():
        text = (REPOSITORY / "profiles" / profile / "profile.yaml").read_text()
        assert yaml.safe_load(text)["executor"].replace("-", "_") == plugin


def test_a_lock_of_a_killed_snakemake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".snakemake/locks").mkdir(parents=True)
    (tmp_path / ".snakemake/locks/0.output.lock").write_text("results")
    (tmp_path / ".off2on.lock").write_text("")
    assert look("Snakemake", tmp_path)[1].mend.startswith("a killed Snakemake left its lock here")

"""The DAG of every scale, and what a wrong `--config` says."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from off2on.envs.tasks import get_task
from off2on.paths import OUTPUTS, Layout
from tests.server import serving
from tests.unit.small import write_data

from .conftest import Snakemake, command, environment

#: 3 tasks x 4 datasets x 4 seeds, but for SAC from scratch and the figures of halfcheetah alone
PAPER_RUNS = dict.fromkeys(
    ("ours", "awac", "bcq-ft", "sac-ft", "uniform", "online-only", "ours-n1", "ours-n3", "cql-reg"), 48
)
PAPER_RUNS |= {
    "iql": 48,
    "ours-ratio-mixture": 48,
    "sac": 12,
    "fqe-init": 16,
    "sac-ft-online": 4,
    "fqe-init-n1": 8,
}
#: from pixels: 3 tasks x 8 seeds of each cell of the ablation
_CELLS = (
    *("ours", "online-only", "ours-n1", "sac-ft-online"),
    *("cql-reg", "cql-reg-online", "cql-reg-n1", "cql-ft"),
)
PAPER_RUNS |= {name: PAPER_RUNS.get(name, 0) + 3 * 8 for name in _CELLS}


def counts(output: str) -> dict[str, int]:
    """Jobs per rule, from Snakemake's table."""
    table = output.split("Job stats:")[1].split("\n\n")[0]
    return {name: int(count) for name, count in re.findall(r"^(\S+) +(\d+)$", table, re.MULTILINE)}


def test_paper_plans_every_dataset_and_method_with_its_seeds(
    snakemake: Snakemake,
) -> None:
    start = time.monotonic()
    done = snakemake("-n", "--config", "scale=paper")
    assert done.returncode == 0, done.stdout
    assert time.monotonic() - start < 30
    jobs = counts(done.stdout)
    # manipulation has no data but those that are made here
    assert (jobs["fetch"], jobs["collect"]) == (12, 3)
    for method, runs in PAPER_RUNS.items():
        found = re.findall(rf"finetune {method} on \S+/\S+, seed [0-7]$", done.stdout, re.MULTILINE)
        assert len(found) == runs, method
    assert jobs["finetune"] == sum(PAPER_RUNS.values())
    for algorithm, runs in {"cql": 48 + 24, "awac": 48, "bcq": 48, "iql": 48, "fqe": 16}.items():
        assert len(re.findall(rf"pretrain {algorithm} on ", done.stdout)) == runs, algorithm


@pytest.mark.parametrize("cluster", ["slurm", "kubernetes"])
def test_paper_plans_with_the_profile_of_a_cluster(snakemake: Snakemake, repository: Path, cluster: str) -> None:
    profile = repository / "profiles" / cluster
    plugin = yaml.safe_load((profile / "profile.yaml").read_text())["executor"]
    pytest.importorskip(f"snakemake_executor_plugin_{plugin.replace('-', '_')}")
    # of the processor, which a busy machine changes less than the clock
    start = os.times().children_user
    done = snakemake("-n", "--profile", str(profile), "--config", "scale=paper")
    assert done.returncode == 0, done.stdout
    assert os.times().children_user - start < 30
    assert counts(done.stdout)["finetune"] >= sum(PAPER_RUNS.values())


@pytest.mark.skipif(sys.platform != "linux", reason="the way to take OpenGL away")
def test_without_opengl_the_tasks_from_pixels_are_left_out(
    snakemake: Snakemake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUJOCO_GL", "disable")
    done = snakemake("-n", "--config", "scale=smoke")
    assert done.returncode == 0, done.stdout
    assert "off2on: left out: pick-place, which need pictures, and this machine draws none" in done.stdout
    assert "finetune ours on halfcheetah/" in done.stdout
    assert "pick-place/" not in done.stdout
    alone = snakemake("-n", "--config", "scale=smoke", "tasks=[pick-place]")
    assert alone.returncode == 2
    assert "off2on: error: nothing is left to run at scale smoke without pick-place" in alone.stdout


@pytest.mark.usefixtures("opengl")
def test_from_pixels_every_run_waits_for_all_seeds_of_the_pre_training(snakemake: Snakemake) -> None:
    run = "results/smoke/local/runs/pick-place/mixed/ours/seed1/run.json"
    done = snakemake("-n", run, "--config", "scale=smoke", "seeds=3")
    assert done.returncode == 0, done.stdout
    jobs = counts(done.stdout)
    assert (jobs["pretrain"], jobs["select_cql_pick_place_mixed"], jobs["finetune"]) == (3, 1, 1)


def test_other_software_is_refused(snakemake: Snakemake) -> None:
    for method in ("conda", "apptainer"):
        done = snakemake("-n", "--sdm", method)
        assert done.returncode == 2
        assert f"--software-deployment-method {method}: jobs run {sys.executable}" in done.stdout


def test_smoke_has_at_most_85_jobs(snakemake: Snakemake) -> None:
    done = snakemake("-n", "--config", "scale=smoke")
    assert done.returncode == 0, done.stdout
    assert counts(done.stdout)["total"] <= 85


def test_quick_is_the_default(snakemake: Snakemake) -> None:
    done = snakemake("-n")
    assert done.returncode == 0, done.stdout
    assert "figures/quick/local/report.html" in done.stdout
    assert counts(done.stdout)["report"] == 1


def test_config_narrows_and_widens(snakemake: Snakemake) -> None:
    selection = ["seeds=3", "tasks=[hopper]", "datasets=[random,medium]", "methods=[ours,sac]", "source=d4rl-v2"]
    done = snakemake("-n", "--config", "scale=paper", *selection)
    assert done.returncode == 0, done.stdout
    jobs = counts(done.stdout)
    assert (jobs["fetch"], jobs["pretrain"], jobs["finetune"]) == (2, 6, 9)
    assert "figures/paper/d4rl-v2/report.html" in done.stdout


def test_one_figure_is_a_target(snakemake: Snakemake) -> None:
    done = snakemake("fig_4a", "-n", "--config", "scale=smoke")
    assert done.returncode == 0, done.stdout
    jobs = counts(done.stdout)
    assert jobs["fig_4a"] == 1
    assert not {"fig_3", "report"} & set(jobs)


@pytest.mark.parametrize(("figure", "pretrainings", "runs"), [("fig_4a", 4, 4), ("fig_2", 0, 0), ("fig_1a", 2, 0)])
def test_a_figure_needs_the_jobs_that_it_reads(
    snakemake: Snakemake, figure: str, pretrainings: int, runs: int
) -> None:
    seeds = 2
    done = snakemake(figure, "-n", "--config", "scale=quick", f"seeds={seeds}")
    assert done.returncode == 0, done.stdout
    jobs = counts(done.stdout)
    assert (jobs.get("pretrain", 0), jobs.get("finetune", 0)) == (pretrainings, runs)
    assert "aggregate" not in jobs


def test_the_workflow_passes_snakemakes_linter(snakemake: Snakemake) -> None:
    done = snakemake("--lint")
    assert done.returncode == 0, done.stdout


def test_planning_does_not_import_torch(repository: Path, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from snakemake.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "print('imported:', {'torch', 'gymnasium', 'matplotlib'} & set(sys.modules))\n"
    )
    arguments = command(repository, tmp_path, "-n")[3:]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=tmp_path,
        env=environment(repository),
        capture_output=True,
        text=True,
    )
    assert "imported: set()" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("scale=qick", "--config scale=qick: unknown 'qick'; did you mean 'quick'?"),
        ("metods=[ours]", "--config metods=['ours']: unknown key 'metods'; did you mean 'methods'?"),
        ("methods=[our]", "--config methods=our: unknown 'our'"),
        ("scale=own.yaml", "own.yaml: overrides.'*/medum' fits no"),
    ],
)
def test_a_wrong_config_is_one_message(snakemake: Snakemake, tmp_path: Path, config: str, says: str) -> None:
    (tmp_path / "own.yaml").write_text("extends: smoke\nname: own\noverrides: {'*/medum': {members: 3}}\n")
    done = snakemake("-n", "--config", config)
    assert done.returncode == 2
    lines = [line for line in done.stdout.splitlines() if not line.startswith("Using workflow specific profile")]
    assert len(lines) == 1
    assert says in lines[0]


def test_a_file_of_another_source_is_no_rules_output(snakemake: Snakemake, tmp_path: Path) -> None:
    datasets = tmp_path / "results" / "smoke" / "d4rl-v0" / "datasets" / "halfcheetah"
    datasets.mkdir(parents=True)
    (datasets / "random.hdf5").write_text("mine")
    config = ["scale=smoke", "source=d4rl-v0", "datasets=[random,medium]", "methods=[ours]"]
    planned = snakemake("-n", "-F", "--config", *config)
    assert planned.returncode == 0, planned.stdout
    assert re.findall(r"fetch (\S+) of", planned.stdout) == ["halfcheetah/medium"]
    (datasets / "medium.hdf5").write_text("mine")
    done = snakemake("--delete-all-output", "--config", *config)
    assert done.returncode == 0, done.stdout
    assert len(list(datasets.iterdir())) == 2


def test_a_server_that_refuses_says_where_to_put_the_file(
    snakemake: Snakemake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "www").mkdir()
    monkeypatch.setenv("D4RL_DATASET_DIR", str(tmp_path / "d4rl"))
    with serving(tmp_path / "www") as server:
        monkeypatch.setenv("OFF2ON_D4RL_MIRROR", server.url)
        config = ["source=d4rl-v0", "datasets=[random]", "methods=[ours]", "seeds=1"]
        done = snakemake("--config", "scale=smoke", *config)
    assert done.returncode == 1
    assert f"89 MB are downloaded to {tmp_path / 'd4rl'}; set D4RL_DATASET_DIR" in done.stdout
    assert "halfcheetah_random.hdf5 answers 404 Not Found: name another --mirror, or put the file" in done.stdout
    assert f"at {tmp_path / 'd4rl/halfcheetah_random.hdf5'}" in done.stdout
    assert not list(tmp_path.rglob("*.hdf5"))


def test_the_report_reads_what_check_physics_measured(repository: Path, tmp_path: Path) -> None:
    measured = Layout("smoke", "d4rl-v2", tmp_path).results / "physics" / "hopper" / "medium.json"
    measured.parent.mkdir(parents=True)
    measured.write_text("{}")
    asked = "print('reads', *workflow.get_rule('report').input)"
    (tmp_path / "Snakefile").write_text(f'include: "{repository / "Snakefile"}"\n{asked}\n')
    words = command(repository, tmp_path, "-n", "--config", "scale=smoke", "source=d4rl-v2")
    words[words.index("-s") + 1] = str(tmp_path / "Snakefile")
    done = subprocess.run(words, cwd=tmp_path, env=environment(repository), capture_output=True, text=True)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("reads ")]
    assert str(measured.relative_to(tmp_path)) in line.split()


def swap_for_an_older_file(place: Path) -> None:
    other = place.with_suffix(".other")
    write_data(other, get_task("hopper"))
    os.utime(other, (1, 1))
    other.replace(place)


def test_a_swapped_file_trains_again_even_if_it_is_older(snakemake: Snakemake, tmp_path: Path) -> None:
    config = ["--config", "scale=smoke", "source=d4rl-v0", "datasets=[random]", "methods=[ours-n1]", "seeds=1"]
    layout = Layout("smoke", "d4rl-v0", tmp_path)
    place = layout.dataset("halfcheetah", "random")
    write_data(place, get_task("halfcheetah"))
    directory = layout.pretrain("halfcheetah", "random", "cql", 0)
    outputs = [directory / name for name in OUTPUTS]
    directory.mkdir(parents=True)
    for path in outputs:
        path.write_text("trained")
    names = [str(path.relative_to(tmp_path)) for path in outputs]
    assert snakemake("--touch", "--forceall", *names, *config).returncode == 0
    assert "Nothing to be done" in snakemake("-n", *names, *config).stdout
    swap_for_an_older_file(place)
    done = snakemake("-n", *names, *config)
    assert counts(done.stdout)["pretrain"] == 1, done.stdout


def test_a_baseline_sees_a_swapped_file_too(snakemake: Snakemake, repository: Path, tmp_path: Path) -> None:
    shutil.copytree(repository / "docs" / "examples", tmp_path / "mine")
    file = tmp_path / "mine" / "random_policy.smk"
    config = ["scale=smoke", "source=d4rl-v0", "datasets=[random]", "methods=[random-policy]", "seeds=1"]
    config = ["--config", *config, f"baselines=[{file}]"]
    layout = Layout("smoke", "d4rl-v0", tmp_path)
    place = layout.dataset("halfcheetah", "random")
    write_data(place, get_task("halfcheetah"))
    outputs = [
        layout.run("halfcheetah", "random", "random-policy", 0) / name for name in ("progress.csv", "run.json")
    ]
    outputs[0].parent.mkdir(parents=True)
    for path in outputs:
        path.write_text("trained")
    names = [str(path.relative_to(tmp_path)) for path in outputs]
    assert snakemake("--touch", "--forceall", *names, *config).returncode == 0
    assert "Nothing to be done" in snakemake("-n", *names, *config).stdout
    swap_for_an_older_file(place)
    assert counts(snakemake("-n", *names, *config).stdout)["random_policy"] == 1
    file.write_text(file.read_text().replace("        data=checksum,\n", ""))
    refused = snakemake("-n", *names, *config)
    assert refused.returncode == 2
    assert "random_policy reads dataset_file, so it needs 'params: data=checksum'" in refused.stdout


def test_what_is_missing_of_a_source_without_a_server_stops_the_planning(snakemake: Snakemake) -> None:
    done = snakemake("-n", "--config", "scale=smoke", "source=minari")
    assert done.returncode == 2
    assert (
        "off2on: error: source minari: results/smoke/minari/datasets/halfcheetah/random.hdf5 is missing"
        in done.stdout
    )

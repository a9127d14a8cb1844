"""The jobs that make data and agents."""

from pathlib import Path
from typing import Annotated

import typer

from off2on.algorithms import get_offline
from off2on.cli.options import (
    AlgorithmName,
    Checkpoint,
    Data,
    DatasetName,
    Device,
    OtherCode,
    Out,
    Restart,
    ScaleName,
    Seed,
    SourceName,
    TaskName,
    TrainingScale,
    Wait,
    check_ending,
    check_names,
    job,
    load,
    load_to_train,
    one_thread,
    prepared,
    say,
)
from off2on.envs.tasks import get_task
from off2on.errors import Off2OnError
from off2on.own_tasks import check_environment
from off2on.scale_jobs import Pretraining, Run, agents_of, finetune_job, pretrain_job


@job("collect")
def collect(
    task: TaskName,
    dataset: DatasetName,
    scale: ScaleName = "quick",
    source: SourceName = None,
    replay_buffer: Annotated[
        bool, typer.Option("--replay-buffer", help="medium-replay: the true buffer of a SAC run, not snapshots")
    ] = False,
    agents: Annotated[
        Path | None, typer.Option(help="roll out this pre-training's members, not the shipped actors")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=1000, help="processes, of manipulation tasks")] = 1,
    out: Out = None,
) -> None:
    """Make a local dataset: by D4RL's recipe, from the shipped actors; of manipulation, from scripted policies."""
    from off2on.training.collect import collect as run
    from off2on.training.demonstrations import collect_demonstrations

    loaded, layout = load(scale, source)
    check_names(task, dataset, own=agents is not None)
    path = check_ending(out or layout.dataset(task, dataset), ".hdf5")
    if not loaded.makes(task):
        raise Off2OnError(
            f"source '{loaded.source}' is not made here: `off2on fetch` gets D4RL's files, or use --source local "
            "(snakemake: --config source=local)"
        )
    one_thread()
    check_environment(get_task(task))
    if get_task(task).family == "manipulation" and agents is None:
        collect_demonstrations((loaded.source, task, dataset), loaded.demonstrations_of(task), path, workers)
    else:
        settings = loaded.collect.model_copy(update={"replay": "buffer"} if replay_buffer else {})
        run(task, dataset, settings, path, agents)
    say(f"dataset: {path}")


@job("train-actors")
def train_actors(
    task: TaskName,
    out: Annotated[Path, typer.Option("--out", help="directory of checkpoints and log")],
    scale: ScaleName = "quick",
    seed: Seed = 0,
    epochs: Annotated[int, typer.Option(min=1, help="epochs of 4000 environment and 1500 gradient steps")] = 250,
    policy_lr: Annotated[float, typer.Option(help="learning rate of policy and temperature")] = 3e-4,
) -> None:
    """Train the SAC run whose checkpoints become the shipped actors of a task."""
    from off2on.training.actors import ActorRun
    from off2on.training.actors import train_actors as run

    # it may bring the task
    load(scale, None)
    one_thread()
    check_environment(get_task(task))
    for row in run(ActorRun(task, seed=seed, epochs=epochs, policy_lr=policy_lr), out):
        to_go = row["seconds"] / row["epoch"] * (epochs - row["epoch"])
        say(
            f"epoch {row['epoch']:4.0f}/{epochs}  env steps {row['env_steps']:9.0f}"
            f"  return {row['return_mean']:8.1f}  {row['seconds']:7.0f} s, {to_go:6.0f} s to go"
        )


@job("ship-actors")
def ship_actors(
    run: Annotated[Path, typer.Argument(help="directory of `off2on train-actors`")],
    task: TaskName,
    medium_epoch: Annotated[int | None, typer.Option(help="default: the first of medium level")] = None,
    expert_epoch: Annotated[int | None, typer.Option(help="default: the best one")] = None,
    expert_run: Annotated[Path | None, typer.Option(help="where the expert comes from, if not from RUN")] = None,
) -> None:
    """Copy medium, expert and snapshots of a run, with its log, into the package."""
    from off2on.training.shipped import ACTORS, ship

    actors = ship(run, task, medium_epoch, expert_epoch, expert_run)["actors"]
    for name in ("medium", "expert"):
        say(f"{name}: epoch {actors[name]['epoch']}, return {actors[name]['return_mean']:.0f}")
    say(f"actors: {ACTORS / task}")


@job("pretrain")
def pretrain(
    task: TaskName,
    dataset: DatasetName,
    scale: TrainingScale = None,
    source: SourceName = None,
    algorithm: AlgorithmName = "cql",
    seed: Seed = 0,
    data: Data = None,
    agents: Annotated[
        Path | None, typer.Option(help="directory of the agents to start from, where the algorithm needs them")
    ] = None,
    out: Out = None,
    wait: Wait = False,
    checkpoint_seconds: Checkpoint = 60,
    restart: Restart = False,
    other_code: OtherCode = False,
    device: Device = "cpu",
) -> None:
    """Pre-train the members of an ensemble offline; if interrupted, it resumes from its last checkpoint."""
    from off2on.training.pretrain import pretrain as run
    from off2on.training.rundir import Handling

    loaded, layout = load_to_train(scale, source)
    spec = get_offline(algorithm)
    where = prepared(device)
    job = pretrain_job(loaded, Pretraining(task, dataset, algorithm, seed))
    check_environment(job.task)
    path = out or layout.pretrain(task, dataset, algorithm, seed)
    if spec.start is not None:
        agents = agents or layout.pretrain(task, dataset, spec.start, seed)
    run(
        job,
        data or layout.dataset(task, dataset),
        agents,
        path,
        Handling(wait, checkpoint_seconds, restart, other_code),
        where,
    )
    say(f"offline agents: {path}")


@job("select")
def select(
    task: TaskName,
    dataset: DatasetName,
    seeds: Annotated[int, typer.Option(min=1, max=1_000, help="seeds 0 .. SEEDS - 1, all pre-trained")],
    scale: ScaleName = "quick",
    source: SourceName = None,
    algorithm: AlgorithmName = "cql",
    out: Annotated[
        Path | None, typer.Option("--out", help="where seed<k> are written; default: in results/")
    ] = None,
) -> None:
    """Choose the step of offline pre-training that is best over all seeds, for fine-tuning to start from."""
    from off2on.training.select import select as run

    _, layout = load(scale, source)
    check_names(task, dataset)
    get_offline(algorithm)
    path = out or layout.selected(task, dataset, algorithm)
    trained = [layout.pretrain(task, dataset, algorithm, seed) for seed in range(seeds)]
    say(f"step {run(trained, path)} is the best: {path}")


@job("finetune")
def finetune(
    task: TaskName,
    method: Annotated[
        str, typer.Option("--method", help="such as ours, sac-ft or awac; `off2on list methods` has all")
    ],
    dataset: Annotated[
        str, typer.Option("--dataset", help="offline dataset; 'none' to train from scratch")
    ] = "none",
    scale: TrainingScale = None,
    source: SourceName = None,
    seed: Seed = 0,
    data: Data = None,
    agents: Annotated[Path | None, typer.Option(help="directory of the offline agents")] = None,
    out: Out = None,
    wait: Wait = False,
    checkpoint_seconds: Checkpoint = 60,
    restart: Restart = False,
    other_code: OtherCode = False,
    device: Device = "cpu",
) -> None:
    """Fine-tune online (or train from scratch); if interrupted, it resumes from its last checkpoint."""
    from off2on.methods import get_method
    from off2on.training.finetune import Inputs
    from off2on.training.finetune import finetune as run
    from off2on.training.rundir import Handling

    loaded, layout = load_to_train(scale, source)
    spec = get_method(method)
    if (dataset != "none") != spec.offline:
        need = "--dataset with an offline dataset" if spec.offline else "--dataset none"
        raise Off2OnError(f"method '{method}' needs {need} (got '{dataset}')")
    where = prepared(device)
    job = finetune_job(loaded, Run(task, dataset, method, seed))
    check_environment(job.task)
    if spec.start and agents is None:
        agents = agents_of(loaded, layout, start := Pretraining(task, dataset, spec.start, seed))
        if agents != layout.pretrain(*start) and not agents.exists():
            raise Off2OnError(f"{agents} is missing: choose the best step first, off2on select (--help)")
    inputs = Inputs((data or layout.dataset(task, dataset)) if spec.data else data, agents)
    path = out or layout.run(task, dataset, method, seed)
    run(job, inputs, path, Handling(wait, checkpoint_seconds, restart, other_code), where)
    say(f"run: {path}")


@job("import-agents")
def import_agents(
    directory: Annotated[Path, typer.Argument(help="holds `*_seed<k>/{actor,critic1,critic2}_*.pt`")],
    scale: ScaleName = "published",
    source: SourceName = None,
    seed: Seed = 0,
    out: Out = None,
) -> None:
    """Read the authors' published CQL agents (weights only), so that fine-tuning can start from them."""
    from off2on.training.import_agents import DATASET, TASK
    from off2on.training.import_agents import import_agents as run

    loaded, layout = load(scale, source)
    one_thread()
    path = out or layout.pretrain(TASK, DATASET, "cql", seed)
    run(directory, path, (loaded.name, loaded.source, seed))
    say(f"offline agents: {path}; fine-tune them with `off2on finetune --agents {path} ...`")


@job("evaluate")
def evaluate(
    directory: Annotated[Path, typer.Argument(help="a pre-training or run directory")],
    task: TaskName,
    episodes: Annotated[
        int, typer.Option(min=1, max=100_000, help="episodes per member, and of the ensemble")
    ] = 5,
    scale: ScaleName = "quick",
    seed: Seed = 0,
) -> None:
    """Deterministic returns of each member and of the ensemble."""
    from off2on.training.agents import stored_agents
    from off2on.training.evaluate import member_episodes

    # it may bring the task
    load(scale, None)
    one_thread()
    check_environment(played := get_task(task))
    agents = stored_agents(directory, played)
    for name, found in member_episodes(agents, played, episodes, seed).items():
        returns = [episode.total for episode in found]
        values = " ".join(f"{value:.0f}" for value in returns)
        typer.echo(f"{name:10s} mean {sum(returns) / len(returns):8.1f}   episodes {values}")

# What no run makes: pictures of the tasks, and what an ensemble costs on this machine.
from off2on.envs.tasks import TASKS

#: files by what a figure needs besides runs
NEEDED = {
    "likelihoods": LIKELIHOODS,
    "films": [LAYOUT.film(task, when) for task in FILMED for when in ("before", "after")],
    # tasks of one's own have no pose, camera or actor
    "renders": [LAYOUT.render(task) for task in TASKS if task not in SCALE.own_tasks],
    "cost": [LAYOUT.cost, LAYOUT.cost.with_suffix(".json")],
}


# The PNG lies beside the JSON and is no output: a machine without OpenGL has none, and the JSON says why.
rule render:
    output:
        LAYOUT.render("{task}"),
    log:
        LOGS / "render" / "{task}.log",
    wildcard_constraints:
        task="|".join(TASKS),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        code=lambda wildcards: code_hash(
            "off2on.training.render", files=(PACKAGE / "actors" / wildcards.task).glob("medium.safetensors")
        ),
        image=lambda wildcards, output: Path(output[0]).with_suffix(".png"),
    message:
        "render {wildcards.task}"
    shell:
        "off2on render --task {wildcards.task} --out {params.image:q} > {log:q} 2>&1"


rule cost:
    output:
        LAYOUT.cost,
        LAYOUT.cost.with_suffix(".json"),
    log:
        LOGS / "cost.log",
    conda:
        ENVIRONMENT
    # one thread is measured; the other keeps a second job away on a small machine
    threads: 2
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        code=code_of("off2on.training.cost"),
        settings=[
            SCALE.cost.model_dump_json(),
            SCALE.network.model_dump_json(),
            SCALE.sac.batch,
            SCALE.tasks[0],
        ],
    message:
        "measure the cost of an ensemble"
    shell:
        "off2on cost > {log:q} 2>&1"


if FILMED:

    rule film:
        input:
            filmed_agents,
        output:
            LAYOUT.film("{task}", "{when}"),
        log:
            LOGS / "film" / "{task}-{when}.log",
        wildcard_constraints:
            task="|".join(FILMED),
            when="before|after",
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=1000,
            runtime=15,
        params:
            code=code_hash("off2on.training.film"),
            python=sys.executable,
            agents=lambda wildcards, input: Path(input[0]).parent,
        message:
            "film {wildcards.task} {wildcards.when} fine-tuning"
        shell:
            "{params.python:q} -m off2on view {params.agents:q} --out {output:q} > {log:q} 2>&1"

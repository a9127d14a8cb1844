# Analyses that are jobs of their own: the VAE likelihood of offline and of online data.

from off2on.scale_jobs import likelihoods

LIKELIHOODS = [LAYOUT.likelihood(job.task, job.dataset, job.seed) for job in likelihoods(SCALE)]


rule rollout:
    input:
        LAYOUT.pretrain("{task}", "{dataset}", "{algorithm}", "{seed}") / "agent.safetensors",
    output:
        LAYOUT.rollouts("{task}", "{dataset}", "{algorithm}", "{seed}"),
    log:
        LOGS / "rollout" / "{task}" / "{dataset}" / "{algorithm}-seed{seed}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        code=lambda wildcards: code_of("off2on.training.rollouts", f"off2on.agents.{wildcards.algorithm}"),
        settings=lambda wildcards: [SCALE.likelihood.rollout_steps, task_facts(wildcards)],
    message:
        "roll out {wildcards.algorithm} of {wildcards.task}/{wildcards.dataset}, seed {wildcards.seed}"
    shell:
        "off2on rollout --task {wildcards.task} --dataset {wildcards.dataset}"
        " --algorithm {wildcards.algorithm} --seed {wildcards.seed} > {log:q} 2>&1"


rule likelihood:
    input:
        dataset_file,
        LAYOUT.rollouts("{task}", "{dataset}", "cql", "{seed}"),
    output:
        LAYOUT.likelihood("{task}", "{dataset}", "{seed}"),
        LAYOUT.likelihood("{task}", "{dataset}", "{seed}").with_suffix(".json"),
    log:
        LOGS / "likelihood" / "{task}" / "{dataset}" / "seed{seed}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=mem_mb,
        runtime=240,
    params:
        code=code_of("off2on.training.likelihood"),
        settings=lambda wildcards: "".join(
            [SCALE.likelihood.model_dump_json(exclude={"datasets"}), *checksum(wildcards).values()]
        ),
    message:
        "likelihood of {wildcards.task}/{wildcards.dataset}, seed {wildcards.seed}"
    shell:
        "off2on likelihood --task {wildcards.task} --dataset {wildcards.dataset}"
        " --seed {wildcards.seed} > {log:q} 2>&1"

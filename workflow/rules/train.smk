# Offline pre-training and online fine-tuning. Resume state is not an output: Snakemake deletes outputs of failed jobs.
# --wait: after a SIGKILL of Snakemake an orphan may still hold the directory.


if SCALE.pretrained:

    rule import_agents:
        input:
            sorted(SELECTION.agents.glob("*_seed*/*.pt")),
        output:
            [LAYOUT.pretrain("{task}", "{dataset}", "cql", "{seed}") / name for name in OUTPUTS],
        log:
            LOGS / "import" / "{task}" / "{dataset}-seed{seed}.log",
        priority: 30
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=1000,
            runtime=15,
        params:
            code=code_of("off2on.training.import_agents"),
            agents=SELECTION.agents,
        message:
            "import the agents of {wildcards.task}/{wildcards.dataset}, seed {wildcards.seed}"
        shell:
            "off2on import-agents {params.agents:q} --seed {wildcards.seed} > {log:q} 2>&1"

else:

    rule pretrain:
        input:
            pretrain_inputs,
        output:
            [LAYOUT.pretrain("{task}", "{dataset}", "{algorithm}", "{seed}") / name for name in OUTPUTS],
        log:
            LOGS / "pretrain" / "{task}" / "{dataset}" / "{algorithm}-seed{seed}.log",
        benchmark:
            LOGS / "pretrain" / "{task}" / "{dataset}" / "{algorithm}-seed{seed}.benchmark.tsv"
        # every run waits for one of these, and they are the longest jobs
        priority: 20
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            **GPU,
            mem_mb=training_mb,
            runtime=runtime(pretrain_cost),
            disk_mb=disk_mb(pretrain_cost),
        params:
            code=code(pretraining),
            settings=parameters(pretraining),
        message:
            "pretrain {wildcards.algorithm} on {wildcards.task}/{wildcards.dataset}, seed {wildcards.seed}"
        shell:
            "off2on pretrain --task {wildcards.task} --dataset {wildcards.dataset}"
            " --algorithm {wildcards.algorithm} --seed {wildcards.seed} --wait > {log:q} 2>&1"


# Which step is fine-tuned is one choice for all seeds, so their pre-trainings end before any fine-tuning begins.
for task, dataset, algorithm in dict.fromkeys(job[:3] for job in PRETRAININGS):
    if SCALE.settings(task, dataset).pretraining.select_every is None:
        continue

    rule:
        name:
            f"select_{algorithm}_{task}_{dataset}".replace("-", "_")
        input:
            pretrained_seeds(task, dataset, algorithm),
        output:
            [
                LAYOUT.selected(task, dataset, algorithm) / f"seed{seed}" / name
                for seed in SCALE.seeds_of(task)
                for name in OUTPUTS
            ],
        log:
            LOGS / "select" / task / dataset / f"{algorithm}.log",
        priority: 20
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=plan.memory_mb(SCALE, task, dataset),
            runtime=15,
        params:
            code=code_of("off2on.training.select"),
            seeds=len(SCALE.seeds_of(task)),
            words=["--task", task, "--dataset", dataset, "--algorithm", algorithm],
        message:
            f"select the step of {algorithm} on {task}/{dataset}"
        shell:
            "off2on select {params.words:q} --seeds {params.seeds} > {log:q} 2>&1"


rule finetune:
    input:
        finetune_inputs,
    output:
        [LAYOUT.run("{task}", "{dataset}", "{method}", "{seed}") / name for name in OUTPUTS],
    log:
        LOGS / "finetune" / "{task}" / "{dataset}" / "{method}-seed{seed}.log",
    benchmark:
        LOGS / "finetune" / "{task}" / "{dataset}" / "{method}-seed{seed}.benchmark.tsv"
    priority: 10
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **GPU,
        mem_mb=training_mb,
        runtime=runtime(finetune_cost),
        disk_mb=disk_mb(finetune_cost),
    params:
        code=code(finetuning),
        settings=parameters(finetuning),
    message:
        "finetune {wildcards.method} on {wildcards.task}/{wildcards.dataset}, seed {wildcards.seed}"
    shell:
        "off2on finetune --task {wildcards.task} --dataset {wildcards.dataset}"
        " --method {wildcards.method} --seed {wildcards.seed} --wait > {log:q} 2>&1"

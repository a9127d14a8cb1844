# Datasets: made here (source local), or files of somebody else.
DATASETS = [(task, dataset) for task in SCALE.tasks for dataset in SCALE.datasets]
MISSING = [pair for pair in DATASETS if not LAYOUT.dataset(*pair).is_file()]

if get_source(SCALE.source).by_hand is None:

    rule collect:
        input:
            collect_inputs,
        output:
            LAYOUT.dataset("{task}", "{dataset}"),
        log:
            LOGS / "collect" / "{task}" / "{dataset}.log",
        priority: 30
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=MEM_MB,
            runtime=runtime(collect_cost),
            disk_mb=disk_mb(collect_cost),
        params:
            code=code_of("off2on.training.collect"),
            settings=collect_settings,
            agents=lambda wildcards, input: ["--agents", Path(input[0]).parent] if input else [],
        message:
            "collect {wildcards.task}/{wildcards.dataset}"
        shell:
            "off2on collect --task {wildcards.task} --dataset {wildcards.dataset} {params.agents:q} > {log:q} 2>&1"

elif MISSING:

    # for what is not there alone: Snakemake deletes a rule's output before it runs the rule, and these are the user's
    rule fetch:
        output:
            LAYOUT.dataset("{task}", "{dataset}"),
        log:
            LOGS / "fetch" / "{task}" / "{dataset}.log",
        wildcard_constraints:
            task="|".join(f"{task}(?=/{dataset}[.])" for task, dataset in MISSING),
        priority: 30
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=MEM_MB,
            runtime=120,
            disk_mb=disk_mb(collect_cost),
        message:
            "fetch {wildcards.task}/{wildcards.dataset} of {SCALE.source}"
        shell:
            "off2on collect --task {wildcards.task} --dataset {wildcards.dataset} > {log:q} 2>&1"

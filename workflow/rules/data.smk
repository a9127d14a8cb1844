# Datasets: made here (source local, and of manipulation always), or files of somebody else.
MADE_HERE = [task for task in SCALE.tasks if SCALE.makes(task)]

if MADE_HERE:

    rule collect:
        input:
            collect_inputs,
        output:
            LAYOUT.dataset("{task}", "{dataset}"),
        log:
            LOGS / "collect" / "{task}" / "{dataset}.log",
        wildcard_constraints:
            task="|".join(MADE_HERE),
        priority: 30
        conda:
            ENVIRONMENT
        threads: collect_threads
        resources:
            mem_mb=mem_mb,
            runtime=runtime(collect_cost),
            disk_mb=disk_mb(collect_cost),
        params:
            code=collect_code,
            settings=collect_settings,
            agents=lambda wildcards, input: ["--agents", Path(input[0]).parent] if input else [],
        message:
            "collect {wildcards.task}/{wildcards.dataset}"
        shell:
            "off2on collect --task {wildcards.task} --dataset {wildcards.dataset} --workers {threads}"
            " {params.agents:q} > {log:q} 2>&1"


if INVENTORY.missing:

    # for what is not there alone: Snakemake deletes a rule's output before it runs the rule, and these are the user's
    rule fetch:
        output:
            LAYOUT.dataset("{task}", "{dataset}"),
        log:
            LOGS / "fetch" / "{task}" / "{dataset}.log",
        wildcard_constraints:
            task="|".join(f"{task}(?=/{dataset}[.])" for task, dataset in INVENTORY.missing),
        priority: 30
        # where Snakemake itself runs: the nodes of many clusters cannot reach the server
        localrule: True
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=1000,
            runtime=240,
        message:
            "fetch {wildcards.task}/{wildcards.dataset} of {SCALE.source}"
        shell:
            "off2on fetch --task {wildcards.task} --dataset {wildcards.dataset} > {log:q} 2>&1"

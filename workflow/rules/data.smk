# Datasets: made here (source local), or files of somebody else.
if SCALE.source == "local":

    rule collect:
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
            code=code_hash("off2on.training.collect"),
            settings=collect_settings,
        message:
            "collect {wildcards.task}/{wildcards.dataset}"
        shell:
            "off2on collect --task {wildcards.task} --dataset {wildcards.dataset} > {log:q} 2>&1"

else:

    rule fetch:
        output:
            LAYOUT.dataset("{task}", "{dataset}"),
        log:
            LOGS / "fetch" / "{task}" / "{dataset}.log",
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

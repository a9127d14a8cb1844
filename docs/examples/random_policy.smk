# A baseline from outside: snakemake --config 'baselines=[docs/examples/random_policy.smk]'
# The file registers a name and the datasets it runs on, and says how one run directory is written.
from pathlib import Path

register_baseline("random-policy", datasets=["*/*"])


rule random_policy:
    input:
        dataset_file,
    output:
        baseline_files("random-policy"),
    log:
        LOGS / "random-policy" / "{task}" / "{dataset}-seed{seed}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        program=Path(workflow.current_basedir) / "random_policy.py",
        python=sys.executable,
    message:
        "random-policy on {wildcards.task}/{wildcards.dataset}, seed {wildcards.seed}"
    shell:
        "{params.python:q} {params.program:q} {output[0]:q} > {log:q} 2>&1"

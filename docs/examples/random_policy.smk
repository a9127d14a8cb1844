# A baseline from outside: snakemake --config 'baselines=[docs/examples/random_policy.smk]'
# The file registers a name and the datasets it runs on, and says how one run directory is written.
from pathlib import Path

register_baseline("random-policy", datasets=["*/*"])


rule random_policy:
    # the program is an input, so that an edit of it runs the baseline again
    input:
        data=dataset_file,
        program=Path(workflow.current_basedir) / "random_policy.py",
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
    # the interpreter that runs Snakemake, which has off2on; a program of your own may name another one. The checksum
    # of a dataset from elsewhere runs the baseline again when the file is swapped, even for an older one
    params:
        python=sys.executable,
        data=checksum,
    message:
        "random-policy on {wildcards.task}/{wildcards.dataset}, seed {wildcards.seed}"
    shell:
        "{params.python:q} {input.program:q} {output[0]:q} > {log:q} 2>&1"

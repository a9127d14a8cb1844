# The whole benchmark: dataset -> pretrain -> finetune -> aggregate -> figures -> report.
#
#   snakemake --cores 2                               scale quick, everything
#   snakemake --cores 8 --config scale=laptop         another scale; config/README.md lists the keys
#   snakemake --cores 2 fig_4a                        one figure
#   snakemake -n --config scale=paper 'datasets=[random]' 'methods=[ours,sac]' seeds=10
from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/baselines.smk"
include: "workflow/rules/hooks.smk"


for path in BASELINE_FILES:

    include: path


finish_registration()


include: "workflow/rules/analysis.smk"
include: "workflow/rules/cost.smk"
include: "workflow/rules/figures.smk"


onstart:
    begin()


onsuccess:
    end_well()


onerror:
    end(
        "stopped. Finished jobs are kept and interrupted training resumes from its last checkpoint: run the same "
        f"command again. Snakemake's own log: {log}"
    )


rule all:
    default_target: True
    input:
        rules.report.output,
    localrule: True
    message:
        f"all up to date: {REPORT}"

# Baselines from files: each registers a name, and has a rule that writes its run directories (docs/baselines.md).

BASELINE_FILES = [
    *sorted(Path(workflow.basedir).glob("workflow/baselines/*.smk")),
    *(Path(path).absolute() for path in SELECTION.baseline_files),
]
#: filled by the files above, through register_baseline
REGISTERED, BASELINE_RUNS = {}, []

for path in BASELINE_FILES:
    if not path.is_file():
        stop(f"--config baselines={path}: no such file; expected 'baselines=[/path/my.smk]'")


def register_baseline(name, datasets, figures=("fig_3",)):
    """Make the runs of a baseline part of everything; its file says how they are written.

    `datasets` are patterns on task/dataset, such as "*/random"; "none" for training from scratch. `figures` are
    those that it is drawn in.
    """
    try:
        check_baseline(name, datasets, [*METHODS, *REGISTERED], figures, FIGURES)
    except Off2OnError as error:
        stop(error)
    if SELECTION.baselines is None or name in SELECTION.baselines:
        pairs = ((task, dataset) for task in SCALE.tasks for dataset in matching(SCALE, task, datasets))
        BASELINE_RUNS.extend(Run(*pair, name, seed) for pair in pairs for seed in SCALE.seeds_of(pair[0]))
    REGISTERED[name] = tuple(figures)


def finish_registration():
    """Check the scale, the selection and the baselines' rules once all their files are included."""
    try:
        whole = load_scale(SELECTION.argument)
        check_patterns(whole, scale_path(SELECTION.argument), [*METHODS, *REGISTERED])
    except Off2OnError as error:
        stop(error)
    for name in SELECTION.baselines or ():
        if name not in REGISTERED:
            known = hint(name, [*METHODS, *REGISTERED])
            stop(f"--config methods={name}: unknown '{name}'{known}, or a baseline from a file")
    if not OWN_RUNS + BASELINE_RUNS:
        stop("nothing to run: none of the selected methods has a run on the selected datasets of this scale")
    for run in BASELINE_RUNS:
        for file in ("progress.csv", "run.json"):
            check_rule(run.method, LAYOUT.run(*run) / file)


def check_rule(name, path):
    """Without a rule Snakemake would take a file that is there for up to date, and its tables with it.

    Nor would it see that a dataset of somebody else was swapped for an older file, but for its checksum.
    """
    makers = [made for made in workflow.rules if made.is_producer(str(path))]
    if not makers:
        stop(
            f"baseline '{name}': no rule writes {path}. The output of its rule must be "
            f"baseline_files('{name}'), by the name that register_baseline was called with"
        )
    for made in makers:
        if INVENTORY.checksums and dataset_file in made.input and checksum not in made.params:
            stop(f"baseline '{name}': {made.name} reads dataset_file, so it needs 'params: data=checksum'")


def baseline_files(name):
    """What a baseline writes, with wildcards task, dataset and seed."""
    directory = LAYOUT.results / "runs" / "{task}" / "{dataset}" / name / "seed{seed}"
    return [directory / file for file in ("progress.csv", "run.json")]

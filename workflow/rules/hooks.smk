# What a run says at its start and at its end, and how it holds the directory.


def sleep_until_a_job_ends():
    """Take away Snakemake's default limit of submissions, 100 a second; one that the user gives stays.

    With it the scheduler wakes once more a second for every job that has ended (snakemake#3744): an eighth of a
    core after 50 jobs.
    """
    limit = workflow.scheduling_settings.max_jobs_per_timespan
    if limit and (limit.max_jobs, limit.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


def begin():
    """At the start of a real run: hold the directory; say what runs, how long it should take, what else there is."""
    try:
        hold_unless_held()
    except Off2OnError as error:
        stop(error)
    sleep_until_a_job_ends()
    say(f"scale {SCALE.name}, source {SCALE.source}: it should take {SCALE.wall_time}")
    for note in INVENTORY.notes:
        say(note)
    say(f"{len(PRETRAININGS)} pre-trainings, {len(OWN_RUNS + BASELINE_RUNS)} runs; finished ones are kept")
    if SCALE.name != "paper":
        say("the paper's own settings: --config scale=paper (its cost: off2on plan --scale paper)")


def results_of_this_command():
    """The report, or the figures and other files, that this command made or found up to date."""
    made = [Path(file) for job in workflow.dag.targetjobs for file in (job.output or job.input)]
    if REPORT in made:
        return f"report: {REPORT.absolute()}"
    figures = [path for path in made if path.suffix == ".svg"]
    return ", ".join(str(path.absolute()) for path in (figures or made[:3]))


def speak_for_snakemake(record):
    """Two messages that Snakemake cannot complete: with nothing to do, where the results are; what a lock means."""
    text = record.getMessage()
    if text == NOTHING_TO_BE_DONE_MSG:
        record.msg = f"{text}\noff2on: {results_of_this_command()}"
    elif "Error: Directory cannot be locked" in text:
        record.msg = f"off2on: error: {explain_lock()}"
    return True


logger.addFilter(speak_for_snakemake)

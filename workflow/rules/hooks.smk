# What a run shows, says at its start and at its end, and how it holds the directory.
import logging

from snakemake.logging import ColorizingTextHandler

from off2on.console import Console, Step, summary


def in_a_real_run():
    """Whether jobs run here: not in a dry run, not in a process that is one of them, not with --verbose."""
    executor = workflow._executor_plugin
    settings = executor and executor.common_settings
    pretends = settings is None or settings.dryrun_exec or settings.touch_exec
    return not pretends and not workflow.output_settings.verbose and workflow.is_main_process


def take_over_the_terminal():
    """Put `Console` in the place of Snakemake's own handler; a plugin that the user chose stays."""
    for handler in list(logger.handlers):
        if isinstance(handler, ColorizingTextHandler):
            logger.removeHandler(handler)
            logger.addHandler(Console(handler, in_a_real_run))


def console():
    """The one in place, if it shows this run."""
    found = [handler for handler in logger.handlers if isinstance(handler, Console)]
    return found[0] if found and in_a_real_run() else None


def steps_of_this_run():
    """What is to do, by the ids that Snakemake gives its jobs."""
    costs = {"collect": collect_cost, "pretrain": pretrain_cost, "finetune": finetune_cost}
    found = {}
    for job in workflow.dag.needrun_jobs():
        cost = costs.get(job.rule.name)
        seconds = duration(cost(job.wildcards)) if cost else plan.JOB_SECONDS
        directory = Path(job.output[0]).parent if job.rule.name in ("pretrain", "finetune") else None
        found[workflow.dag.jobid(job)] = Step(job.message or job.rule.name, seconds, directory)
    return found


def jobs_at_once():
    """Of training: on a cluster no number of cores is given, but one of jobs; GPUs have so many slots."""
    slots = workflow.global_resources.get("gpu_slots").value if GPU else None
    return min(workflow.nodes or workflow.cores, slots or sys.maxsize)


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
    should = "trained on GPUs (off2on plan)" if GPU else f"it should take {SCALE.wall_time}"
    say(f"scale {SCALE.name}, source {SCALE.source}: {should}")
    if not SCALE.reading.verdicts:
        say(SCALE.reading.shows)
    for note in INVENTORY.notes:
        say(note)
    say(f"{len(PRETRAININGS)} pre-trainings, {len(OWN_RUNS + BASELINE_RUNS)} runs; finished ones are kept")
    if SCALE.name != "paper":
        say("the paper's own settings: --config scale=paper (its cost: off2on plan --scale paper)")
    if console():
        console().begin(steps_of_this_run(), jobs_at_once())


def end(*lines):
    """At the end of a real run: take the bar away, then say this."""
    if console():
        console().end()
    for line in lines:
        say(line)


def end_well():
    """The results, where this run made the report, and where they are."""
    judged = SCALE.reading.verdicts and REPORT in files_of_this_command()
    end(*(summary(LAYOUT.figures) if judged else []), f"done; {results_of_this_command()}")


def files_of_this_command():
    """What this command made or found up to date."""
    return [Path(file) for job in workflow.dag.targetjobs for file in (job.output or job.input)]


def results_of_this_command():
    """The report, or the figures and other files, that this command made or found up to date."""
    made = files_of_this_command()
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
take_over_the_terminal()

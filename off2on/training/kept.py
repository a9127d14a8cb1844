"""Which agents a pre-training keeps [S136]. No torch here."""

from off2on.jobs import PretrainJob


def kept_steps(job: PretrainJob) -> list[int]:
    """The gradient steps whose agents are kept, for the best to be chosen; none: the last ones are."""
    every = job.settings.pretraining.select_every
    return sorted({*range(every, job.steps, every), job.steps}) if every else []

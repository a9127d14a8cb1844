"""How many epochs an online run has, and how many gradient steps an epoch [S39, S66]. No torch here."""

from off2on.jobs import FinetuneJob


def epochs(job: FinetuneJob) -> int:
    """Epochs of a run; the warm-up of fresh networks counts as environment steps."""
    loop = job.settings.finetuning
    warmup = 0 if job.method.start else loop.warmup_steps
    return (loop.env_steps - warmup) // loop.epoch_steps


def updates(job: FinetuneJob, epoch: int) -> int:
    """Gradient steps of an epoch; the first one may have more."""
    loop = job.settings.finetuning
    longer = epoch == 0 and job.longer_first_epoch
    return (loop.epoch_updates or loop.epoch_steps) * (loop.first_epoch_multiplier if longer else 1)

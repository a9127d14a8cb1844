"""What the process does with freed memory."""

import ctypes

# parameters of glibc's mallopt
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3


def keep_freed_memory() -> None:
    """Let the allocator keep what is freed, up to 1 GB, for the next gradient step.

    By default glibc gives blocks of some megabytes back to the system and a step's temporaries fault their pages
    in again every time: 15 to 20 % of the time of a step. Without glibc nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        # 32 MB is the largest value that glibc takes
        mallopt(MMAP_THRESHOLD, 1 << 25)
        mallopt(TRIM_THRESHOLD, 1 << 30)

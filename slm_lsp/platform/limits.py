"""Limits that the kernel enforces on this process (POSIX only)."""


def limit_process(**limits: int) -> None:
    """Set limits of this process for the rest of its life.

    Args:
        limits: values by the name of the limit without its prefix: `CPU=1` sets `RLIMIT_CPU`.
    """
    import resource

    for name, value in limits.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))

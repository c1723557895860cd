"""Runs the tasks of an evaluation one after the other and reports progress."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

OnProgress: TypeAlias = Callable[[int, int], None]
"""Called with the number of finished tasks and the number of all tasks."""

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(slots=True)
class Progress:
    """Counts finished tasks."""

    total: int
    on_progress: OnProgress
    done: int = 0

    def step(self) -> None:
        """Count one more finished task and report the progress."""
        self.done += 1
        self.on_progress(self.done, self.total)


async def run_tasks(
    tasks: Iterable[Task], run: Callable[[Task], Awaitable[Result]], progress: Progress
) -> list[Result]:
    """Run tasks in order and return their results."""
    results: list[Result] = []
    for task in tasks:
        results.append(await run(task))
        progress.step()
    return results


def spread(tasks: Sequence[Task], count: int | None) -> list[Task]:
    """Return this number of tasks, evenly spread over all of them; all if no number is given."""
    if count is None or count >= len(tasks):
        return list(tasks)
    return [tasks[number * len(tasks) // count] for number in range(count)]

"""The models in memory: loaded when asked for, unloaded when idle, refused when they took the engine down."""

from collections.abc import Callable
from pathlib import Path

from slm_lsp.engine.api import Estimate, Estimated, LoadedStats, ModelRef
from slm_lsp.engine.backend import Backend, BackendOptions, open_backend
from slm_lsp.engine.backend.base import OnProgress
from slm_lsp.engine.crashes import CrashRecord
from slm_lsp.engine.daemon.calibration import Calibration
from slm_lsp.engine.daemon.kv_offload import Parking
from slm_lsp.engine.daemon.loaded import LoadedModel
from slm_lsp.engine.daemon.machine import Machine
from slm_lsp.engine.daemon.rates import RatesFile
from slm_lsp.errors import ModelMissingError, ModelRefusedError, UsageError

SEQUENCES = 9
"""Eight documents and parallel answers of one model at a time, and the scratch."""

CRASHES_TO_REFUSE = 2

Open = Callable[[Path, OnProgress], tuple[Backend, str]]
MakeParking = Callable[[], Parking | None]


class Models:
    """Every model in memory. Used by the decoding thread; `stats` from any.

    Args:
        open_model: loads a file.
        crashes: which models took an engine down.
        idle_s: seconds after which an unused model is unloaded.
        rates: where measured speeds are kept; None: nothing is measured.
        parking: makes the place for the cells of idle documents of one model.
        machine: what is known about the load; None: one thread, and nothing is known.
    """

    def __init__(
        self,
        open_model: Open,
        crashes: CrashRecord,
        idle_s: float,
        rates: RatesFile | None = None,
        parking: MakeParking = lambda: None,
        machine: Machine | None = None,
    ) -> None:
        self.machine = machine or Machine(1)
        self._calibration = Calibration(self.machine, rates, self._mark) if rates else None
        self._open = open_model
        self._rates = rates
        self._parking = parking
        self._crashes = crashes
        self._idle_s = idle_s
        self._loaded: dict[ModelRef, LoadedModel] = {}
        self._busy: ModelRef | None = None

    def get(self, ref: ModelRef, explicit: bool, on_progress: OnProgress, clock: Callable[[], float]) -> LoadedModel:
        """Return a model, loaded if needed.

        Args:
            ref: which model.
            explicit: the user triggered the request by hand, so earlier crashes of the model are forgotten.
            on_progress: called with the fraction loaded.
            clock: seconds, from any start; sets the time of the last use.

        Raises:
            ModelRefusedError: the engine crashed twice while it used the model, and no explicit request came since.
            ModelMissingError: the file does not exist.
            ModelCorruptError: no binding can load the file.
            UsageError: `ref` has adapters, which no binding applies yet.
        """
        if (model := self._loaded.get(ref)) is not None:
            model.used = clock()
            return model
        path = ref.file
        if not path.is_file():
            raise ModelMissingError(f"{path} does not exist.", "Run `slm-lsp models pull fast`.")
        if ref.adapters:
            raise UsageError("This version cannot apply adapters.", "Use the model without adapters.")
        if explicit:
            self._crashes.forgive(ref)
        if (count := self._crashes.count(ref)) >= CRASHES_TO_REFUSE:
            raise ModelRefusedError(
                f"The engine crashed {count} times with {path.name}, so it is no longer loaded automatically.",
                "Run `slm-lsp models verify`, then trigger a completion by hand to try again.",
            )
        self._mark(ref)
        backend, why = self._open(path, on_progress)
        known = self._rates.get(ref, backend) if self._rates else None
        model = LoadedModel(ref, backend, why, clock(), self.machine, self._parking(), rates=known)
        self._loaded[ref] = model
        return model

    def estimate(self, request: Estimate, seam_s: float) -> Estimated:
        """How long a prompt would take; a model that is not in memory stays where it is."""
        model = self._loaded.get(request.model)
        return model.estimate(request, seam_s) if model else Estimated(request.id, loaded=False)

    def set_busy(self, model: LoadedModel | None) -> None:
        """Note which model is at work, so that the next engine knows which one took this one down."""
        self._mark(model.ref if model else None)

    def note_success(self, ref: ModelRef) -> None:
        """Forget earlier crashes of a model, since it has served a request."""
        self._crashes.forgive(ref)

    def unload_idle(self, now: float) -> int:
        """Free the models that were not used for `idle_s` seconds. Return how many were freed."""
        idle = [ref for ref, model in self._loaded.items() if now - model.used >= self._idle_s]
        for ref in idle:
            self._loaded.pop(ref).close()
        return len(idle)

    def next_unload(self, now: float) -> float | None:
        """Seconds until a model will have been idle too long; None without models."""
        due = [model.used + self._idle_s - now for model in self._loaded.values()]
        return max(0.0, min(due)) if due else None

    def next_calibration(self, now: float) -> float | None:
        """Seconds until there may be something to measure; None where everything is known."""
        return self._calibration.due_s(self._loaded.values(), now) if self._calibration else None

    def calibrate(self, clock: Callable[[], float]) -> None:
        """Measure one batch of a model, if something is to be measured."""
        if self._calibration:
            self._calibration.step(self._loaded.values(), clock)

    def interrupt_calibration(self) -> None:
        """End a measurement that is running, so that a request need not wait for it; from any thread."""
        if self._calibration:
            self._calibration.interrupt()

    def stats(self, now: float) -> tuple[LoadedStats, ...]:
        """One row a model."""
        models = list(self._loaded.values())
        return tuple(
            LoadedStats(
                each.ref,
                each.backend.name,
                each.why,
                now - each.used,
                each.rates.batch_s if each.rates else {},
                each.rates.prefill if each.rates else None,
                each.rates.measured_at if each.rates else None,
                each.rates.load if each.rates else 0.0,
                each.measure_wanted,
            )
            for each in models
        )

    def close(self) -> None:
        """Free everything."""
        self.unload_idle(float("inf"))
        self._mark(None)

    def _mark(self, ref: ModelRef | None) -> None:
        if ref != self._busy:
            self._busy = ref
            self._crashes.mark(ref)


def opener(options: BackendOptions, preference: str) -> Open:
    """How to open a model with these options."""

    def open_model(path: Path, on_progress: OnProgress) -> tuple[Backend, str]:
        return open_backend(path, options, preference, on_progress)  # type: ignore[arg-type]

    return open_model

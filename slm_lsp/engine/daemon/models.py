"""The models in memory: loaded on demand, unloaded when idle, refused after crashes."""

from collections.abc import Callable
from pathlib import Path

from slm_lsp.engine.api import Estimate, Estimated, LoadedStats, ModelRef
from slm_lsp.engine.backend import Backend, BackendOptions, open_backend
from slm_lsp.engine.backend.base import OnProgress
from slm_lsp.engine.crashes import CrashRecord
from slm_lsp.engine.daemon.calibration import Calibration
from slm_lsp.engine.daemon.kv_offload import KvOffload
from slm_lsp.engine.daemon.loaded import LoadedModel
from slm_lsp.engine.daemon.machine import Machine
from slm_lsp.engine.daemon.rates import RatesFile
from slm_lsp.errors import ModelMissingError, ModelRefusedError, UsageError

SEQUENCES = 9
"""Number of sequences in a model's context: eight for documents and parallel answers, and one for measurements."""

CRASHES_TO_REFUSE = 2
"""Number of crashes after which a model is only loaded for an explicit request."""

Open = Callable[[Path, OnProgress], tuple[Backend, str]]
"""Opens a model file and returns the backend and the reason why its binding was chosen."""

MakeOffload = Callable[[], KvOffload | None]


class Models:
    """All models in memory. Used by the decoding thread; `stats` can be called from any thread.

    Args:
        open_model: opens a model file.
        crashes: crash counts of models.
        idle_s: seconds after which an unused model is unloaded.
        rates: file of measured speeds; None: measure nothing.
        make_offload: creates the store for the KV cells of one model's idle documents.
        machine: load and speed of the machine; None: use one thread and do not measure the load.
    """

    def __init__(
        self,
        open_model: Open,
        crashes: CrashRecord,
        idle_s: float,
        rates: RatesFile | None = None,
        make_offload: MakeOffload = lambda: None,
        machine: Machine | None = None,
    ) -> None:
        self.machine = machine or Machine(1)
        self._calibration = Calibration(self.machine, rates, self._mark) if rates else None
        self._open = open_model
        self._rates = rates
        self._make_offload = make_offload
        self._crashes = crashes
        self._idle_s = idle_s
        self._loaded: dict[ModelRef, LoadedModel] = {}
        self._busy: ModelRef | None = None

    def get(self, ref: ModelRef, explicit: bool, on_progress: OnProgress, clock: Callable[[], float]) -> LoadedModel:
        """Return a model, loaded if needed.

        Args:
            ref: the model to return.
            explicit: the user triggered the request by hand, so the model's crash count is reset.
            on_progress: called with the fraction that is loaded.
            clock: returns seconds since any fixed time; sets the time of the last use.

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
                f"The engine crashed {count} times with {path.name}, so this model is no longer loaded automatically.",
                "Run `slm-lsp models verify`, then trigger a completion by hand to try again.",
            )
        self._mark(ref)
        backend, why = self._open(path, on_progress)
        known = self._rates.get(ref, backend) if self._rates else None
        model = LoadedModel(ref, backend, why, clock(), self.machine, self._make_offload(), rates=known)
        self._loaded[ref] = model
        return model

    def estimate(self, request: Estimate) -> Estimated:
        """Estimate how long a prompt takes; loads nothing."""
        model = self._loaded.get(request.model)
        return model.estimate(request) if model else Estimated(request.id, loaded=False)

    def set_busy(self, model: LoadedModel | None) -> None:
        """Record which model is in use, so that the next engine knows which model this one crashed with."""
        self._mark(model.ref if model else None)

    def note_success(self, ref: ModelRef) -> None:
        """Reset the crash count of a model that has served a request."""
        self._crashes.forgive(ref)

    def unload_idle(self, now: float) -> int:
        """Free the models that were not used for `idle_s` seconds. Return how many were freed."""
        idle = [ref for ref, model in self._loaded.items() if now - model.used >= self._idle_s]
        for ref in idle:
            self._loaded.pop(ref).close()
        return len(idle)

    def next_unload(self, now: float) -> float | None:
        """Return the seconds until a model must be unloaded; None if no model is loaded."""
        due = [model.used + self._idle_s - now for model in self._loaded.values()]
        return max(0.0, min(due)) if due else None

    def next_calibration(self, now: float) -> float | None:
        """Return the seconds until a measurement may be due; None if everything is measured."""
        return self._calibration.due_s(self._loaded.values(), now) if self._calibration else None

    def calibrate(self, clock: Callable[[], float]) -> None:
        """Measure one batch of a model, if a measurement is due."""
        if self._calibration:
            self._calibration.step(self._loaded.values(), clock)

    def interrupt_calibration(self) -> None:
        """Interrupt a running measurement, so that a request need not wait for it; callable from any thread."""
        if self._calibration:
            self._calibration.interrupt()

    def stats(self, now: float) -> tuple[LoadedStats, ...]:
        """Return one entry for each model."""
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
        """Unload all models."""
        self.unload_idle(float("inf"))
        self._mark(None)

    def _mark(self, ref: ModelRef | None) -> None:
        if ref != self._busy:
            self._busy = ref
            self._crashes.mark(ref)


def opener(options: BackendOptions, preference: str) -> Open:
    """Return a function that opens models with these options."""

    def open_model(path: Path, on_progress: OnProgress) -> tuple[Backend, str]:
        return open_backend(path, options, preference, on_progress)  # type: ignore[arg-type]

    return open_model

"""The models in memory: loaded when asked for, unloaded when idle, refused when they took the engine down."""

from collections.abc import Callable
from pathlib import Path

from slm_lsp.engine.api import Estimate, Estimated, LoadedStats
from slm_lsp.engine.backend import Backend, BackendOptions, open_backend
from slm_lsp.engine.backend.base import OnProgress
from slm_lsp.engine.crashes import CrashRecord
from slm_lsp.engine.daemon.calibration import Calibration
from slm_lsp.engine.daemon.kv_offload import Parking
from slm_lsp.engine.daemon.loaded import LoadedModel
from slm_lsp.engine.daemon.machine import Machine
from slm_lsp.engine.daemon.rates import RatesFile
from slm_lsp.errors import ModelMissingError, ModelRefusedError

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
        self._loaded: dict[Path, LoadedModel] = {}
        self._busy: Path | None = None

    def get(self, path: Path, asked: bool, on_progress: OnProgress, clock: Callable[[], float]) -> LoadedModel:
        """The model at `path`, loaded if need be.

        Args:
            path: a GGUF file.
            asked: a person asked for it; its crashes are forgiven.
            on_progress: called with the fraction loaded.
            clock: tells when it was last used.

        Raises:
            ModelRefusedError: it took the engine down twice, and nobody asked for it on purpose since.
            ModelMissingError: there is no such file.
            ModelCorruptError: no binding can load it.
        """
        if (model := self._loaded.get(path)) is not None:
            model.used = clock()
            return model
        if not path.is_file():
            raise ModelMissingError(f"{path} is not there.", "Run `slm-lsp models pull fast`.")
        if asked:
            self._crashes.forgive(path)
        if (count := self._crashes.count(path)) >= CRASHES_TO_REFUSE:
            raise ModelRefusedError(
                f"{path.name} took the engine down {count} times, so it is not loaded of its own accord.",
                "Run `slm-lsp models verify`, then ask for a completion by hand to try again.",
            )
        self._mark(path)
        backend, why = self._open(path, on_progress)
        known = self._rates.get(path, backend) if self._rates else None
        model = LoadedModel(path, backend, why, clock(), self.machine, self._parking(), rates=known)
        self._loaded[path] = model
        return model

    def estimate(self, request: Estimate, seam_s: float) -> Estimated:
        """How long a prompt would take; a model that is not in memory stays where it is."""
        model = self._loaded.get(Path(request.model))
        return model.estimate(request, seam_s) if model else Estimated(request.id, loaded=False)

    def set_busy(self, model: LoadedModel | None) -> None:
        """Note which model is at work, so that the next engine knows which one took this one down."""
        self._mark(model.path if model else None)

    def went_well(self, path: Path) -> None:
        """A request was served: earlier crashes do not count any more."""
        self._crashes.forgive(path)

    def unload_idle(self, now: float) -> int:
        """Free the models that nobody has used for long; how many there were."""
        idle = [path for path, model in self._loaded.items() if now - model.used >= self._idle_s]
        for path in idle:
            self._loaded.pop(path).close()
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
                str(each.path),
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

    def _mark(self, path: Path | None) -> None:
        if path != self._busy:
            self._busy = path
            self._crashes.mark(path)


def opener(options: BackendOptions, preference: str) -> Open:
    """How to open a model with these options."""

    def open_model(path: Path, on_progress: OnProgress) -> tuple[Backend, str]:
        return open_backend(path, options, preference, on_progress)  # type: ignore[arg-type]

    return open_model

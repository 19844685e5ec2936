"""What every operation measures: `module.operation.duration`, `.errors`, `.success`, health and dependencies."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from entrepot.pure.errors import Refusal

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The metrics of one house. Prometheus allows no dots in names, so module and operation are labels. Where several processes
    answer requests they count together, in the folder that the environment names."""

    def __init__(self) -> None:
        # It looks for that folder when it is loaded, so it must not be loaded before.
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = CollectorRegistry()
        labels = ("module", "operation")
        self.duration = Histogram(
            "module_operation_duration",
            "Seconds an operation took",
            labels,
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.errors = Counter("module_operation_errors", "Operations that failed", labels, registry=self.registry)
        self.success = Counter("module_operation_success", "Operations that succeeded", labels, registry=self.registry)
        self.refusals = Counter(
            "module_operation_refusals", "Operations refused with a reason", labels, registry=self.registry
        )
        gauge = partial(Gauge, registry=self.registry, multiprocess_mode="mostrecent")
        self.health = gauge("module_health", "1 when the module can work", ("module",))
        self.dependencies = gauge(
            "module_dependencies", "1 when the dependency can be reached", ("module", "dependency")
        )
        self.queue = gauge("queue_depth", "Rows waiting", ("queue",))
        self._children: dict[str, tuple[Histogram, Counter, Counter, Counter]] = {}

    @contextmanager
    def timed(self, operation: str) -> Iterator[None]:
        """Measure one run of `module.operation`. A refusal is not an error: the business said no and was right."""
        children = self._children.get(operation)
        if children is None:
            module, _, name = operation.partition(".")
            children = self._children[operation] = (
                self.duration.labels(module, name),
                self.errors.labels(module, name),
                self.success.labels(module, name),
                self.refusals.labels(module, name),
            )
        duration, errors, success, refusals = children
        start = time.perf_counter()
        try:
            yield
        except Refusal:
            refusals.inc()
            raise
        except BaseException:
            errors.inc()
            raise
        else:
            success.inc()
        finally:
            duration.observe(time.perf_counter() - start)

    def text(self) -> bytes:
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self.registry)
        all_together = CollectorRegistry()
        MultiProcessCollector(all_together)  # type: ignore[no-untyped-call]
        return generate_latest(all_together)

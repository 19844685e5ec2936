"""What every operation measures: `module.operation.duration`, `.errors`, `.success`, health and dependencies."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from entrepot.pure.errors import Refusal

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The metrics of one house. Prometheus allows no dots in names, so module and operation are labels."""

    def __init__(self) -> None:
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
        self.health = Gauge("module_health", "1 when the module can work", ("module",), registry=self.registry)
        self.dependencies = Gauge(
            "module_dependencies",
            "1 when the dependency can be reached",
            ("module", "dependency"),
            registry=self.registry,
        )
        self.queue = Gauge("queue_depth", "Rows waiting", ("queue",), registry=self.registry)
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
        return generate_latest(self.registry)

"""What a process tells as metrics, read in a test."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint

from app_platform.runtime import budget, telemetry

_CACHES = (telemetry.instruments, telemetry.commits, budget._all_shown)  # noqa: SLF001 - made once a process


class Metrics:
    """The instruments that are made while the fixture lasts."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self.provider = MeterProvider(metric_readers=[self._reader])

    def values(self, name: str) -> dict[str, float]:
        """The numbers of a metric, by its labels as Prometheus writes them: ``a="b",c="d"``."""
        data = self._reader.get_metrics_data()
        scopes = [scope for of in (data.resource_metrics if data else ()) for scope in of.scope_metrics]
        points = [
            point
            for scope in scopes
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]
        return {_labels(each): each.value for each in points if isinstance(each, NumberDataPoint)}


def _labels(point: NumberDataPoint) -> str:
    labels: Mapping[str, Any] = point.attributes or {}
    return ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Metrics]:
    """What is told from now on, apart from other tests."""
    found = Metrics()
    monkeypatch.setattr(metrics, "get_meter", found.provider.get_meter)
    for each in _CACHES:
        each.cache_clear()
    yield found
    for each in _CACHES:
        each.cache_clear()
    found.provider.shutdown()

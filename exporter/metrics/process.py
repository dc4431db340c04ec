"""``python_*`` and ``process_*``: what client_python's collectors say of this process at a scrape."""

from prometheus_client import CollectorRegistry, GCCollector, Metric, PlatformCollector, ProcessCollector
from prometheus_client.samples import Sample

from exporter.metrics.encoding import Format
from exporter.metrics.labels import escape, escape_newlines


class ProcessMetrics:
    """Reads the collectors, and writes their lines.

    client_python's own writer takes twice as long as reading them, a quarter of a scrape of 10,000 runs: it
    works out anew what is the same at each scrape.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """``registry``: what collects; by default, client_python's three collectors of a process."""
        self._registry = registry or _process_registry()
        self._heads: dict[Format, dict[str, str]] = {form: {} for form in Format}
        self._series: dict[tuple[str, ...], str] = {}

    def text(self, form: Format) -> bytes:
        """Return the families with the values of now."""
        heads = self._heads[form]
        lines: list[str] = []
        for metric in self._registry.collect():
            lines.append(heads.get(metric.name) or heads.setdefault(metric.name, _head(metric, form)))
            for sample in metric.samples:
                series = sample.name, *sample.labels.values()
                prefix = self._series.get(series) or self._series.setdefault(series, _prefix(sample))
                lines.append(f"{prefix} {float(sample.value)!r}\n")
        return "".join(lines).encode()


def _process_registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def _head(metric: Metric, form: Format) -> str:
    """Return the HELP and TYPE lines: a counter's name has its suffix in the text format only."""
    if form is Format.TEXT:
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        text = escape_newlines(metric.documentation)
    else:
        name, text = metric.name, escape(metric.documentation)
    return f"# HELP {name} {text}\n# TYPE {name} {metric.type}\n"


def _prefix(sample: Sample) -> str:
    labels = ",".join(f'{label}="{escape(value)}"' for label, value in sorted(sample.labels.items()))
    return f"{sample.name}{{{labels}}}" if labels else sample.name

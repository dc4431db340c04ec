"""``python_*`` and ``process_*``: what client_python's collectors say of this process at a scrape."""

import gc
import os
import resource
import time
import weakref
from collections.abc import Callable, Mapping, Sequence

from prometheus_client import CollectorRegistry, GCCollector, Metric, PlatformCollector, ProcessCollector
from prometheus_client.samples import Sample

from exporter.metrics.encoding import Format
from exporter.metrics.labels import escape, escape_newlines

_OF_A_GENERATION = ("objects_collected", "objects_uncollectable", "collections")
_PAGE_BYTES = resource.getpagesize()
_GENERATIONS = tuple(
    tuple(f'python_gc_{what}_total{{generation="{generation}"}}' for what in _OF_A_GENERATION)
    for generation in range(len(gc.get_stats()))
)
_SAME_ALL_LIFE = frozenset({"process_start_time_seconds", "python_info"})


class ProcessReader:
    """Reads the values of now, by series: the same ones that client_python's collectors read.

    Two files of ``/proc`` stay open: to open and to list them took most of the time.
    """

    def __init__(self, proc: str = "/proc/self") -> None:
        """``proc``: where the system tells of this process."""
        self._proc = proc
        self._files: tuple[int, int] | None = None
        """What tells of the memory, and the folder of the open files."""

    def __call__(self) -> Mapping[str, float]:
        """Return the values. Raises OSError where there is no ``/proc``, or no more files may be opened."""
        memory, folder = self._files or self._open()
        size, resident, *_ = os.pread(memory, 256, 0).split()
        values = {
            "process_virtual_memory_bytes": float(size) * _PAGE_BYTES,
            "process_resident_memory_bytes": float(resident) * _PAGE_BYTES,
            "process_cpu_seconds_total": time.process_time(),
            "process_open_fds": float(self._open_files(folder)),
            "process_max_fds": float(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        }
        for (collected, uncollectable, collections), found in zip(_GENERATIONS, gc.get_stats(), strict=True):
            values[collected] = float(found["collected"])
            values[uncollectable] = float(found["uncollectable"])
            values[collections] = float(found["collections"])
        return values

    def _open_files(self, folder: int) -> int:
        """Count the open files, and one more: to list them, as the collectors do, one is opened."""
        if number := os.fstat(folder).st_size:
            return number + 1
        return len(os.listdir(f"{self._proc}/fd"))  # noqa: PTH208 (names are enough; Linux before 6.2)

    def _open(self) -> tuple[int, int]:
        memory = os.open(f"{self._proc}/statm", os.O_RDONLY)
        try:
            folder = os.open(f"{self._proc}/fd", os.O_RDONLY)
        except BaseException:
            os.close(memory)
            raise
        self._files = memory, folder
        weakref.finalize(self, _close, memory, folder)
        return memory, folder


def _close(*files: int) -> None:
    for file in files:
        os.close(file)


class ProcessMetrics:
    """Writes the families of client_python's collectors.

    They tell the names, the help and what never changes. The values of a scrape are read here: that takes a
    fifth of the time, and was half of a scrape of 10,000 runs.
    """

    def __init__(
        self,
        registry: CollectorRegistry | None = None,
        read: Callable[[], Mapping[str, float]] | None = None,
    ) -> None:
        """``registry``: what collects; by default, client_python's three collectors of a process.

        ``read``: the values of now; by default, those of this process. While that fails, or where the
        collectors tell more, they are asked.
        """
        self._registry = registry or _process_registry()
        self._read = read or ProcessReader()
        self._templates: dict[Format, tuple[str, Sequence[str]]] = {}
        """The text with a place for each value that changes, and whose they are."""

    def text(self, form: Format) -> bytes:
        """Return the families with the values of now."""
        try:
            values = self._read()
            template, series = self._templates.get(form) or self._template(form, values)
        except OSError:
            values = {}
            template, series = self._template(form, values)
        return (template % tuple(map(values.__getitem__, series))).encode()

    def _template(self, form: Format, values: Mapping[str, float]) -> tuple[str, Sequence[str]]:
        """Ask the collectors, and write what they tell, but for what the values hold."""
        lines: list[str] = []
        places: list[str] = []
        lasting = True
        for metric in self._registry.collect():
            lines.append(_head(metric, form).replace("%", "%%"))
            for sample in metric.samples:
                series = _series(sample)
                if series in values:
                    places.append(series)
                value = "%r" if series in values else repr(float(sample.value))
                lasting &= series in values or sample.name in _SAME_ALL_LIFE
                lines.append(f"{series.replace('%', '%%')} {value}\n")
        template = "".join(lines), tuple(places)
        if lasting and len(places) == len(values):
            self._templates[form] = template
        return template


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


def _series(sample: Sample) -> str:
    labels = ",".join(f'{label}="{escape(value)}"' for label, value in sorted(sample.labels.items()))
    return f"{sample.name}{{{labels}}}" if labels else sample.name

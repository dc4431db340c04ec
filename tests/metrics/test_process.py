"""The series of the process, against client_python's own writer."""

from collections.abc import Callable, Iterable, Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.metrics.encoding import Format
from exporter.metrics.process import ProcessMetrics

Parse = Callable[[str], Iterable[Metric]]
FORMATS = [(Format.TEXT, parse_text), (Format.OPENMETRICS, parse_openmetrics)]
END = {Format.TEXT: "", Format.OPENMETRICS: "# EOF\n"}


class Still:
    """Collects what a Gauge and a Counter hold, without the latter's time of creation."""

    def __init__(self) -> None:
        self.used = Gauge("used_bytes", 'What is used of "it"\\, in bytes.', ["kind"], registry=None)
        self.used.labels('odd "one"\n\\').set(2.5e17)
        self.seen = Counter("seen", "How many were seen.", registry=None)
        self.seen.inc(3)

    def collect(self) -> Iterator[Metric]:
        yield from self.used.collect()
        for metric in self.seen.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


@pytest.mark.parametrize(("form", "parse"), FORMATS)
def test_they_say_what_client_python_would_have_written(form: Format, parse: Parse) -> None:
    registry = CollectorRegistry()
    registry.register(Still())
    theirs = choose_encoder(form.value)[0](registry).decode()
    ours = ProcessMetrics(registry).text(form).decode() + END[form]
    assert list(parse(ours)) == list(parse(theirs))
    assert 'used_bytes{kind="odd \\"one\\"\\n\\\\"} 2.5e+17\n' in ours


def test_values_are_those_of_the_moment_of_the_scrape() -> None:
    registry, still = CollectorRegistry(), Still()
    registry.register(still)
    process = ProcessMetrics(registry)
    assert b"seen_total 3.0\n" in process.text(Format.TEXT)
    still.seen.inc()
    assert b"seen_total 4.0\n" in process.text(Format.TEXT)


@pytest.mark.parametrize(("form", "parse"), FORMATS)
def test_a_process_tells_of_its_memory_its_time_and_its_collector(form: Format, parse: Parse) -> None:
    families = {family.name: family for family in parse(ProcessMetrics().text(form).decode() + END[form])}
    assert {"process_resident_memory_bytes", "process_open_fds", "python_info"} < families.keys()
    assert families["process_cpu_seconds"].type == "counter"
    assert len(families["python_gc_collections"].samples) == 3

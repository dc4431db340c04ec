"""The series of the process, against client_python's own writer."""

import contextlib
import gc
import resource
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.metrics.encoding import Format
from exporter.metrics.process import ProcessMetrics, ProcessReader

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


def out_of_files() -> dict[str, float]:
    """Fail as a process does that may open no more files."""
    raise OSError(24, "Too many open files")


def samples(process: ProcessMetrics) -> dict[str, float]:
    """Return the values by series."""
    lines = process.text(Format.TEXT).decode().splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {series: float(value) for series, _, value in pairs}


def test_what_is_read_here_is_what_the_collectors_would_have_found() -> None:
    """Every series of theirs but those that never change, each with its value of the moment."""
    read = ProcessReader()
    read()  # opens what stays open
    theirs, ours = samples(ProcessMetrics(read=out_of_files)), read()
    steady = {"process_max_fds", "process_open_fds", 'python_gc_objects_uncollectable_total{generation="2"}'}

    assert theirs.keys() - ours.keys() == {"process_start_time_seconds"} | {
        series for series in theirs if series.startswith("python_info{")
    }
    assert ours.keys() <= theirs.keys()
    assert {series: theirs[series] for series in steady} == {series: ours[series] for series in steady}
    # What the test itself may move a little: memory, and in hundredths of a second the time.
    assert ours["process_resident_memory_bytes"] == pytest.approx(
        theirs["process_resident_memory_bytes"], rel=0.1
    )
    assert ours["process_virtual_memory_bytes"] == pytest.approx(
        theirs["process_virtual_memory_bytes"], rel=0.1
    )
    assert ours["process_cpu_seconds_total"] == pytest.approx(theirs["process_cpu_seconds_total"], abs=0.5)


@pytest.mark.parametrize("form", Format)
def test_the_text_is_that_of_the_collectors_but_for_the_values(form: Format) -> None:
    def without_values(process: ProcessMetrics) -> list[str]:
        lines = process.text(form).decode().splitlines()
        return [line if line.startswith("#") else line.rpartition(" ")[0] for line in lines]

    assert without_values(ProcessMetrics()) == without_values(ProcessMetrics(read=out_of_files))


def test_a_process_that_may_open_no_more_files_is_scraped_all_the_same() -> None:
    readings = iter([ProcessReader()(), None, ProcessReader()()])

    def read() -> Mapping[str, float]:
        return next(readings) or out_of_files()

    process = ProcessMetrics(read=read)

    texts = [samples(process).keys() for _ in range(3)]

    assert texts[0] == texts[1] == texts[2]


class Told:
    """Collects three series whose values are read elsewhere, and perhaps one more; counts how often."""

    def __init__(self, *more: str) -> None:
        self.times = 0
        self._names = ("share", "other", *more)

    def collect(self) -> Iterator[Metric]:
        self.times += 1
        for name in self._names:
            yield GaugeMetricFamily(name, "What % of it, in 100 %s.", value=1.0)
        labelled = GaugeMetricFamily("kinds", "Of each kind.", labels=["kind"])
        labelled.add_metric(["50 %"], 1.0)
        yield labelled


KINDS = 'kinds{kind="50 %"}'


def of(told: Told, read: Mapping[str, float]) -> ProcessMetrics:
    """Return the metrics of what is told, with these values of now."""
    registry = CollectorRegistry()
    registry.register(told)
    told.times = 0
    return ProcessMetrics(registry, read=lambda: read)


def test_collectors_of_which_all_is_read_here_are_asked_once_for_each_format() -> None:
    told = Told()
    values = {"share": 2.0, "other": 3.0, KINDS: 0.5}
    process = of(told, values)
    for form in (Format.TEXT, Format.OPENMETRICS, Format.TEXT, Format.OPENMETRICS):
        assert b"\nshare 2.0\n" in process.text(form)
    assert told.times == 2
    values["share"] = 4.5
    text = process.text(Format.TEXT).decode()
    assert "# HELP share What % of it, in 100 %s.\n# TYPE share gauge\nshare 4.5\n" in text
    assert "\nother 3.0\n" in text
    assert f"\n{KINDS} 0.5\n" in text


@pytest.mark.parametrize(
    ("more", "values"),
    [
        (["third"], {"share": 2.0, "other": 3.0, KINDS: 0.5}),
        ([], {"share": 2.0, "other": 3.0}),
        ([], {"other": 2.0, KINDS: 0.5}),
        ([], {"share": 2.0, "other": 3.0, KINDS: 0.5, "not told of": 4.0}),
    ],
    ids=["more is told", "the last is not read", "the first is not read", "less is told"],
)
def test_collectors_that_tell_more_or_less_than_is_read_are_asked_each_time(
    more: list[str], values: dict[str, float]
) -> None:
    told = Told(*more)
    process = of(told, values)
    for _ in range(3):
        process.text(Format.TEXT)
    assert told.times == 3


def test_what_never_changes_need_not_be_read() -> None:
    told = Told("process_start_time_seconds")
    process = of(told, {"share": 2.0, "other": 3.0, KINDS: 0.5})
    for _ in range(3):
        assert b"\nprocess_start_time_seconds 1.0\n" in process.text(Format.TEXT)
    assert told.times == 1


def test_the_limit_of_open_files_is_the_one_in_force() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, hard))
    try:
        assert ProcessReader()()["process_max_fds"] == soft - 1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def open_below(folder: Path) -> list[str]:
    """Return what this process has open there."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed by another thread
            file = link.readlink()
            if file.is_relative_to(folder):
                found.append(file.name)
    return sorted(found)


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """Return a folder in the place of /proc/self."""
    (tmp_path / "statm").write_text("100 50 0 0 0 0 0\n")
    (tmp_path / "fd").mkdir()
    return tmp_path


def test_a_reader_keeps_two_files_open_until_it_is_let_go(proc: Path) -> None:
    read = ProcessReader(str(proc))
    assert open_below(proc) == []
    for _ in range(3):
        assert read()["process_resident_memory_bytes"] == 50 * resource.getpagesize()
        assert open_below(proc) == ["fd", "statm"]
    del read
    gc.collect()
    assert open_below(proc) == []


def test_a_system_that_tells_only_half_leaves_no_file_open(proc: Path) -> None:
    (proc / "fd").rmdir()
    read = ProcessReader(str(proc))
    with pytest.raises(OSError, match="fd"):
        read()
    assert open_below(proc) == []


def test_open_files_are_listed_where_linux_does_not_tell_their_number(tmp_path: Path) -> None:
    """Before 6.2. There is as much in another folder, whose size it does not tell today."""
    for name, real in (("statm", "statm"), ("fd", "fdinfo")):
        (tmp_path / name).symlink_to(f"/proc/self/{real}")
    reading, listing = ProcessReader(), ProcessReader(str(tmp_path))
    for read in (reading, listing):
        read()  # opens its files
    assert (tmp_path / "fd").stat().st_size == 0
    assert listing()["process_open_fds"] == reading()["process_open_fds"]

"""Any sequence of changes gives, in all four variants, what a dict of the same runs would."""

import zlib
from collections import Counter
from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from exporter.metrics.exposition import Exposition
from exporter.metrics.text import Format
from exporter.store.series import RunSeries, SeriesChanges
from tests.support.clock import ManualClock
from tests.support.run_series import numbered_run, read_openmetrics, read_text

if TYPE_CHECKING:
    from exporter.model.run import RunKey

NUMBERS = st.integers(0, 30)
NOW = 1700000500.0
STATUSES = ("STARTING", "RUNNING", "SUCCEEDED", "FAILED", "STOPPED")

RUNS = st.builds(
    lambda number, members: numbered_run(number, **members),
    NUMBERS,
    st.fixed_dictionaries(
        {},
        optional={
            "status": st.sampled_from([None, "PAUSED", "RUNNING", "STARTING", "STOPPED", "FAILED"]),
            "end_time": st.sampled_from([None, 1700000070.25]),
            "start_time": st.sampled_from([None, 1700000020.5]),
            "dpu_seconds": st.sampled_from([None, 0.0, 17.25]),
            "table": st.sampled_from([None, 'odd"\\\n\r\u2028']),
            "up": st.sampled_from([None, False]),
        },
    ),
)
"""Ended runs, mostly; some go on, some report less than others."""

Expected = Counter[tuple[str, tuple[str, ...], float]]


def expected_samples(series: RunSeries) -> Expected:
    """Write down a run's samples the plain way: name, label values and value."""
    found: Expected = Counter()
    if series.up is not None:
        found["up", tuple(series.key), float(series.up)] += 1
    run = series.run
    if run is None:
        return found
    labels = (*series.key[:2], run.database or "", run.table or "", run.run_id)
    if run.status is not None:
        for status in STATUSES:
            found["status", (*labels, status), float(status == run.status)] += 1
        if run.status not in STATUSES:
            found["status", (*labels, "UNKNOWN"), 1.0] += 1
    info = (run.refresh_type or "UNKNOWN", run.role or "", run.customer_id or "")
    found["info", (*labels, *info), 1.0] += 1
    for name, value in {
        "duration_seconds": run.duration(NOW),
        "dpu_seconds": run.dpu_seconds,
        "processed_bytes": run.processed_bytes,
        "creation_timestamp_seconds": run.creation_time,
        "start_timestamp_seconds": run.start_time,
        "end_timestamp_seconds": run.end_time,
        "last_updated_timestamp_seconds": run.last_updated,
    }.items():
        if value is not None:
            found[name, labels, float(value)] += 1
    return found


class Exposed(RuleBasedStateMachine):
    """An exposition with tiny blocks against a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[RunKey, RunSeries] = {}
        self.exposition = Exposition(ManualClock(NOW), process_metrics=False, block_items=4)

    @rule(changed=st.lists(RUNS, max_size=12), dropped=st.sets(NUMBERS, max_size=12))
    def commit(self, changed: list[RunSeries], dropped: set[int]) -> None:
        changes: dict[RunKey, RunSeries | None] = {series.key: series for series in changed}
        changes |= {numbered_run(number).key: None for number in dropped}
        self.exposition.apply(SeriesChanges(runs=changes))
        for key, series in changes.items():
            if series is None:
                self.model.pop(key, None)
            else:
                self.model[key] = series

    @invariant()
    def every_variant_shows_the_model(self) -> None:
        expected = sum(map(expected_samples, self.model.values()), Expected())
        for form in Format:
            plain = self.body(form, gzip=False)
            reader = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
            assert reader.decompress(self.body(form, gzip=True)) == plain
            assert reader.eof
            assert reader.unused_data == b""
            assert self.samples(plain, form) == expected

    def body(self, form: Format, *, gzip: bool) -> bytes:
        scrape = self.exposition.scrape(form.value, "gzip" if gzip else None)
        body = scrape.body()
        assert scrape.length == len(body)
        return body

    def samples(self, text: bytes, form: Format) -> Expected:
        read: Any = read_text if form is Format.TEXT else read_openmetrics
        return Counter(
            (sample.name.removeprefix("glue_mv_refresh_run_"), tuple(sample.labels.values()), sample.value)
            for family in read(text.decode())
            for sample in family.samples
        )


TestExposed = Exposed.TestCase
TestExposed.settings = settings(max_examples=25, stateful_step_count=10, deadline=None)

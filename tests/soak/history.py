"""What Prometheus would have scraped, as the input of promtool's rule tests; and which alerts fired on it."""

import gzip
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "rules.yaml"
TARGET_LABELS = 'job="glue-mv-exporter",instance="exporter:10079"'
BY_AGE = Path(__file__).with_name("by_age.yaml")
NEEDED = frozenset(re.findall(r"(?<![:\w])glue_mv_\w+", RULES.read_text() + BY_AGE.read_text()))
"""The exporter's metrics that the rules ask for."""
NEEDED_LINE = re.compile(rf"({'|'.join(sorted(NEEDED))})(?:{{(.*)}})? (\S+)")
TABLE = re.compile(r'[{,]table="([^"]*)"')
AT_ONCE = 8
"""Views of a test: of a whole week promtool takes no more into memory."""


@dataclass(slots=True)
class _Series:
    """Values of one series, run by run."""

    tokens: list[tuple[str, int]] = field(default_factory=list)
    length: int = 0

    def add(self, index: int, value: str) -> None:
        if index > self.length:
            self.tokens.append(("_", index - self.length))
        self.length = index + 1
        before, times = self.tokens[-1] if self.tokens else ("", 0)
        if before == value:
            self.tokens[-1] = (value, times + 1)
        else:
            self.tokens.append((value, 1))

    def notation(self) -> str:
        """Return it as promtool reads it: ``ax3`` is four times a, ``_x3`` three times nothing."""
        words = []
        for value, times in self.tokens:
            if value == "_":
                words.append(f"_x{times}")
            else:
                words.append(value if times == 1 or value == "stale" else f"{value}x{times - 1}")
        return " ".join(words)


class Spool:
    """Scrapes on disk, so that they take no memory of the process whose memory is watched."""

    def __init__(self, file: Path, hidden: frozenset[str] = frozenset()) -> None:
        """``hidden``: tables of the views to leave out; of thousands not all can be looked at."""
        self._file = file
        self._hidden = hidden

    def add(self, index: int, body: bytes | None) -> None:
        """Take in one scrape; None: it failed."""
        found = None
        if body is not None:
            samples = filter(None, map(NEEDED_LINE.fullmatch, self._seen(body.decode())))
            found = {
                f"{name}{{{labels + ',' if labels else ''}{TARGET_LABELS}}}": _plain(value)
                for name, labels, value in (sample.groups() for sample in samples)
            }
        with gzip.open(self._file, "at", compresslevel=1) as spool:
            spool.write(json.dumps([index, found]) + "\n")

    def _seen(self, text: str) -> Iterator[str]:
        """Yield the lines that may matter: most families, and most views, are nothing to the rules."""
        for family in text.split("# HELP ")[1:]:
            # The samples of a histogram have longer names than their family.
            if any(name.startswith(family.partition(" ")[0]) for name in NEEDED):
                for line in family.splitlines():
                    _, of_view, rest = line.partition('table="')
                    if not of_view or rest.partition('"')[0] not in self._hidden:
                        yield line

    def read(self) -> "History":
        history = History()
        with gzip.open(self._file, "rt") as spool:
            for line in spool:
                history.add(*json.loads(line))
        return history


@dataclass
class History:
    """Scrapes by series. A series that is there no more becomes stale, as in Prometheus."""

    last: int = 0
    _series: dict[str, _Series] = field(default_factory=dict)
    _present: set[str] = field(default_factory=set)

    def add(self, index: int, found: dict[str, str] | None) -> None:
        """Take in one scrape; None: it failed."""
        found = dict(found or {}, **{f"up{{{TARGET_LABELS}}}": "0" if found is None else "1"})
        for key in self._present - found.keys():
            self._series[key].add(index, "stale")
        for key, value in found.items():
            self._series.setdefault(key, _Series()).add(index, value)
        self._present = set(found)
        self.last = index

    def input_series(self, tables: set[str]) -> list[dict[str, str]]:
        """Return the series of these views, and all that are of no view, as promtool's tests have them."""
        return [
            {"series": key, "values": series.notation()}
            for key, series in self._series.items()
            if tables.issuperset(TABLE.findall(key))
        ]

    def fired(self, folder: Path, step: float) -> dict[tuple[str, str], set[int]]:
        """Have promtool evaluate the shipped rules over all of it, a few views at a time.

        Returns by alert and subject (the view's table, or the target, or nothing) the hours since the Unix
        epoch in which it fired.
        """
        tables = sorted({table for key in self._series for table in TABLE.findall(key)})
        fired: dict[tuple[str, str], set[int]] = {}
        for first in range(0, len(tables), AT_ONCE):
            for alert, subject, hour in self._fired_of(set(tables[first : first + AT_ONCE]), folder, step):
                fired.setdefault((alert, subject), set()).add(hour)
        return fired

    def _fired_of(self, tables: set[str], folder: Path, step: float) -> set[tuple[str, str, int]]:
        seconds = f"{round(step)}s"
        hours = range(1, int(self.last * step // 3600) + 1)
        test = {
            "rule_files": [str(RULES), str(BY_AGE)],
            "evaluation_interval": seconds,
            "tests": [
                {
                    "interval": seconds,
                    "input_series": self.input_series(tables),
                    # What is expected is wrong on purpose: promtool then tells what it got.
                    "promql_expr_test": [
                        {
                            "expr": 'count_over_time(ALERTS{alertstate="firing"}[1h])',
                            "eval_time": f"{hour}h",
                            "exp_samples": [{"labels": "{}", "value": -1}],
                        }
                        for hour in hours
                    ],
                }
            ],
        }
        (folder / "test.yaml").write_text(yaml.dump(test, Dumper=yaml.CSafeDumper, width=1_000_000))
        command = ["promtool", "test", "rules", str(folder / "test.yaml")]
        done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=900)
        told = done.stdout + done.stderr
        answers = [part.partition("got:")[2] for part in told.split("expr: ")[1:]]
        assert len(answers) == len(hours), told[-3000:]
        return {
            (labels["alertname"], labels.get("table") or labels.get("target", ""), hour - 1)
            for hour, answer in zip(hours, answers, strict=True)
            for found in re.findall(r"\{[^{}]*\} [0-9]", answer)
            for labels in [dict(re.findall(r'(\w+)="([^"]*)"', found))]
        }


def _plain(value: str) -> str:
    """Write a number without an exponent, as promtool's notation wants it."""
    number = float(value)
    return repr(number).removesuffix(".0") if "e" not in repr(number) else f"{number:f}"

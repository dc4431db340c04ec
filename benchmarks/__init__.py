"""This exporter and a naive one side by side, as ratios: ``python -m benchmarks``.

The naive exporter is the obvious first version: at every poll a ``Get`` for each run, and a
prometheus_client ``Gauge`` for each value. Each program runs in a process of its own.
"""

"""This exporter and a naive one side by side, as ratios: ``python -m benchmarks``.

The naive exporter does what one writes first: at every poll a ``Get`` for every run, and a
prometheus_client ``Gauge`` for every value. Everything is measured in processes of its own.
"""

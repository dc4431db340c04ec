"""The configuration files: read, validated with every error at once, and turned into plain settings.

::

    load ← {checks ← overlaps ← targets} ← schema ← kinds ← {yaml_lines, durations}
    web  ← kinds
"""

from exporter.config.load import LoadedConfiguration, load, parse

__all__ = ["LoadedConfiguration", "load", "parse"]

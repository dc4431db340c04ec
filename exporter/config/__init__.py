"""The configuration file: read, validated with every error at once, and turned into plain settings.

::

    source ← reader ← {loading ← {definition, checks, explain, targets}, web ← web_definition}
    schema ← definition
"""

from exporter.config.loading import LoadedConfiguration, load, parse

__all__ = ["LoadedConfiguration", "load", "parse"]

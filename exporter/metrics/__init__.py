"""The exposition: families as values, their text encoded when something changes, scrapes that only send.

::

    labels ← family ← encoding ← {block, live part of exposition}
    segment ← block ← shelf ← exposition
    {run,target,exporter}_families: one table of families per level; reference: the page made from them
"""

from exporter.metrics.exposition import Exposition

__all__ = ["Exposition"]

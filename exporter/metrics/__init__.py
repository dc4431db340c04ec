"""The exposition: families as values, their text rendered when something changes, scrapes that only send.

::

    text ← {run,view,exporter}_families ← exposition, reference
    text ← blocks ← exposition
"""

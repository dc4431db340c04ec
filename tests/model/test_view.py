"""A materialized view as a source of another one."""

from exporter.model.source import SourceTable
from exporter.model.view import View


def test_a_view_is_a_source_like_an_iceberg_table() -> None:
    view = View(database="sales", table="daily", update_time=5.0)
    assert view.as_source() == SourceTable(table="daily", update_time=5.0, iceberg=True)

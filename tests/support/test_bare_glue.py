"""The bare Glue answers AWS's own client as moto does: they have nothing in common but the endpoint."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from exporter.simulated_glue import RunScript, RunStatus
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import ACCOUNT, sample_run_id
from tests.support.clock import START
from tests.support.moto_glue import MotoGlue

CATALOG = {"CatalogId": ACCOUNT}
RUNS = "MaterializedViewRefreshTaskRuns"


def fill(moto: MotoGlue, bare: BareGlue) -> None:
    catalog = moto.catalog()
    catalog.add_source("finance.ledger")
    catalog.add_view("finance.monthly", sources=("finance.ledger",), managed=True, owner="ledger")
    arn = bare.records.put_source("finance", "ledger", update_time=START)
    definition = {"IsManaged": True, "ViewVersionId": -1, "SubObjects": [arn]}
    bare.records.put_view("finance", "monthly", definition=definition, Owner="ledger")
    for name in ("daily", "weekly"):
        catalog.add_view(f"sales.{name}", refresh_seconds=3600)
        bare.records.put_view("sales", name, refresh_seconds=3600)
        for number, outcome in enumerate([RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.STOPPED] * 3):
            script = RunScript(outcome=outcome, duration=100 * number)
            run_id = catalog.add_run(f"sales.{name}", script, created=START - 300.0 - number)
            bare.records.put_run(catalog.record(run_id))


def outcomes(glue: Any, sts: Any) -> Iterator[object]:
    """Yield what every operation answers: what there is, and what is refused."""

    def code(call: Any, **parameters: Any) -> str:
        with pytest.raises(ClientError) as caught:
            call(**parameters)
        return str(caught.value.response["Error"]["Code"])

    for filters in ({}, {"DatabaseName": "sales"}, {"DatabaseName": "sales", "TableName": "daily"}):
        runs = glue.list_materialized_view_refresh_task_runs(**CATALOG, **filters)[RUNS]
        yield sorted(runs, key=lambda run: str(run["MaterializedViewRefreshTaskRunId"]))
    get_run = glue.get_materialized_view_refresh_task_run
    yield get_run(**CATALOG, MaterializedViewRefreshTaskRunId=runs[0]["MaterializedViewRefreshTaskRunId"])[
        "MaterializedViewRefreshTaskRun"
    ]
    for database in glue.get_databases()["DatabaseList"]:
        for table in glue.get_tables(**CATALOG, DatabaseName=database["Name"])["TableList"]:
            definition = table.get("ViewDefinition", {})
            yield (
                database["Name"],
                *(table.get(member) for member in ("Name", "Owner", "Parameters")),
                table.get("IsMaterializedView", False),
                [definition.get(member) for member in ("RefreshSeconds", "SubObjects")],
            )
    ledger = glue.get_table(DatabaseName="finance", Name="ledger")["Table"]
    yield ledger["Name"], ledger["UpdateTime"]
    yield code(get_run, **CATALOG, MaterializedViewRefreshTaskRunId=sample_run_id(99))
    yield code(glue.get_tables, DatabaseName="nowhere")
    yield code(glue.get_table, DatabaseName="sales", Name="gone")
    yield sts.get_caller_identity()["Account"]


def test_moto_and_the_bare_glue_answer_the_same() -> None:
    session: Any = boto3.Session("AKIATEST", "test", region_name="eu-west-1")
    config = Config(retries={"total_max_attempts": 1})
    with ExitStack() as stack:
        moto = stack.enter_context(MotoGlue(now=lambda: START))
        bare = stack.enter_context(BareGlue())
        fill(moto, bare)
        answers = []
        for each in (moto, bare):
            clients = (
                stack.enter_context(closing(session.client(name, endpoint_url=each.url, config=config)))
                for name in ("glue", "sts")
            )
            answers.append(list(outcomes(*clients)))
    assert answers[0] == answers[1]

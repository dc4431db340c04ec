"""An answer that ends after any of its bytes: it is a failure, and never passes for less than was there."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from exporter.errors import GlueError, Reason
from exporter.glue import GlueCatalog, Timeouts
from tests.support.bare_faults import Fault
from tests.support.bare_glue import BareGlue, Call
from tests.support.bare_records import sample_run
from tests.support.glue_clients import catalog_of, target

TIMEOUTS = Timeouts(connect=5.0, read=5.0, answer=5.0)
AT_ONCE = 32
"""botocore waits a while before it tries again what broke off."""
RECORD = {**sample_run(1, now=1_700_000_000.0), "Role": "r"}

Ask = Callable[[GlueCatalog, int], object]

QUESTIONS: dict[str, tuple[Ask, object]] = {
    "GetMaterializedViewRefreshTaskRun": (
        lambda catalog, cut: catalog.get_run(str(cut)),
        {"MaterializedViewRefreshTaskRun": {"Status": "RUNNING", "DPUSeconds": 12.5}},
    ),
    "ListMaterializedViewRefreshTaskRuns": (
        lambda catalog, cut: catalog.list_runs(database=str(cut)).items,
        {"MaterializedViewRefreshTaskRuns": [RECORD], "NextToken": "2"},
    ),
    "GetTables": (
        lambda catalog, cut: catalog.get_tables(str(cut)).items,
        {"TableList": [{"Name": "daily", "IsMaterializedView": True}]},
    ),
}
"""How to ask, with the place of the cut as a name, and what is answered."""


def plain(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def chunked(body: bytes) -> bytes:
    chunks = [body[at : at + 40] for at in range(0, len(body), 40)]
    return (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
        + b"0\r\n\r\n"
    )


@pytest.mark.parametrize("operation", QUESTIONS)
@pytest.mark.parametrize("framed", [plain, chunked])
def test_no_cut_passes_for_an_answer(operation: str, framed: Callable[[bytes], bytes]) -> None:
    ask, document = QUESTIONS[operation]
    answer = framed(json.dumps(document).encode())
    needed = len(answer) - (len(b"0\r\n\r\n") if framed is chunked else 0)

    def cut_off(call: Call) -> Fault:
        return Fault(raw=answer[: int(call.run_id or call.parameters["DatabaseName"])])

    with (
        BareGlue(cut_off) as server,
        catalog_of(target(server.url, rate=10_000.0), timeouts=TIMEOUTS) as catalog,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        assert ask(catalog, len(answer)), "the whole answer is one"
        results = dict(enumerate(pool.map(partial(reason_of, ask, catalog), range(needed))))
    assert set(results.values()) <= {Reason.UNAVAILABLE, Reason.UNEXPECTED}, [
        cut for cut, reason in results.items() if reason not in {Reason.UNAVAILABLE, Reason.UNEXPECTED}
    ]


def reason_of(ask: Ask, catalog: GlueCatalog, cut: int) -> Reason | None:
    """Return why an answer that was cut there failed; None if it did not."""
    try:
        ask(catalog, cut)
    except GlueError as error:
        return error.reason
    return None

"""An answer that ends after any of its bytes: it is a failure, and never passes for less than was there."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from exporter.errors import Reason
from tests.support.bare_faults import Fault
from tests.support.bare_glue import BareGlue, Call
from tests.support.bare_records import sample_run
from tests.support.glue_clients import catalog_of, reason_from, target

AT_ONCE = 32
"""botocore waits a while before it tries again what broke off."""
PAGE = {"MaterializedViewRefreshTaskRuns": [sample_run(1, now=1_700_000_000.0)], "NextToken": "2"}


def plain(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def chunked(body: bytes) -> bytes:
    chunks = [body[at : at + 40] for at in range(0, len(body), 40)]
    return (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
        + b"0\r\n\r\n"
    )


@pytest.mark.parametrize("framed", [plain, chunked])
def test_no_cut_passes_for_an_answer(framed: Callable[[bytes], bytes]) -> None:
    answer = framed(json.dumps(PAGE).encode())
    needed = len(answer) - (len(b"0\r\n\r\n") if framed is chunked else 0)

    def cut_off(call: Call) -> Fault:
        return Fault(raw=answer[: int(call.parameters["DatabaseName"])])

    with (
        BareGlue(cut_off) as server,
        catalog_of(target(server.url, rate=10_000.0)) as catalog,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        assert catalog.list_runs(database=str(len(answer))).items, "the whole answer is one"

        def reason(cut: int) -> Reason:
            return reason_from(lambda: catalog.list_runs(database=str(cut)))

        assert set(pool.map(reason, range(needed))) <= {Reason.UNAVAILABLE, Reason.UNEXPECTED}

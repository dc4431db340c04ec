"""The simulated Glue: moto's, with the operations of refresh task runs, over catalogs of its own.

Any credentials do. The region is the one that a request is signed for, the catalog the one that it names,
else the caller's account. Listings come in one page.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.request import Request
from moto.core.responses import BaseResponse
from moto.glue.responses import GlueResponse
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from exporter.simulated_glue.catalog import Catalog

DEFAULT_REGION = "eu-west-1"


class SimulatedGlue:
    """Glue in all regions, for any catalog: every one that is asked for exists, empty at first.

    Several simulations in one process see nothing of each other.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        """``now`` returns the Unix time that the simulation lives by."""
        self.now = now
        self._catalogs: dict[tuple[str, str], Catalog] = {}
        self._lock = threading.Lock()
        """Held while moto is at work: its backends know nothing of threads."""

    def catalog(self, region: str = DEFAULT_REGION, catalog_id: str = DEFAULT_ACCOUNT_ID) -> Catalog:
        """Return a catalog in a region, to fill it."""
        if (region, catalog_id) not in self._catalogs:
            self._catalogs[region, catalog_id] = Catalog(self.now, region, catalog_id)
        return self._catalogs[region, catalog_id]

    def answer(self, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Return the HTTP status and the body of the answer to one request."""
        with self._lock:
            return call_moto(_RefreshRuns(self), headers, body)


def call_moto(service: BaseResponse, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
    """Have one of moto's services answer one HTTP request; return the status and the body."""
    service.setup_class(
        Request(EnvironBuilder(method="POST", headers=Headers(headers), data=body).get_environ())
    )
    status, _, content = service.call_action()
    return int(status), content.encode() if isinstance(content, str) else content


class _RefreshRuns(GlueResponse):
    """moto finds the method of an operation by the operation's name, written the Python way."""

    def __init__(self, glue: SimulatedGlue) -> None:
        super().__init__()
        self._glue = glue

    @property
    def glue_backend(self) -> Catalog:
        """The catalog that the request asks for."""
        return self._glue.catalog(self.region, self.parameters.get("CatalogId") or self.current_account)

    def get_materialized_view_refresh_task_run(self) -> str:
        """Answer with one run."""
        record = self.glue_backend.record(self.parameters["MaterializedViewRefreshTaskRunId"])
        return json.dumps({"MaterializedViewRefreshTaskRun": record})

    def list_materialized_view_refresh_task_runs(self) -> str:
        """Answer with the runs of a catalog, a database or a table."""
        records = self.glue_backend.records(
            self.parameters.get("DatabaseName"), self.parameters.get("TableName")
        )
        return json.dumps({"MaterializedViewRefreshTaskRuns": list(records.values())})

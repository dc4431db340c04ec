"""What the SDK makes its clients from, read once and quickly."""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

from botocore.loaders import JSONFileLoader, Loader, create_loader


class _PlainJson(JSONFileLoader):
    """Reads into plain dictionaries, which keep their order, too.

    botocore's OrderedDict, from when they did not, takes twice the time, and twice the memory.
    """

    def load_file(self, file_path: str) -> Any:
        """Return what the file with this path and one of the endings holds; None where there is none."""
        plain, zipped = Path(f"{file_path}.json"), Path(f"{file_path}.json.gz")
        if plain.is_file():
            return json.loads(plain.read_bytes())
        return json.loads(gzip.decompress(zipped.read_bytes())) if zipped.is_file() else None


class _ServiceModels(Loader):
    """Reads service models; believes each folder to hold one.

    botocore looks into all four hundred, twice for each client: a sixth of what it takes to make one.
    """

    FILE_LOADER_CLASS = _PlainJson

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 (botocore's signature)
        """Return the names of the folders; what is missing in one is an error when it is read."""
        folders = (Path(path) for path in self.search_paths)
        return sorted({service.name for folder in folders if folder.is_dir() for service in folder.iterdir()})


@cache
def service_models(data_path: str | None) -> Loader:
    """Return what reads the service models: one for all sessions, or Glue's would take megabytes in each.

    ``data_path``: botocore's setting of that name, where more models are.
    """
    paths = create_loader(data_path).search_paths
    return _ServiceModels(extra_search_paths=paths, include_default_search_paths=False)


def load_service_models() -> None:
    """Read what every client of Glue is made from: three quarters of what it takes to make the first one."""
    models = service_models(None)
    models.load_service_model("glue", "service-2")
    models.load_data("endpoints")

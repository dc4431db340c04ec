"""The types of single values: what AWS accepts for each, and the sentence for what it does not."""

from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, StringConstraints
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema

from exporter.config import wording
from exporter.model.durations import PATTERN, format_duration, parse_duration

RUN_ID_PATTERN: Final = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
"""The API's own for MaterializedViewRefreshTaskRunId."""
REGION_PATTERN: Final = "^[a-z]{2,}(-[a-z]+)+-[0-9]{1,2}$"
CATALOG_ID_PATTERN: Final = "^[0-9]{12}(:[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*)?$"
ROLE_ARN_PATTERN: Final = "^arn:aws[a-z0-9-]*:iam::[0-9]{12}:role/([!-~]+/)?[A-Za-z0-9_+=,.@-]{1,64}$"
SESSION_NAME_PATTERN: Final = "^[A-Za-z0-9_+=,.@-]*$"
EXTERNAL_ID_PATTERN: Final = "^[A-Za-z0-9_+=,.@:/-]*$"
NAME_PATTERN: Final = r"^[^\x00-\x08\x0a-\x1f]*$"
"""The API's own for names of databases and tables, as far as YAML can say otherwise."""
URL_PATTERN: Final = "^https?://"

_NO_URL: Final = "is no http or https URL with a host: write one such as http://127.0.0.1:5000"

EXPECTED: Final = {
    RUN_ID_PATTERN: "is no run ID: write one such as 0f8fad5b-d9cb-469f-a165-70867728950e",
    REGION_PATTERN: "is no AWS region: write one such as eu-west-1",
    CATALOG_ID_PATTERN: 'is no catalog ID: write the 12 digits of an account, "123456789012", '
    'or a catalog in it, "123456789012:s3tablescatalog/bucket"',
    ROLE_ARN_PATTERN: "is no role ARN: write one such as arn:aws:iam::123456789012:role/glue-read",
    SESSION_NAME_PATTERN: "may hold letters, digits and _ + = , . @ - only",
    EXTERNAL_ID_PATTERN: "may hold letters, digits and _ + = , . @ : / - only",
    NAME_PATTERN: "must not hold control characters",
    URL_PATTERN: _NO_URL,
}
"""By pattern, what to say where it does not match."""

RunId = Annotated[str, StringConstraints(pattern=RUN_ID_PATTERN)]
Region = Annotated[str, StringConstraints(pattern=REGION_PATTERN, max_length=32)]
CatalogId = Annotated[str, StringConstraints(pattern=CATALOG_ID_PATTERN, max_length=255)]
RoleArn = Annotated[str, StringConstraints(pattern=ROLE_ARN_PATTERN, max_length=2048)]
SessionName = Annotated[str, StringConstraints(pattern=SESSION_NAME_PATTERN, min_length=2, max_length=64)]
ExternalId = Annotated[str, StringConstraints(pattern=EXTERNAL_ID_PATTERN, min_length=2, max_length=1224)]
NameOrGlob = Annotated[str, StringConstraints(pattern=NAME_PATTERN, min_length=1, max_length=255)]
RequestRate = Annotated[float, Field(ge=0.01, le=1000, allow_inf_nan=False)]
"""HTTP attempts a second. Below one in a hundred seconds no poll would ever end."""


def _printable(text: str) -> str:
    if not text.isprintable():
        raise PydanticCustomError("printable", "must hold printable characters only")
    return text


Name = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_printable)]
"""Of a target or a profile: it becomes a label value and stands in log lines."""


def _endpoint_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise PydanticCustomError("url", _NO_URL) from None
    if parts.username is not None or parts.password is not None:
        raise PydanticCustomError("url", "must not hold a user name or a password")
    written_well = text.isascii() and text.isprintable() and " " not in text and "\\" not in text
    if parts.scheme not in {"http", "https"} or not has_host or not written_well:
        raise PydanticCustomError("url", _NO_URL)
    if "?" in text or "#" in text:
        raise PydanticCustomError("url", "must end with the path: no ? and no #")
    return text


EndpointUrl = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2048),
    Field(pattern=URL_PATTERN),
    AfterValidator(_endpoint_url),
]


@dataclass(frozen=True, slots=True)
class Between:
    """A duration, written ``1h30m``, within limits that are written the same; its value is in seconds."""

    shortest: str
    longest: str

    def __get_pydantic_core_schema__(
        self, _source: Any, _handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Validate with :meth:`seconds`."""
        return core_schema.no_info_plain_validator_function(self.seconds)

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Tell the pattern; limits in seconds are beyond JSON Schema."""
        return {"type": "string", "pattern": PATTERN}

    def seconds(self, value: object) -> float:
        """Return the seconds; a PydanticCustomError says what to write instead."""
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= parse_duration("366d"):
            value = str(value)
        if not isinstance(value, str):
            raise PydanticCustomError(
                "duration", f"must be a duration such as 30s, not {wording.kind(value)}"
            )
        try:
            seconds = parse_duration(value)
        except ValueError as error:
            raise PydanticCustomError("duration", str(error)) from None
        if not parse_duration(self.shortest) <= seconds <= parse_duration(self.longest):
            raise PydanticCustomError(
                "duration",
                "is {seconds}: must be from {shortest} to {longest}",
                {"seconds": format_duration(seconds), "shortest": self.shortest, "longest": self.longest},
            )
        return seconds

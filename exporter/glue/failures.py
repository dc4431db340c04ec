"""Maps whatever a call can raise to one reason and one line for people, without secrets.

Every table here is deliberate: a test walks botocore's exceptions and the service model's errors.
"""

import http.client
import re
from collections.abc import Mapping
from typing import Any, Final

import urllib3.exceptions as transport
from botocore import exceptions as sdk

from exporter.errors import GlueError, Reason
from exporter.glue.responses import MalformedError

STS_OPERATIONS: Final = frozenset({"GetCallerIdentity", "AssumeRole", "AssumeRoleWithWebIdentity"})

_CODES: Final[Mapping[Reason, tuple[str, ...]]] = {
    Reason.THROTTLED: (
        "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled",
        "RequestThrottledException", "TooManyRequestsException", "ProvisionedThroughputExceededException",
        "TransactionInProgressException", "RequestLimitExceeded", "BandwidthLimitExceeded",
        "LimitExceededException", "SlowDown", "PriorRequestNotComplete", "EC2ThrottledException",
    ),
    Reason.TIMEOUT: ("OperationTimeoutException", "RequestTimeout", "RequestTimeoutException"),
    Reason.CREDENTIALS: (
        "ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidToken", "InvalidClientTokenId",
        "InvalidAccessKeyId", "UnrecognizedClientException", "UnrecognizedClient", "AuthFailure",
        "SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature",
        "IncompleteSignatureException", "MissingAuthenticationToken", "MissingAuthenticationTokenException",
        "RequestTimeTooSkewed",
    ),
    Reason.ACCESS_DENIED: (
        "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedException",
        "NotAuthorized", "NotAuthorizedException", "OptInRequired", "SubscriptionRequiredException",
    ),
    Reason.NOT_FOUND: ("EntityNotFoundException", "ResourceNotFoundException"),
    Reason.INVALID_INPUT: (
        "InvalidInputException", "ValidationException", "ValidationError", "InvalidParameterException",
        "InvalidParameterValue", "SerializationException",
    ),
    # A table or catalog that another source stands behind, and the source does not answer.
    Reason.UNAVAILABLE: (
        "InternalServiceException", "InternalFailure", "InternalServerError", "ServiceUnavailable",
        "ServiceUnavailableException", "FederationSourceException", "FederationSourceRetryableException",
        "ResourceNotReadyException",
    ),
    # Usually the catalog's KMS key, but the error does not say.
    Reason.UNEXPECTED: ("GlueEncryptionException",),
}  # fmt: skip
_REASON_BY_CODE: Final = {code: reason for reason, codes in _CODES.items() for code in codes}

_REASON_BY_STATUS: Final = {
    401: Reason.CREDENTIALS,
    403: Reason.ACCESS_DENIED,
    407: Reason.UNAVAILABLE,  # a proxy's: Glue was not reached
    408: Reason.TIMEOUT,
    429: Reason.THROTTLED,
    504: Reason.TIMEOUT,
}

_CLASSES: Final[Mapping[Reason, tuple[type[BaseException], ...]]] = {
    Reason.TIMEOUT: (
        sdk.ConnectTimeoutError, sdk.ReadTimeoutError, transport.TimeoutError, TimeoutError,
    ),
    Reason.UNAVAILABLE: (
        sdk.HTTPClientError, sdk.ConnectionError, sdk.IncompleteReadError,
        transport.HTTPError, http.client.HTTPException, OSError,
    ),
    Reason.THROTTLED: (sdk.CapacityNotAvailableError,),
    Reason.CREDENTIALS: (
        sdk.NoCredentialsError, sdk.PartialCredentialsError, sdk.CredentialRetrievalError,
        sdk.UnknownCredentialError, sdk.RefreshWithMFAUnsupportedError, sdk.MetadataRetrievalError,
        sdk.InvalidIMDSEndpointError, sdk.InvalidIMDSEndpointModeError,
        sdk.NoAuthTokenError, sdk.TokenRetrievalError, sdk.UnknownTokenProviderError,
        sdk.SSOError, sdk.LoginError,
        sdk.ProfileNotFound, sdk.ConfigNotFound, sdk.ConfigParseError, sdk.InfiniteLoopConfigError,
    ),
    Reason.INVALID_INPUT: (
        sdk.ParamValidationError, sdk.MissingParametersError, sdk.ValidationError,
        sdk.BaseEndpointResolverError, sdk.EndpointProviderError, sdk.InvalidEndpointConfigurationError,
        sdk.UnknownRegionError, sdk.ServiceNotInRegionError, sdk.InvalidHostLabelError,
        sdk.InvalidConfigError, sdk.InvalidRetryConfigurationError, sdk.InvalidProxiesConfigError,
        sdk.InvalidDefaultsMode, sdk.InvalidChecksumConfigError, sdk.InvalidSTSRegionalEndpointsConfigError,
        sdk.UnsupportedSignatureVersionError, sdk.UnknownSignatureVersionError,
    ),
}  # fmt: skip
_REASON_BY_CLASS: Final = {kind: reason for reason, kinds in _CLASSES.items() for kind in kinds}

_SPEAKING: Final = (
    sdk.EndpointConnectionError, sdk.ConnectionClosedError, sdk.ConnectTimeoutError, sdk.ReadTimeoutError,
    sdk.SSLError, sdk.ProxyConnectionError, sdk.NoCredentialsError, sdk.PartialCredentialsError,
    sdk.ProfileNotFound, sdk.ConfigNotFound, sdk.ConfigParseError, sdk.ParamValidationError,
    sdk.UnknownEndpointError, sdk.InvalidRegionError, sdk.UnauthorizedSSOTokenError, MalformedError,
)  # fmt: skip
"""The exceptions whose own words may be passed on. Others may quote a helper program's output, say."""

_HIDDEN: Final = (
    (re.compile(r"(:assumed-role/[^/\s]+/)[^\s\"',]+"), r"\1…"),  # the session name
    (re.compile(r"\b(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA)[A-Z0-9]{8,}\b"), "…"),
    (re.compile(r"(://)[^/@\s]+@"), r"\1…@"),
    (re.compile(r"[A-Za-z0-9+/]{40,}={0,2}"), "…"),  # secret keys, session tokens, signatures
)
_LONGEST: Final = 500


def reason_of(error: BaseException) -> Reason:
    """Return why the request failed."""
    if isinstance(error, GlueError):
        return error.reason
    if isinstance(error, sdk.ClientError):
        if error.operation_name in STS_OPERATIONS:
            return Reason.CREDENTIALS
        return reason_of_answer(error_code(error.response), _status(error))
    known = (_REASON_BY_CLASS[kind] for kind in type(error).__mro__ if kind in _REASON_BY_CLASS)
    return next(known, Reason.UNEXPECTED)


def reason_of_answer(code: str, status: int) -> Reason:
    """Return why a request failed that was answered with an error: by its code, else by the HTTP status."""
    if code in _REASON_BY_CODE:
        return _REASON_BY_CODE[code]
    if status in _REASON_BY_STATUS:
        return _REASON_BY_STATUS[status]
    return Reason.UNAVAILABLE if status >= http.client.INTERNAL_SERVER_ERROR else Reason.UNEXPECTED


def error_code(parsed: Mapping[str, Any]) -> str:
    """Return the error code of botocore's parsed answer; empty where there is none."""
    return str(parsed.get("Error", {}).get("Code") or "")


def message_of(error: BaseException) -> str:
    """Return what happened in one line, without secrets."""
    if isinstance(error, GlueError):
        return error.message
    if isinstance(error, sdk.ClientError):
        return _message_of_answer(error)
    if isinstance(error, sdk.NoRegionError):
        return "no AWS region: set aws_region, or the AWS SDK's own region"
    if isinstance(error, OSError) and error.strerror:
        return one_line(error.strerror)
    return one_line(str(error)) if isinstance(error, _SPEAKING) else type(error).__name__


def one_line(text: str) -> str:
    """Bring a text of others into one line of bearable length, and take out what looks like a secret."""
    line = " ".join(text.split())
    for pattern, replacement in _HIDDEN:
        line = pattern.sub(replacement, line)
    line = "".join(character if character.isprintable() else "�" for character in line)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _message_of_answer(error: sdk.ClientError) -> str:
    code, status = one_line(error_code(error.response)), _status(error)
    if error.operation_name in STS_OPERATIONS:
        # STS may quote the request, with what it was signed with.
        return f"STS refused {error.operation_name}: {code or f'HTTP status {status}'}"
    if not code or code == str(status):
        return f"HTTP status {status}"
    if reason_of(error) is Reason.CREDENTIALS:
        return f"{code}: AWS refused the credentials (or this machine's clock is wrong)"
    said = one_line(str(error.response.get("Error", {}).get("Message") or ""))
    return f"{code}: {said}" if said else code


def _status(error: sdk.ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))

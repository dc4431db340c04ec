"""Every error of the libraries below, and every one that the service model lists, has its reason."""

import inspect
import ssl
from typing import Any

import pytest
from botocore import exceptions as sdk
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker
from urllib3 import exceptions as transport

from exporter.errors import GlueError, Reason
from exporter.glue.failures import STS_OPERATIONS, message_of, one_line, reason_of, reason_of_answer
from exporter.glue.responses import MAIN_MEMBERS
from tests.support.glue_clients import session_with

EXPECTED = {
    Reason.TIMEOUT: "ConnectTimeoutError ReadTimeoutError",
    Reason.UNAVAILABLE: """
        HTTPClientError ConnectionError EndpointConnectionError SSLError ConnectionClosedError
        ProxyConnectionError ResponseStreamingError IncompleteReadError""",
    Reason.THROTTLED: "CapacityNotAvailableError",
    Reason.CREDENTIALS: """
        NoCredentialsError PartialCredentialsError CredentialRetrievalError UnknownCredentialError
        RefreshWithMFAUnsupportedError MetadataRetrievalError InvalidIMDSEndpointError
        InvalidIMDSEndpointModeError NoAuthTokenError TokenRetrievalError UnknownTokenProviderError
        SSOError SSOTokenLoadError UnauthorizedSSOTokenError LoginError LoginRefreshRequired
        LoginInsufficientPermissions LoginTokenLoadError LoginAuthorizationCodeError
        ProfileNotFound ConfigNotFound ConfigParseError InfiniteLoopConfigError""",
    Reason.INVALID_INPUT: """
        ParamValidationError MissingParametersError ValidationError UnknownKeyError RangeError
        UnknownParameterError InvalidRegionError AliasConflictParameterError
        BaseEndpointResolverError NoRegionError EndpointVariantError UnknownEndpointError
        UnknownFIPSEndpointError UnknownRegionError ServiceNotInRegionError
        EndpointProviderError EndpointResolutionError UnknownEndpointResolutionBuiltInName
        InvalidEndpointConfigurationError InvalidHostLabelError InvalidConfigError
        InvalidRetryConfigurationError InvalidMaxRetryAttemptsError InvalidRetryModeError
        InvalidProxiesConfigError InvalidDefaultsMode InvalidChecksumConfigError
        InvalidSTSRegionalEndpointsConfigError UnsupportedSignatureVersionError
        UnknownSignatureVersionError""",
    # Broken installations, other services' errors, and features that are not used here.
    Reason.UNEXPECTED: """
        BotoCoreError ClientError EventStreamError DataNotFoundError UnknownServiceError
        ApiVersionNotFoundError UnknownServiceStyle PaginationError OperationNotPageableError ChecksumError
        UnseekableStreamError WaiterError InvalidExpressionError WaiterConfigError UnknownClientMethodError
        InvalidDNSNameError InvalidS3AddressingStyleError UnsupportedS3ArnError UnsupportedS3ControlArnError
        UnsupportedOutpostResourceError UnsupportedS3ConfigurationError
        UnsupportedS3AccesspointConfigurationError InvalidEndpointDiscoveryConfigurationError
        UnsupportedS3ControlConfigurationError InvalidS3UsEast1RegionalEndpointConfigError
        StubResponseError StubAssertionError UnStubbedResponseError MD5UnavailableError
        MissingDependencyException UndefinedModelAttributeError MissingServiceIdError
        AwsChunkedWrapperError FlexibleChecksumError UnsupportedServiceProtocolsError""",
}
REASONS = {name: reason for reason, names in EXPECTED.items() for name in names.split()}

MODELLED = {
    "AccessDeniedException": Reason.ACCESS_DENIED,
    "EntityNotFoundException": Reason.NOT_FOUND,
    "OperationTimeoutException": Reason.TIMEOUT,
    "InvalidInputException": Reason.INVALID_INPUT,
    "InternalServiceException": Reason.UNAVAILABLE,
    "FederationSourceException": Reason.UNAVAILABLE,
    "FederationSourceRetryableException": Reason.UNAVAILABLE,
    "ResourceNotReadyException": Reason.UNAVAILABLE,
    "GlueEncryptionException": Reason.UNEXPECTED,
}


def raised_classes() -> dict[str, type[Exception]]:
    classes = inspect.getmembers(sdk, inspect.isclass)
    return {
        name: kind
        for name, kind in classes
        if kind.__module__ == sdk.__name__ and issubclass(kind, Exception) and not issubclass(kind, Warning)
    }


def client_error(
    code: str, message: str = "", *, status: int = 400, operation: str = "GetTable"
) -> Exception:
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return sdk.ClientError(response, operation)


def made(kind: type[Exception]) -> Exception:
    if issubclass(kind, sdk.ClientError):
        return client_error("SomethingNew")
    error = kind.__new__(kind)
    Exception.__init__(error)
    return error


@pytest.mark.parametrize(("name", "kind"), raised_classes().items(), ids=raised_classes().keys())
def test_every_exception_of_botocore_has_a_deliberate_reason(name: str, kind: type[Exception]) -> None:
    """A class that a later botocore adds has none here, and fails this test."""
    assert reason_of(made(kind)) is REASONS[name]


def test_every_error_of_the_service_model_has_a_deliberate_reason() -> None:
    model = session_with()(None).get_service_model("glue")
    shapes = {e.name for operation in MAIN_MEMBERS for e in model.operation_model(operation).error_shapes}
    assert {name: reason_of(client_error(name)) for name in shapes} == MODELLED


def test_whatever_sts_answers_is_about_credentials() -> None:
    model = session_with()(None).get_service_model("sts")
    for operation in STS_OPERATIONS:
        codes = [e.name for e in model.operation_model(operation).error_shapes]
        for code in (*codes, "Throttling", "AccessDenied", "InternalFailure", "New"):
            assert reason_of(client_error(code, operation=operation)) is Reason.CREDENTIALS


def test_what_botocore_retries_as_throttling_is_throttling() -> None:
    for code in vars(ThrottledRetryableChecker)["_THROTTLED_ERROR_CODES"]:
        assert reason_of_answer(code, 400) is Reason.THROTTLED
    for code in vars(TransientRetryableChecker)["_TRANSIENT_ERROR_CODES"]:
        assert reason_of_answer(code, 400) in {Reason.TIMEOUT, Reason.THROTTLED}


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("ThrottlingException", 400, Reason.THROTTLED),
        ("SomethingNew", 429, Reason.THROTTLED),
        ("SomethingNew", 408, Reason.TIMEOUT),
        ("504", 504, Reason.TIMEOUT),
        ("SomethingNew", 503, Reason.UNAVAILABLE),
        ("407", 407, Reason.UNAVAILABLE),
        ("ExpiredTokenException", 400, Reason.CREDENTIALS),
        ("UnrecognizedClientException", 403, Reason.CREDENTIALS),
        ("401", 401, Reason.CREDENTIALS),
        ("SomethingNew", 403, Reason.ACCESS_DENIED),
        ("ValidationException", 400, Reason.INVALID_INPUT),
        ("SomethingNew", 400, Reason.UNEXPECTED),
        ("404", 404, Reason.UNEXPECTED),
        ("", 0, Reason.UNEXPECTED),
    ],
)
def test_an_error_answer_is_judged_by_its_code_and_else_by_its_status(
    code: str, status: int, reason: Reason
) -> None:
    """A 404 without a code is the wrong endpoint, not an unknown run."""
    assert reason_of(client_error(code, status=status)) is reason


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (transport.ReadTimeoutError(None, "/", "slow"), Reason.TIMEOUT),  # type: ignore[arg-type]  # no pool
        (transport.ProtocolError("reset"), Reason.UNAVAILABLE),
        (ssl.SSLError("bad certificate"), Reason.UNAVAILABLE),
        (ConnectionResetError(104, "reset"), Reason.UNAVAILABLE),
        (TimeoutError("slow"), Reason.TIMEOUT),
        (AttributeError("'list' object has no attribute 'get'"), Reason.UNEXPECTED),
        (RecursionError(), Reason.UNEXPECTED),
        (GlueError(Reason.NOT_FOUND, "no", operation="GetTable"), Reason.NOT_FOUND),
    ],
)
def test_what_others_raise_has_a_reason_too(error: Exception, reason: Reason) -> None:
    assert reason_of(error) is reason


SECRETS = (
    "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEYaa",
    "IQoJb3JpZ2luX2VjEOr//////////wEaCXVzLWVhc3QtMSJ",
    "my-session",
)


@pytest.mark.parametrize("code", ["AccessDeniedException", "ExpiredTokenException", "SignatureDoesNotMatch"])
@pytest.mark.parametrize("operation", ["GetTable", "AssumeRole"])
def test_messages_hold_no_secrets(code: str, operation: str) -> None:
    """AWS quotes keys, tokens and the caller's session name."""
    said = (
        f"User: arn:aws:sts::123456789012:assumed-role/reader/{SECRETS[3]} with {SECRETS[0]} and "
        f"{SECRETS[1]} or {SECRETS[2]}\nis not authorized"
    )
    message = message_of(client_error(code, said, operation=operation))
    assert not [secret for secret in SECRETS if secret in message]
    assert code in message
    assert "\n" not in message


DENIED = (
    "User: arn:aws:sts::123456789012:assumed-role/reader/{} is not authorized to perform: glue:GetTable on "
    "resource: arn:aws:glue:eu-west-1:123456789012:catalog (request 0f8fad5b-d9cb-469f-a165-70867728950e)"
)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (client_error("Denied", DENIED.format("x")), f"Denied: {DENIED.format('…')}"),
        (client_error("503", status=503), "HTTP status 503"),
        (client_error("SomethingNew", " "), "SomethingNew"),
        (client_error("Denied", "no", status=403, operation="AssumeRole"), "STS refused AssumeRole: Denied"),
        (sdk.NoRegionError(), "no AWS region: set aws_region, or the AWS SDK's own region"),
        (sdk.ProfileNotFound(profile="x"), "The config profile (x) could not be found"),
        (sdk.CredentialRetrievalError(provider="p", error_msg="key is s3cr3t"), "CredentialRetrievalError"),
        (
            sdk.EndpointConnectionError(endpoint_url="https://me:s3cr3t@glue/"),
            'Could not connect to the endpoint URL: "https://…@glue/"',
        ),
        (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer"),
        (KeyError("s3cr3t"), "KeyError"),
        (GlueError(Reason.NOT_FOUND, "gone", operation="GetTable"), "gone"),
    ],
)
def test_messages_are_for_people(error: Exception, message: str) -> None:
    """One line each; the words of unknown exceptions are not passed on."""
    assert message_of(error) == message


def test_a_text_of_others_becomes_one_bearable_line() -> None:
    assert one_line("a\r\n\tb\x1b[31mc") == "a b�[31mc"
    assert len(one_line("x y " * 5000)) == 500

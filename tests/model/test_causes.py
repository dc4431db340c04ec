"""From error messages to causes, with messages as Glue, Spark, Iceberg and Lake Formation write them."""

import pytest

from exporter.model.causes import Cause, cause_of

MESSAGES = {
    Cause.ACCESS_DENIED: [
        "AccessDeniedException: Insufficient Lake Formation permission(s): Required Select on orders",
        "User: arn:aws:sts::123456789012:assumed-role/definer/x is not authorized to perform: glue:GetTable",
        "S3Exception: Access Denied (Service: S3, Status Code: 403, Request ID: 0A1B2C)",
        "Job aborted due to stage failure: java.nio.file.AccessDeniedException: s3://lake/orders/v3.metadata.json",
        "Service is unable to assume provided role. Please verify role's trust policy",
        "The definer role lost access to the base table",
    ],
    Cause.SOURCE_MISSING: [
        "[TABLE_OR_VIEW_NOT_FOUND] The table or view `glue_catalog`.`sales`.`orders` cannot be found.",
        "org.apache.spark.sql.AnalysisException: Table or view not found: sales.orders; line 1 pos 14",
        "EntityNotFoundException: Table orders not found. (Service: Glue, Status Code: 400)",
        "org.apache.iceberg.exceptions.NoSuchTableException: Table does not exist: sales.orders",
        "[SCHEMA_NOT_FOUND] The schema `sales` cannot be found.",
        "java.io.FileNotFoundException: No such file or directory: s3://lake/orders/data/00000.parquet",
        "NoSuchBucket: The specified bucket does not exist",
    ],
    Cause.INVALID_QUERY: [
        "[PARSE_SYNTAX_ERROR] Syntax error at or near 'FORM'.(line 1, pos 9)",
        "org.apache.spark.sql.catalyst.parser.ParseException: mismatched input 'FORM' expecting {<EOF>, ';'}",
        "[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column with name `amont` cannot be resolved.",
        "AnalysisException: cannot resolve 'amont' given input columns: [orders.amount]; line 1 pos 14",
        "Column amount does not exist",
        '[DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES] Cannot resolve "(a + b)" due to data type mismatch',
        "Table names must be fully qualified with a catalog: orders",
        "org.apache.spark.sql.AnalysisException: iceberg is not a valid Spark SQL Data Source.",
    ],
    Cause.TOO_MANY_RUNS: [
        "ConcurrentRunsExceededException: Concurrent runs exceeded for the account",
        "ResourceNumberLimitExceededException: the number of refresh task runs exceeds the limit",
        "Exceeded maximum concurrent compute capacity: the account's limit is 100 DPU",
        "ThrottlingException: Rate exceeded (Service: Glue, Status Code: 400)",
        "TooManyRequestsException: null (Service: Glue, Status Code: 429)",
    ],
    Cause.TIMEOUT: [
        "The refresh timed out after 480 minutes",
        "java.util.concurrent.TimeoutException: Futures timed out after [300 seconds]",
    ],
    Cause.INTERNAL: [
        "InternalServiceException: null (Service: Glue, Status Code: 500)",
        "Internal service failure. Please try again.",
        "Job aborted due to stage failure: ExecutorLostFailure (executor 7 exited)",
        "java.lang.OutOfMemoryError: Java heap space",
        "java.lang.OutOfMemoryError: GC overhead limit exceeded",
        "Container killed by YARN for exceeding memory limits. 5.5 GB of 5.5 GB physical memory used.",
        "ExecutorLostFailure: the container exceeded its memory limit",
        "java.io.IOException: No space left on device",
        "org.apache.iceberg.exceptions.CommitFailedException: Metadata location has changed",
    ],
    Cause.OTHER: ["", "something else", "The view could not be refreshed", "💥\n\x00"],
}


@pytest.mark.parametrize(
    ("message", "cause"), [(message, cause) for cause, messages in MESSAGES.items() for message in messages]
)
def test_a_message_tells_of_its_cause(message: str, cause: Cause) -> None:
    assert cause_of(message) == cause


def test_without_a_message_the_cause_is_not_known() -> None:
    assert cause_of(None) == Cause.OTHER


def test_every_cause_has_an_example() -> None:
    assert MESSAGES.keys() == set(Cause)


@pytest.mark.parametrize("piece", ["column ", "table ", "exceeded ", "table or view ", "internal "])
def test_the_longest_message_is_read_in_bounded_steps(piece: str) -> None:
    """Glue's messages have 2,048 characters at most; a row looks a few hundred ahead, not to the end."""
    assert cause_of((piece * 2048)[:2048]) == Cause.OTHER

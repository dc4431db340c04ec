"""Sentences that several checks share. None of them ever holds a value that could be a secret."""


def kind(value: object) -> str:
    """Return what a value of the file is, in words."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "a mapping"


def not_text(value: object) -> str:
    """Say how to turn a value into the text that it should be."""
    match value:
        case bool():
            return 'YAML reads this as true or false (as it does yes, no, on and off): put it in "quotes"'
        case int() | float():
            return 'YAML reads this as a number (and drops leading zeros): put it in "quotes"'
        case _:
            return f"must be text, not {kind(value)}"


EMPTY_VALUE = "has no value: write one, or remove the key"
EMPTY_ITEM = "an empty item: write something after the dash, or remove it"
CREDENTIALS = (
    "credentials do not belong in this file: the AWS SDK takes them from the environment "
    "(AWS_ACCESS_KEY_ID …), from ~/.aws/credentials (name the profile with profile), or from a role "
    "(of the pod, task or instance, or assume_role)"
)

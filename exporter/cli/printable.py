"""Texts of others, made safe for a terminal."""


def printable(text: str) -> str:
    r"""Return the text with each control character but the line feed written as ``\x1b`` or ``\u202e``."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text)

"""The CRC-32 of joined texts from the CRCs of their parts, without the texts.

The arithmetic is zlib's ``crc32_combine``, which Python does not expose: a CRC is a polynomial over
GF(2), bits reflected, and appending n bytes multiplies it by x to the power of 8n.
"""

from functools import lru_cache

_POLYNOMIAL = 0xEDB88320
_ONE = 1 << 31
_X_TO_THE_8 = 1 << 23

IDENTITY = _ONE
"""The shift by no bytes."""


def multiply(a: int, b: int) -> int:
    """Multiply two polynomials modulo that of CRC-32."""
    product = 0
    for bit in f"{a:032b}":  # quicker than shifting and masking a
        if bit == "1":
            product ^= b
        b = (b >> 1) ^ _POLYNOMIAL if b & 1 else b >> 1
    return product


def shift(length: int) -> int:
    """Return what a CRC is multiplied by when ``length`` bytes follow it."""
    result = _ONE
    place = 0
    while length:
        length, digit = divmod(length, 256)
        if digit:
            result = multiply(result, _shift_of_digit(place, digit))
        place += 1
    return result


# At most 256 values a place, and texts have four places: lengths of all kinds share them.
@lru_cache(maxsize=2048)
def _shift_of_digit(place: int, digit: int) -> int:
    if digit > 1:
        return multiply(_shift_of_digit(place, digit - 1), _shift_of_digit(place, 1))
    result = _X_TO_THE_8
    for _ in range(8 * place):
        result = multiply(result, result)
    return result

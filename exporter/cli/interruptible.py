"""Work that SIGINT and SIGTERM end at once, even in the middle of a call."""

import queue
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import FrameType
from typing import TypeVar

T = TypeVar("T")

ENDING = (signal.SIGTERM, signal.SIGINT)


def interruptible(work: Callable[[], T]) -> T:
    """Do the work in a thread of its own, and return or raise what it does.

    Raises KeyboardInterrupt once a signal tells to end; the thread is left to itself then, and does not
    keep the program from ending. The exception arises here alone: amid a constructor or a finalizer of some
    library it would leave half an object behind, about which the interpreter complains on the terminal.
    Call it in the main thread.
    """
    # Not an Event: a signal handler may come in the middle of anything, and put() alone is made for that.
    ended = queue.SimpleQueue[bool]()
    result: Future[T] = Future()

    def do() -> None:
        try:
            result.set_result(work())
        except BaseException as error:  # noqa: BLE001 (raised again by result())
            result.set_exception(error)
        ended.put(True)

    def leave(_number: int, _frame: FrameType | None) -> None:
        ended.put(False)

    before = {number: signal.signal(number, leave) for number in ENDING}
    try:
        threading.Thread(target=do, name="interruptible", daemon=True).start()
        if not ended.get():
            raise KeyboardInterrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return result.result()

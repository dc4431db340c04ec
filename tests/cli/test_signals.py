"""A signal ends a short command at once, and its work never sees it."""

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from exporter.cli.signals import accept_signals, interruptible


@pytest.fixture(autouse=True)
def accepted() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    accept_signals()
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_waiting_and_not_the_work(number: signal.Signals) -> None:
    let_go = threading.Event()
    ended = threading.Event()

    def work() -> None:
        os.kill(os.getpid(), number)
        let_go.wait()
        ended.set()

    with pytest.raises(KeyboardInterrupt):
        interruptible(work)
    let_go.set()
    assert ended.wait(10), "no exception reached the work"


def test_a_signal_that_comes_to_another_thread_ends_the_waiting_too() -> None:
    """The kernel may choose any, and does where the work begins threads at that moment."""
    let_go = threading.Event()

    def work() -> None:
        let_go.wait(0.2)  # until the main thread waits for nothing but the result
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        let_go.wait(10)

    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interruptible(work)
    assert time.monotonic() - begun < 5
    let_go.set()

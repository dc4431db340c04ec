"""A signal ends work at once, and the work itself never sees it."""

import os
import signal
import threading
import time

import pytest

from exporter.cli.signals import interruptible


def test_it_returns_what_the_work_returns() -> None:
    assert interruptible(lambda: 42) == 42


def test_it_raises_what_the_work_raises() -> None:
    with pytest.raises(ValueError, match="no number"):
        interruptible(lambda: int("no number"))


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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_afterwards_signals_do_what_they_did_before(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    interruptible(lambda: None)
    assert signal.getsignal(number) is before


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

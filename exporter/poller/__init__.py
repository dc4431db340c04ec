"""Polls every target in the background, on its own clock, and commits what it read to the store."""

from exporter.poller.loop import PollLoop

__all__ = ["PollLoop"]

"""Polls every target in the background, on its own clock, and applies what it reads to the store."""

from exporter.poller.scheduler import Scheduler

__all__ = ["Scheduler"]

"""The command line: composes the parts. Each command has a module of its own."""

from exporter.cli.main import main

__all__ = ["main"]

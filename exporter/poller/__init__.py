"""Polls every target in the background, on its own clock, and applies what it reads to the store."""

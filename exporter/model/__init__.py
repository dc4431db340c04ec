"""What the exporter speaks about, as frozen values in base units: runs, views, targets, settings."""

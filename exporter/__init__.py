"""Prometheus exporter for AWS Glue materialized view refresh task runs."""

__version__ = "0.1.0"

"""A simulated AWS Glue for the demo and the tests: materialized views and their refresh task runs.

It extends moto's Glue, which is an extra: importing its modules raises ImportError where moto is missing.
"""

"""The Glue client: the only part of the exporter that touches AWS.

It takes what a configuration says about access, and gives frozen values in base units, or GlueError.
"""

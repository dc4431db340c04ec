"""The program calls what the shipped IAM policy allows: all of that, and nothing else."""

import json
from pathlib import Path

from tests.e2e.exposition import EXPORTER
from tests.e2e.program import run, serve, target, write_config
from tests.support.bare_faults import ACCESS_DENIED
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import ACCOUNT, sample_run

POLICY = Path(__file__).parents[2] / "deploy" / "aws" / "iam-policy.json"
WATCHING = ("runs", "everything", "role")
ROLE = "arn:aws:iam::123456789012:role/glue-read"
UNPRIVILEGED = {"sts:GetCallerIdentity"}
"""AWS answers it to everybody, whatever a policy says."""
ASSUMING = {"sts:AssumeRole"}
"""Allowed for the roles that a configuration names: see docs/aws.md."""


def allowed() -> set[str]:
    """Return the actions of the policy."""
    statements = json.loads(POLICY.read_text())["Statement"]
    assert {statement["Effect"] for statement in statements} == {"Allow"}
    return {action for statement in statements for action in statement["Action"]}


def made(glue: BareGlue) -> set[str]:
    """Return the actions of all calls that arrived."""
    sts = {"GetCallerIdentity", "AssumeRole"}
    return {("sts:" if call.operation in sts else "glue:") + call.operation for call in glue.calls()}


def every_feature(glue: BareGlue) -> dict[str, object]:
    """Return a configuration with every way in which something can be watched."""
    known = glue.records.put_run(sample_run(1))
    gone = "00000000-0000-4000-8000-000000000000"
    for database, view in (("sales", "daily"), ("sales", "hourly"), ("finance", "revenue")):
        glue.records.put_view(database, view, refresh_seconds=3600)
        glue.records.put_run({**sample_run(2 + len(view)), "DatabaseName": database, "TableName": view})
    ways: dict[str, dict[str, object]] = {
        "runs": {"runs": [known, gone]},
        "names": {"runs": [], "views": ["finance.revenue"], "catalog_id": f"{ACCOUNT}:s3tablescatalog/a"},
        "globs": {"runs": [], "views": ["sales.*"], "catalog_id": f"{ACCOUNT}:s3tablescatalog/b"},
        "everything": {"runs": [], "views": ["*.*"], "exclude_views": ["tmp.*"]},
        "role": {"runs": [], "views": ["*.*"], "assume_role": {"role_arn": ROLE}, "aws_region": "us-east-1"},
    }
    targets = [target(glue.url) | {"name": name} | way for name, way in ways.items()]
    del targets[3]["catalog_id"]  # so that it is asked for
    return {"poll_interval": "5s", "targets": [{k: v for k, v in t.items() if v != []} for t in targets]}


def test_the_calls_of_all_features_are_exactly_those_of_the_policy(tmp_path: Path) -> None:
    """The daemon with every way to watch, with all that is denied, too; the commands that ask AWS."""
    with BareGlue() as glue:
        config = every_feature(glue)
        environment = {"AWS_ENDPOINT_URL_STS": glue.url}
        with serve(tmp_path, config, env=environment) as program:
            program.scrape_until(
                lambda e: (
                    all(e.value(f"{EXPORTER}target_up", target=way) == 1 for way in WATCHING)
                    and e.value(f"{EXPORTER}target_up", target="globs") is not None
                ),
                40,
                "all are polled",
            )
            # A program that is denied something could try something else.
            glue.misbehave(ACCESS_DENIED)
            program.scrape_until(
                lambda e: all(e.value(f"{EXPORTER}target_up", target=way) == 0 for way in ("runs", "role")),
                40,
                "all is denied",
            )
            glue.behave()
        file = write_config(tmp_path, config)
        for command in ("once", "runs"):
            run(tmp_path, command, f"--config.file={file}", env=environment)
        run(tmp_path, "runs", "--aws.region=eu-west-1", env=environment | {"AWS_ENDPOINT_URL_GLUE": glue.url})
        run(tmp_path, "check-config", "--online", str(file), env=environment)
        assert made(glue) == allowed() | UNPRIVILEGED | ASSUMING

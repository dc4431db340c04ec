"""The Terraform module as far as a parser goes: `terraform` itself is not in any package registry."""

import json
import re
from typing import Any

import hcl2
import pytest

from tests.aws.conftest import ROOT, TEMPLATE

MODULE = ROOT / "deploy" / "aws" / "terraform"
SOURCE = "".join(path.read_text() for path in sorted(MODULE.glob("*.tf")))
KINDS = ("PodIdentity", "IRSA", "ECSTask", "Principal")


def blocks(kind: str) -> list[Any]:
    return [block for path in MODULE.glob("*.tf") for block in hcl2.loads(path.read_text()).get(kind, [])]


def names(kind: str) -> set[str]:
    return {name.strip('"') for block in blocks(kind) for name in block if not name.startswith("__")}


def test_what_is_used_is_declared_and_what_is_declared_is_used() -> None:
    assert set(re.findall(r"\bvar\.(\w+)", SOURCE)) == names("variable")
    assert set(re.findall(r"\blocal\.(\w+)", SOURCE)) == names("locals")


def test_the_policy_is_that_of_the_file() -> None:
    """Read from there, and not written a second time."""
    (path,) = re.findall(r'file\("\$\{path\.module\}/([^"]+)"\)', SOURCE)
    assert (MODULE / path).resolve() == ROOT / "deploy" / "aws" / "iam-policy.json"
    policy = json.loads((MODULE / path).read_text())
    assert not re.findall(r"glue:\w+", SOURCE)
    # What the module narrows by name, and what it takes for one string, is there.
    assert [statement["Sid"] for statement in policy["Statement"]] == ["ReadRefreshRuns", "FindViews"]
    assert all(isinstance(statement["Resource"], str) for statement in policy["Statement"])


def test_what_is_trusted_is_what_the_cloudformation_template_trusts() -> None:
    """The same actions, services and keys of conditions; ECS tasks are the module's alone."""
    pattern = r"(?:sts|aws):[A-Z][\w/-]+|:aud|:sub|[\w.-]+\.amazonaws\.com"
    template = TEMPLATE.read_text().split("Properties:")[1].split("Policies:")[0]
    template = template.replace("AWS::", "")
    module = SOURCE[SOURCE.index("trust = {") : SOURCE.index('resource "aws_iam_role"')]
    ecs = module[module.index("ECSTask = jsonencode") : module.index("Principal = jsonencode(merge")]
    assert set(re.findall(pattern, module.replace(ecs, ""))) == set(re.findall(pattern, template))
    assert re.findall(pattern, ecs) == [
        "ecs-tasks.amazonaws.com", "sts:AssumeRole", "aws:SourceAccount", "aws:SourceArn",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["trust", "needed"])
def test_every_principal_has_its_trust_and_what_it_needs(name: str) -> None:
    assert name in names("locals")
    block = SOURCE[SOURCE.index(f"  {name} = {{") :].split("\n  }\n")[0]
    assert set(re.findall(r"^    (\w+) +=", block, re.MULTILINE)) == set(KINDS)


def test_variables_are_the_parameters_of_the_template_and_have_a_description() -> None:
    parameters = re.findall(
        r"^  (\w+):\n    Description", TEMPLATE.read_text().split("\nOutputs:")[0], re.MULTILINE
    )
    snake = {re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in parameters}
    assert names("variable") - {"tags", "name"} == snake - {"role_name"}
    for block in blocks("variable"):
        (variable,) = (value for name, value in block.items() if not name.startswith("__"))
        assert variable["description"]


def test_the_page_explains_the_module() -> None:
    page = (ROOT / "docs" / "aws.md").read_text()
    (example, *_) = re.findall(r"```hcl\n(.*?)```", page, re.DOTALL)
    ((module,),) = (block.values() for block in hcl2.loads(example)["module"])
    assert {name for name in module if not name.startswith("__")} - {"source"} <= names("variable")
    assert all(f"`{kind}`" in page for kind in KINDS)

"""The CloudFormation template makes the role that its parameters ask for."""

import json
import subprocess
from ast import literal_eval
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from tests.aws.conftest import CFN_LINT, ROOT, TEMPLATE

ACCOUNT = "123456789012"
REGION = "eu-west-1"
CLUSTER = f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/prod"
ISSUER = f"oidc.eks.{REGION}.amazonaws.com/id/0123456789ABCDEF"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
EXPORTER = "arn:aws:iam::210987654321:role/glue-mv-exporter"
BY_PRINCIPAL = {"TrustedBy": "Principal", "PrincipalArn": EXPORTER}
POLICY = json.loads((ROOT / "deploy" / "aws" / "iam-policy.json").read_text())


def client(service: str) -> Any:
    make: Any = boto3.client  # typed for each service alone
    return make(
        service, region_name=REGION, aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="do-not-print"
    )


def deploy(**parameters: str) -> dict[str, Any]:
    """Deploy the template and return the role that its output names."""
    stack = client("cloudformation")
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    stack.create_stack(
        StackName="exporter",
        TemplateBody=TEMPLATE.read_text(),
        Parameters=given,
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    (deployed,) = stack.describe_stacks(StackName="exporter")["Stacks"]
    assert deployed["StackStatus"] == "CREATE_COMPLETE"
    (output,) = deployed["Outputs"]
    assert output["OutputKey"] == "RoleArn"
    role: dict[str, Any] = client("iam").get_role(RoleName=output["OutputValue"].rpartition("/")[2])["Role"]
    assert role["Arn"] == output["OutputValue"]
    return role


def trust(role: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the one statement of who may take the role."""
    document = role["AssumeRolePolicyDocument"]
    document = json.loads(document) if isinstance(document, str) else document
    assert document["Version"] == "2012-10-17"
    statement: Mapping[str, Any]
    (statement,) = document["Statement"]
    return statement


def policies(role: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the role may do, by the policies' names."""
    iam, name = client("iam"), role["RoleName"]
    assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []
    found = {}
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        # moto writes some as Python does
        found[policy] = listed(literal_eval(document) if isinstance(document, str) else document)
    return found


def listed(policy: Mapping[str, Any], views: list[str] | None = None) -> Mapping[str, Any]:
    """Return a policy with the resources of each statement in a list; of the second one, these."""
    statements = []
    for statement in policy["Statement"]:
        resource = statement["Resource"]
        statements.append({**statement, "Resource": [resource] if isinstance(resource, str) else resource})
    if views is not None:
        statements[1]["Resource"] = views
    return {**policy, "Statement": statements}


def test_pod_identity_trusts_one_service_account_of_one_cluster() -> None:
    role = deploy(TrustedBy="PodIdentity", ClusterArn=CLUSTER, Namespace="observability")
    assert trust(role) == {
        "Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {
            "StringEquals": {
                "aws:SourceAccount": ACCOUNT,
                "aws:RequestTag/kubernetes-namespace": "observability",
                "aws:RequestTag/kubernetes-service-account": "glue-mv-exporter",
            },
            "ArnEquals": {"aws:SourceArn": CLUSTER},
        },
    }


def test_irsa_trusts_one_service_account_of_one_issuer() -> None:
    assert trust(deploy(TrustedBy="IRSA", OidcProviderArn=PROVIDER, ServiceAccount="reader")) == {
        "Effect": "Allow",
        "Principal": {"Federated": PROVIDER},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {
                f"{ISSUER}:aud": "sts.amazonaws.com",
                f"{ISSUER}:sub": "system:serviceaccount:monitoring:reader",
            }
        },
    }


def test_another_account_is_trusted_with_its_external_id() -> None:
    assert trust(deploy(**BY_PRINCIPAL, ExternalId="example-external-id")) == {
        "Effect": "Allow",
        "Principal": {"AWS": EXPORTER},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {"StringEquals": {"sts:ExternalId": "example-external-id"}},
    }


def test_without_an_external_id_none_is_asked_for() -> None:
    assert not trust(deploy(**BY_PRINCIPAL)).get("Condition")


def test_the_role_may_do_what_the_policy_file_says_and_no_more() -> None:
    assert policies(deploy(**BY_PRINCIPAL)) == {"read-refresh-runs": listed(POLICY)}


def test_where_views_are_looked_for_can_be_narrowed() -> None:
    """Reading refresh runs cannot."""
    names = ("catalog", "database/sales", "table/sales/*")
    arns = [f"arn:aws:glue:{REGION}:{ACCOUNT}:{name}" for name in names]
    role = deploy(**BY_PRINCIPAL, GlueResources=",".join(arns))
    assert policies(role) == {"read-refresh-runs": listed(POLICY, arns)}


def test_roles_of_other_accounts_can_be_assumed_if_they_are_named() -> None:
    others = [f"arn:aws:iam::{account}:role/glue-read" for account in ("111111111111", "222222222222")]
    found = policies(deploy(**BY_PRINCIPAL, AssumableRoles=",".join(others)))
    assert found.keys() == {"read-refresh-runs", "assume-roles"}
    assert found["assume-roles"]["Statement"] == [
        {
            "Sid": "ReadOtherAccounts",
            "Effect": "Allow",
            "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Resource": others,
        }
    ]


def test_it_takes_a_name_and_a_permissions_boundary() -> None:
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
    role = deploy(**BY_PRINCIPAL, RoleName="glue-read", PermissionsBoundary=boundary)
    assert role["RoleName"] == "glue-read"
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary


def lint(template: Path) -> list[dict[str, Any]]:
    done = subprocess.run([CFN_LINT, "--format=json", template], check=False, capture_output=True, text=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_cfn_lint_finds_nothing_and_would_find_a_mistake(tmp_path: Path) -> None:
    assert lint(TEMPLATE) == []
    careless = tmp_path / "role.yaml"
    careless.write_text(TEMPLATE.read_text().replace("GetAtt Role.Arn", "GetAtt Role.Name"))
    assert [found["Rule"]["Id"] for found in lint(careless)] == ["E6101"]


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's tags as lists of their name and what they hold."""


def _tagged(loader: yaml.SafeLoader, name: str, node: yaml.Node) -> list[Any]:
    if isinstance(node, yaml.ScalarNode):
        return [name, node.value]
    assert isinstance(node, yaml.SequenceNode)
    return [name, *loader.construct_sequence(node, deep=True)]


_Loader.add_multi_constructor("!", _tagged)


@pytest.mark.parametrize(
    ("trusted_by", "parameter"),
    [("PodIdentity", "ClusterArn"), ("IRSA", "OidcProviderArn"), ("Principal", "PrincipalArn")],
)
def test_a_role_that_nobody_in_particular_may_take_is_refused(trusted_by: str, parameter: str) -> None:
    """No simulation evaluates rules; what they compare is checked here."""
    rules = yaml.load(TEMPLATE.read_text(), _Loader)["Rules"].values()  # noqa: S506 (made from the safe one)
    condition = ["Equals", ["Ref", "TrustedBy"], trusted_by]
    (rule,) = [rule for rule in rules if rule["RuleCondition"] == condition]
    (assertion,) = rule["Assertions"]
    assert assertion["Assert"] == ["Not", ["Equals", ["Ref", parameter], ""]]

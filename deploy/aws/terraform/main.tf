# The role of glue-mv-exporter: it may read materialized views and their refresh runs, and nothing else.
# docs/aws.md tells which variables are for what.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition

  # The one source of the policy.
  policy = jsondecode(file("${path.module}/../iam-policy.json"))
  statements = [
    for statement in local.policy.Statement : merge(statement, {
      Resource = statement.Sid == "FindViews" ? var.glue_resources : [statement.Resource]
    })
  ]

  needed = {
    PodIdentity = var.cluster_arn
    IRSA        = var.oidc_provider_arn
    ECSTask     = "nothing"
    Principal   = var.principal_arn
  }

  issuer = replace(var.oidc_provider_arn, "/^.*:oidc-provider\\//", "")

  trust = {
    PodIdentity = jsonencode({
      Effect    = "Allow"
      Principal = { Service = "pods.eks.amazonaws.com" }
      Action    = ["sts:AssumeRole", "sts:TagSession"]
      Condition = {
        StringEquals = {
          "aws:SourceAccount"                         = local.account
          "aws:RequestTag/kubernetes-namespace"       = var.namespace
          "aws:RequestTag/kubernetes-service-account" = var.service_account
        }
        ArnEquals = { "aws:SourceArn" = var.cluster_arn }
      }
    })
    IRSA = jsonencode({
      Effect    = "Allow"
      Principal = { Federated = var.oidc_provider_arn }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "${local.issuer}:aud" = "sts.${data.aws_partition.current.dns_suffix}"
          "${local.issuer}:sub" = "system:serviceaccount:${var.namespace}:${var.service_account}"
        }
      }
    })
    ECSTask = jsonencode({
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account }
        ArnLike      = { "aws:SourceArn" = "arn:${local.partition}:ecs:*:${local.account}:*" }
      }
    })
    Principal = jsonencode(merge(
      {
        Effect    = "Allow"
        Principal = { AWS = var.principal_arn }
        # Sessions of EKS Pod Identity pass tags.
        Action = ["sts:AssumeRole", "sts:TagSession"]
      },
      var.external_id == "" ? null : {
        Condition = { StringEquals = { "sts:ExternalId" = var.external_id } }
      }
    ))
  }
}

resource "aws_iam_role" "exporter" {
  name                 = var.name
  description          = "Reads Glue materialized views and their refresh runs for glue-mv-exporter"
  permissions_boundary = var.permissions_boundary == "" ? null : var.permissions_boundary
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [jsondecode(local.trust[var.trusted_by])]
  })

  lifecycle {
    # Without it the role could be assumed by anyone, or by no one.
    precondition {
      condition     = local.needed[var.trusted_by] != ""
      error_message = "PodIdentity needs cluster_arn, IRSA oidc_provider_arn, Principal principal_arn."
    }
  }
}

resource "aws_iam_role_policy" "read_refresh_runs" {
  name   = "read-refresh-runs"
  role   = aws_iam_role.exporter.name
  policy = jsonencode(merge(local.policy, { Statement = local.statements }))
}

resource "aws_iam_role_policy" "assume_roles" {
  count = length(var.assumable_roles) > 0 ? 1 : 0
  name  = "assume-roles"
  role  = aws_iam_role.exporter.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "ReadOtherAccounts"
      Effect   = "Allow"
      Action   = ["sts:AssumeRole", "sts:TagSession"]
      Resource = var.assumable_roles
    }]
  })
}

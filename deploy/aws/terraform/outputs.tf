output "role_arn" {
  description = "For the annotation eks.amazonaws.com/role-arn, a Pod Identity association, a task definition's taskRoleArn, or assume_role.role_arn."
  value       = aws_iam_role.exporter.arn
}

variable "trusted_by" {
  description = "Who may take the role. PodIdentity, IRSA: a service account of an EKS cluster. ECSTask: tasks of this account. Principal: a role or an account, for reading this account's Glue from another one."
  type        = string

  validation {
    condition     = contains(["PodIdentity", "IRSA", "ECSTask", "Principal"], var.trusted_by)
    error_message = "Must be PodIdentity, IRSA, ECSTask or Principal."
  }
}

variable "name" {
  description = "The name of the role."
  type        = string
  default     = "glue-mv-exporter"
}

variable "namespace" {
  description = "For PodIdentity and IRSA; the Kubernetes namespace of the exporter."
  type        = string
  default     = "monitoring"
}

variable "service_account" {
  description = "For PodIdentity and IRSA; the Kubernetes service account of the exporter."
  type        = string
  default     = "glue-mv-exporter"
}

variable "cluster_arn" {
  description = "For PodIdentity; the ARN of the cluster."
  type        = string
  default     = ""
}

variable "oidc_provider_arn" {
  description = "For IRSA; the ARN of the cluster's OIDC provider in IAM."
  type        = string
  default     = ""
}

variable "principal_arn" {
  description = "For Principal; the ARN of the role that the exporter has in its own account."
  type        = string
  default     = ""
}

variable "external_id" {
  description = "For Principal; what the exporter has to name as external_id. Empty for none."
  type        = string
  default     = ""
}

variable "glue_resources" {
  description = "ARNs of the catalogs, databases and tables in which views may be looked for, and of the tables that the views select from. Reading refresh runs cannot be narrowed."
  type        = list(string)
  default     = ["*"]
}

variable "assumable_roles" {
  description = "ARNs of roles in other accounts that the exporter assumes (assume_role)."
  type        = list(string)
  default     = []
}

variable "permissions_boundary" {
  description = "The ARN of a permissions boundary. Empty for none."
  type        = string
  default     = ""
}

variable "tags" {
  description = "Tags of the role."
  type        = map(string)
  default     = {}
}

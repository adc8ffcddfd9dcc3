variable "name" {
  type        = string
  default     = "keysteward"
  description = "What everything is named after; the hub's role is NAME-hub."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,31}$", var.name))
    error_message = "Should be 2 to 32 lower-case letters, digits or hyphens."
  }
}

variable "image" {
  type        = string
  description = "The container image, best by its digest."
}

variable "config" {
  type        = string
  description = "Keysteward's config as YAML, without secrets: file(\"config.yaml\"). Its ledger is the table."

  validation {
    condition     = can(regex("^dynamodb://", yamldecode(var.config).ledger))
    error_message = "ledger should be dynamodb://TABLE?region=REGION: a task's disk is gone when it ends."
  }
}

variable "hub_policy" {
  type        = string
  description = "What `keysteward iam-policy hub` prints for this very config."

  validation {
    condition     = can(jsondecode(var.hub_policy).Statement)
    error_message = "Should be an IAM policy document as JSON."
  }
}

variable "secrets" {
  type        = map(string)
  default     = {}
  description = <<-EOT
    Settings whose values are in Secrets Manager: KEYSTEWARD_SINKS__SLACK__TOKEN to the secret's ARN, with
    :KEY:: behind it for one key of a JSON secret.
  EOT

  validation {
    condition = alltrue([
      for name, arn in var.secrets :
      startswith(name, "KEYSTEWARD_") && can(regex("^arn:[a-z-]+:secretsmanager:[^:]+:[0-9]{12}:secret:", arn))
    ])
    error_message = "Should be KEYSTEWARD_… variables and the ARNs of secrets."
  }
}

variable "secrets_kms_key_arns" {
  type        = list(string)
  default     = []
  description = "KMS keys of your own that these secrets are encrypted with."
}

variable "cluster_arn" {
  type        = string
  description = "The ECS cluster to run in."
}

variable "vpc_id" {
  type        = string
  description = "The VPC that the subnets are in."
}

variable "subnet_ids" {
  type        = list(string)
  description = "Subnets with a way out: to AWS, and to Slack, Jira and whatever else the config names."
}

variable "assign_public_ip" {
  type        = bool
  default     = false
  description = "Needed in a public subnet without a NAT gateway."
}

variable "scrape_security_group_id" {
  type        = string
  default     = null
  description = "Prometheus's security group, the only one that may connect. Null: nobody."
}

variable "egress_ports" {
  type        = set(number)
  default     = [443]
  description = "Ports that it may connect to: 443, and 587 for mail by SMTP."
}

variable "cpu" {
  type        = number
  default     = 512
  description = "CPU units of the task: 1024 are one core."
}

variable "memory" {
  type        = number
  default     = 1024
  description = "Memory of the task in MiB."
}

variable "cpu_architecture" {
  type        = string
  default     = "X86_64"
  description = "What the image was built for: X86_64 or ARM64."
}

variable "log_retention_days" {
  type        = number
  default     = 400
  description = "For how many days logs are kept: each run's line holds the audit trail's head."
}

variable "alarm_topic_arns" {
  type        = list(string)
  default     = []
  description = "SNS topics that hear of alarms, and of their ends."
}

variable "stale_after_hours" {
  type        = number
  default     = 13
  description = "Without a finished run for so many hours there is an alarm: two cycles of 6h and some."
}

variable "deletion_protection" {
  type        = bool
  default     = true
  description = "Whether the ledger's table is protected from deletion."
}

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
  description = "The container image, best by its digest; from ECR, the instance's role logs in."
}

variable "config" {
  type        = string
  description = "Keysteward's config as YAML: file(\"config.yaml\"). Secrets in it are {secretsmanager: NAME}."

  validation {
    condition = (
      startswith(yamldecode(var.config).ledger, "dynamodb://") ||
      startswith(yamldecode(var.config).ledger, "sqlite:///var/lib/keysteward/")
    )
    error_message = "ledger should be dynamodb://TABLE?region=REGION or below sqlite:///var/lib/keysteward/."
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

variable "instance_type" {
  type        = string
  default     = "t3.small"
  description = "Of the architecture that the image was built for."
}

variable "ami_id" {
  type        = string
  default     = null
  description = "An image of Amazon Linux 2023. Null: the newest one, when the instance is made."
}

variable "cpu_architecture" {
  type        = string
  default     = "x86_64"
  description = "Of the newest Amazon Linux: x86_64 or arm64."
}

variable "subnet_id" {
  type        = string
  description = "A subnet with a way out: to AWS, and to Slack, Jira and whatever else the config names."
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

variable "session_manager" {
  type        = bool
  default     = true
  description = "Whether people may get a shell by Session Manager. There is no SSH."
}

variable "volume_size" {
  type        = number
  default     = 8
  description = "Of the SQLite ledger's own disk, in GiB."
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
  description = "Whether a ledger's table is protected from deletion."
}

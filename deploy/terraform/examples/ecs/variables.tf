variable "region" {
  type        = string
  default     = "eu-central-1"
  description = "Where the hub runs; as the ledger's region in config.yaml."
}

variable "admin_role_name" {
  type        = string
  default     = "OrganizationAccountAccessRole"
  description = "The role that may make roles in the other accounts."
}

variable "image" {
  type        = string
  description = "The container image, best by its digest."
}

variable "vpc_id" {
  type        = string
  description = "The VPC that the subnets are in."
}

variable "subnet_ids" {
  type        = list(string)
  description = "Private subnets with a NAT gateway."
}

variable "scrape_security_group_id" {
  type        = string
  default     = null
  description = "Prometheus's security group."
}

variable "alarm_topic_arns" {
  type        = list(string)
  default     = []
  description = "SNS topics that hear of alarms."
}

variable "secrets" {
  type        = map(string)
  default     = {}
  description = "KEYSTEWARD_SINKS__SLACK__TOKEN and the like to the ARNs of secrets."
}

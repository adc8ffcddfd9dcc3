variable "region" {
  type        = string
  default     = "eu-central-1"
  description = "Where the hub runs."
}

variable "image" {
  type        = string
  description = "The container image, best by its digest."
}

variable "subnet_id" {
  type        = string
  description = "A private subnet with a NAT gateway."
}

variable "organizational_unit_ids" {
  type        = list(string)
  description = "The root (r-…) or units (ou-…) whose accounts get the roles."
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

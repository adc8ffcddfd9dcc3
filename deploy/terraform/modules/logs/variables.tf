variable "name" {
  type        = string
  description = "What everything is named after."
}

variable "retention_days" {
  type        = number
  default     = 400
  description = "For how many days logs are kept: each run's line holds the audit trail's head."
}

variable "stale_after_hours" {
  type        = number
  default     = 13
  description = "Without a finished run for so many hours there is an alarm: two cycles of 6h and some."
}

variable "alarm_topic_arns" {
  type        = list(string)
  default     = []
  description = "SNS topics that hear of alarms, and of their ends."
}

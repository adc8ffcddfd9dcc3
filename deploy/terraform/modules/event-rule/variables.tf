variable "name" {
  type        = string
  default     = "keysteward-events"
  description = "The topic's name, and what the rules' names begin with."
}

variable "new_keys" {
  type        = bool
  default     = false
  description = "Whether each new access key is told of, too. It takes a CloudTrail trail that logs."
}

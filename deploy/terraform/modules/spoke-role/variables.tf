variable "hub_role_arn" {
  type        = string
  description = "The role that Keysteward runs with: the only one that may assume these."

  validation {
    condition     = can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/[^*?]+$", var.hub_role_arn))
    error_message = "Should be a role's ARN, without wildcards."
  }
}

variable "external_id" {
  type        = string
  sensitive   = true
  description = "As external_id in Keysteward's config: 2 to 1224 characters."

  validation {
    condition     = can(regex("^[A-Za-z0-9_+=,.@:/-]{2,}$", var.external_id)) && length(var.external_id) <= 1224
    error_message = "Should be 2 to 1224 letters, digits, or one of _+=,.@:/-"
  }
}

variable "role_name" {
  type        = string
  default     = "keysteward-spoke"
  description = "The role that reads, as in Keysteward's config."
}

variable "actor_role_name" {
  type        = string
  default     = null
  description = "The role that deactivates and deletes keys, needed in enforce only. Null: there is none."
}

variable "callers" {
  type        = bool
  default     = false
  description = "Whether it may look up who used a key, as evidence.callers in Keysteward's config."
}

variable "permissions_boundary" {
  type        = string
  default     = null
  description = "The ARN of a permissions boundary for both roles."
}

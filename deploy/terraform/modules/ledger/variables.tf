variable "table" {
  type        = string
  description = "The table's name, as in dynamodb://TABLE of Keysteward's config."
}

variable "deletion_protection" {
  type        = bool
  default     = true
  description = "Whether the table is protected from deletion."
}

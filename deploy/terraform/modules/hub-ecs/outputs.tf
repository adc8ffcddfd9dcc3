output "hub_role_arn" {
  value       = aws_iam_role.hub.arn
  description = "hub_role_arn of the spokes."
}

output "security_group_id" {
  value       = aws_security_group.hub.id
  description = "The task's security group."
}

output "log_group_name" {
  value       = module.logs.group_name
  description = "Where its logs are."
}

output "ledger_table_name" {
  value       = module.ledger.table_name
  description = "The ledger's table."
}

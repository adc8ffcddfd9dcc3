output "hub_role_arn" {
  value       = aws_iam_role.hub.arn
  description = "hub_role_arn of the spokes."
}

output "instance_id" {
  value       = aws_instance.hub.id
  description = "For `aws ssm start-session --target`."
}

output "security_group_id" {
  value       = aws_security_group.hub.id
  description = "The instance's security group."
}

output "log_group_name" {
  value       = module.logs.group_name
  description = "Where its logs are."
}

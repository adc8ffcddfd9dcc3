output "hub_role_arn" {
  value       = module.hub.hub_role_arn
  description = "What the accounts' roles trust."
}

output "instance_id" {
  value       = module.hub.instance_id
  description = "For `aws ssm start-session --target`."
}

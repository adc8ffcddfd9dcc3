output "hub_role_arn" {
  value       = module.hub.hub_role_arn
  description = "What the accounts' roles trust."
}

output "actor_role_arns" {
  value       = [module.tools.actor_role_arn, module.prod.actor_role_arn, module.data.actor_role_arn]
  description = "As in config.yaml."
}

output "role_arns" {
  value       = [module.tools.role_arn, module.prod.role_arn, module.data.role_arn]
  description = "As in config.yaml."
}

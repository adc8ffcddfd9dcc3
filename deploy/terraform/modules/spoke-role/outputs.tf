output "role_arn" {
  value       = aws_iam_role.spoke.arn
  description = "role_arn in Keysteward's config."
}

output "actor_role_arn" {
  value       = one(aws_iam_role.actor[*].arn)
  description = "actor_role_arn in Keysteward's config; null without an actor."
}

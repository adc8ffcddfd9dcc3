output "group_name" {
  value       = aws_cloudwatch_log_group.hub.name
  description = "The log group."
}

output "group_arn" {
  value       = aws_cloudwatch_log_group.hub.arn
  description = "Its ARN, without the streams behind it."
}

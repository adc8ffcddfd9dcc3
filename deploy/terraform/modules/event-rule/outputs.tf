output "topic_arn" {
  value       = aws_sns_topic.events.arn
  description = "The topic to subscribe to."
}

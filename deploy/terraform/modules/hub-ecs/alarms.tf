module "logs" {
  source = "../logs"

  name              = var.name
  retention_days    = var.log_retention_days
  stale_after_hours = var.stale_after_hours
  alarm_topic_arns  = var.alarm_topic_arns
}

# ECS tells the CPU of running tasks once a minute: no sample, no task. Container Insights isn't needed.
resource "aws_cloudwatch_metric_alarm" "no_task" {
  alarm_name          = "${var.name}-no-task"
  alarm_description   = "Keysteward has had no running task for 10 minutes: nobody watches the keys."
  namespace           = "AWS/ECS"
  metric_name         = "CPUUtilization"
  dimensions          = { ClusterName = split("/", var.cluster_arn)[1], ServiceName = aws_ecs_service.hub.name }
  statistic           = "SampleCount"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  period              = 60
  evaluation_periods  = 10
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}

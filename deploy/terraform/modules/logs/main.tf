# Where it logs, and what must be heard of although the service itself may be unable to say it.

resource "aws_cloudwatch_log_group" "hub" {
  name              = "/keysteward/${var.name}"
  retention_in_days = var.retention_days
}

resource "aws_cloudwatch_log_metric_filter" "errors" {
  name           = "${var.name}-errors"
  log_group_name = aws_cloudwatch_log_group.hub.name
  pattern        = "{ $.level = \"error\" || $.level = \"critical\" }"

  metric_transformation {
    namespace = "Keysteward"
    name      = "${var.name}-errors"
    value     = "1"
  }
}

resource "aws_cloudwatch_log_metric_filter" "runs" {
  name           = "${var.name}-runs"
  log_group_name = aws_cloudwatch_log_group.hub.name
  pattern        = "{ $.message = \"run finished\" }"

  metric_transformation {
    namespace = "Keysteward"
    name      = "${var.name}-runs"
    value     = "1"
  }
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name          = "${var.name}-errors"
  alarm_description   = "Keysteward logged an error: a failed act or run, a delivery given up, a broken config."
  namespace           = "Keysteward"
  metric_name         = aws_cloudwatch_log_metric_filter.errors.metric_transformation[0].name
  statistic           = "Sum"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}

resource "aws_cloudwatch_metric_alarm" "stale" {
  alarm_name          = "${var.name}-stale"
  alarm_description   = "Keysteward has finished no run for ${var.stale_after_hours} hours."
  namespace           = "Keysteward"
  metric_name         = aws_cloudwatch_log_metric_filter.runs.metric_transformation[0].name
  statistic           = "Sum"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  period              = 3600
  evaluation_periods  = var.stale_after_hours
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}

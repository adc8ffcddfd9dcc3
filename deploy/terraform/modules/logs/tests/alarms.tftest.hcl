mock_provider "aws" {}

variables {
  name = "keysteward"
}

run "silence_is_an_alarm_and_no_error_is_none" {
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.stale.treat_missing_data == "breaching" &&
      aws_cloudwatch_metric_alarm.errors.treat_missing_data == "notBreaching"
    )
    error_message = "Without a run somebody should hear of it."
  }
}

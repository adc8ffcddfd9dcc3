mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { id = "us-east-1" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:us-east-1:111122223333:keysteward-events" }
  }
  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:us-east-1:111122223333:rule/keysteward-events-exposed" }
  }
}

run "tells_of_leaks_only_unless_asked" {
  assert {
    condition     = keys(aws_cloudwatch_event_rule.event) == ["exposed"]
    error_message = "New keys are many."
  }
  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.event["exposed"].event_pattern).detail == {
      service       = ["RISK"]
      eventTypeCode = ["AWS_RISK_CREDENTIALS_EXPOSED"]
    }
    error_message = "The pattern should be AWS Health's."
  }
}

run "tells_of_new_keys_when_asked" {
  variables {
    new_keys = true
  }
  assert {
    condition     = length(aws_cloudwatch_event_target.topic) == 2
    error_message = "Both should reach the topic."
  }
}

run "refuses_a_region_where_iam_sends_nothing" {
  command = plan
  override_data {
    target = data.aws_region.current
    values = { id = "eu-central-1" }
  }
  expect_failures = [aws_cloudwatch_event_rule.event]
}

# What can't wait for the next scan, told by AWS itself: a leaked key, and if wanted each new one. In us-east-1,
# where IAM and AWS Health send their events, of the account that it is in. Whoever subscribes to the topic hears.

locals {
  patterns = merge(
    {
      exposed = {
        source        = ["aws.health"]
        "detail-type" = ["AWS Health Event", "AWS Health Abuse Event"]
        detail        = { service = ["RISK"], eventTypeCode = ["AWS_RISK_CREDENTIALS_EXPOSED"] }
      }
    },
    var.new_keys ? {
      created = {
        source        = ["aws.iam"]
        "detail-type" = ["AWS API Call via CloudTrail"]
        detail        = { eventSource = ["iam.amazonaws.com"], eventName = ["CreateAccessKey"] }
      }
    } : {},
  )
}

data "aws_region" "current" {}

resource "aws_cloudwatch_event_rule" "event" {
  for_each = local.patterns

  name          = "${var.name}-${each.key}"
  event_pattern = jsonencode(each.value)

  lifecycle {
    precondition {
      condition     = data.aws_region.current.id == "us-east-1"
      error_message = "IAM's events are in us-east-1 only: give this module a provider of that region."
    }
  }
}

# Not the event itself: the key's whole id is in it.
resource "aws_cloudwatch_event_target" "topic" {
  for_each = aws_cloudwatch_event_rule.event

  rule = each.value.name
  arn  = aws_sns_topic.events.arn
  input_transformer {
    input_paths    = { account = "$.account", time = "$.time" }
    input_template = "\"${each.key == "exposed" ? "AWS found an access key in public" : "A new access key was made"} in account <account> at <time>.\""
  }
}

resource "aws_sns_topic" "events" {
  name = var.name
}

data "aws_iam_policy_document" "topic" {
  statement {
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.events.arn]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [for rule in aws_cloudwatch_event_rule.event : rule.arn]
    }
  }
}

resource "aws_sns_topic_policy" "events" {
  arn    = aws_sns_topic.events.arn
  policy = data.aws_iam_policy_document.topic.json
}

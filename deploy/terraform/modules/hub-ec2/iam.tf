# The instance's role is the hub's: the container has no other credentials.

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "hub" {
  name               = "${var.name}-hub"
  description        = "Keysteward runs with it, and assumes the accounts' roles."
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_instance_profile" "hub" {
  name = "${var.name}-hub"
  role = aws_iam_role.hub.name
}

resource "aws_iam_role_policy" "hub" {
  name   = "keysteward"
  role   = aws_iam_role.hub.name
  policy = var.hub_policy

  lifecycle {
    precondition {
      condition     = alltrue([for table in local.tables : strcontains(var.hub_policy, ":table/${table}\"")])
      error_message = "hub_policy is another config's: write it again with `keysteward iam-policy hub`."
    }
  }
}

data "aws_iam_policy_document" "instance" {
  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${module.logs.group_arn}:*"]
  }
  dynamic "statement" {
    for_each = local.registry == "" ? [] : [1]
    content {
      sid       = "LogInToEcr"
      actions   = ["ecr:GetAuthorizationToken"]
      resources = ["*"]
    }
  }
  dynamic "statement" {
    for_each = local.registry == "" ? [] : [1]
    content {
      sid       = "PullImage"
      actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      resources = [local.repository_arn]
    }
  }
  # Not AmazonSSMManagedInstanceCore: with it the container could read every parameter of the account.
  dynamic "statement" {
    for_each = var.session_manager ? [1] : []
    content {
      sid = "SessionManager"
      actions = [
        "ssm:UpdateInstanceInformation",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
      ]
      resources = ["*"]
    }
  }
}

resource "aws_iam_role_policy" "instance" {
  name   = "instance"
  role   = aws_iam_role.hub.name
  policy = data.aws_iam_policy_document.instance.json
}

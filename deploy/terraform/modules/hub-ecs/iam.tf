# Two roles: what the service runs with, and what ECS starts it with.

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
    # Nobody else's ECS may be talked into using the role.
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:${local.partition}:ecs:${local.region}:${local.account_id}:*"]
    }
  }
}

resource "aws_iam_role" "hub" {
  name               = "${var.name}-hub"
  description        = "Keysteward runs with it, and assumes the accounts' roles."
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "hub" {
  name   = "keysteward"
  role   = aws_iam_role.hub.name
  policy = var.hub_policy

  lifecycle {
    precondition {
      condition     = strcontains(var.hub_policy, ":table/${local.table}\"")
      error_message = "hub_policy is another config's: write it again with `keysteward iam-policy hub`."
    }
  }
}

resource "aws_iam_role" "execution" {
  name               = "${var.name}-execution"
  description        = "ECS starts Keysteward with it: image, secrets, logs."
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

locals {
  # A secret's ARN, without the JSON key behind it.
  secret_arns = distinct([for arn in values(var.secrets) : join(":", slice(split(":", arn), 0, 7))])
  # 999900001111.dkr.ecr.eu-central-1.amazonaws.com/tools/keysteward:0.1.0
  ecr            = try(regex("^([0-9]{12})\\.dkr\\.ecr\\.([^.]+)\\.[^/]+/([^:@]+)", var.image), ["", "", ""])
  from_ecr       = local.ecr[0] != ""
  repository_arn = "arn:${local.partition}:ecr:${local.ecr[1]}:${local.ecr[0]}:repository/${local.ecr[2]}"
}

data "aws_iam_policy_document" "execution" {
  dynamic "statement" {
    for_each = local.from_ecr ? [1] : []
    content {
      sid       = "LogInToEcr"
      actions   = ["ecr:GetAuthorizationToken"]
      resources = ["*"]
    }
  }
  dynamic "statement" {
    for_each = local.from_ecr ? [1] : []
    content {
      sid       = "PullImage"
      actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      resources = [local.repository_arn]
    }
  }
  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${module.logs.group_arn}:*"]
  }
  dynamic "statement" {
    for_each = length(local.secret_arns) > 0 ? [1] : []
    content {
      sid       = "ReadSecrets"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = local.secret_arns
    }
  }
  dynamic "statement" {
    for_each = length(var.secrets_kms_key_arns) > 0 ? [1] : []
    content {
      sid       = "DecryptSecrets"
      actions   = ["kms:Decrypt"]
      resources = var.secrets_kms_key_arns
    }
  }
}

resource "aws_iam_role_policy" "execution" {
  name   = "start"
  role   = aws_iam_role.execution.name
  policy = data.aws_iam_policy_document.execution.json
}

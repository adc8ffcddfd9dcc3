# The roles of one account: one that reads, and where keys are to be deactivated, one that writes.
#
# The policies are what `keysteward iam-policy spoke` and `keysteward iam-policy actor` print.

data "aws_partition" "current" {}

locals {
  hub_account_id = split(":", var.hub_role_arn)[4]
  reading        = file("${path.module}/policies/${var.callers ? "spoke-callers" : "spoke"}.json")
  acting         = file("${path.module}/policies/actor.json")
}

# A role that is named as the principal is stored by its id: made anew under the same name, the hub would be
# locked out of every account. So the hub's account is the principal, and the condition names the one role.
data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.current.partition}:iam::${local.hub_account_id}:root"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = [var.hub_role_arn]
    }
    condition {
      test     = "StringEquals"
      variable = "sts:ExternalId"
      values   = [var.external_id]
    }
  }
}

resource "aws_iam_role" "spoke" {
  name                 = var.role_name
  description          = "Keysteward reads this account's credentials."
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role_policy" "spoke" {
  name   = "keysteward"
  role   = aws_iam_role.spoke.name
  policy = replace(local.reading, "arn:aws:", "arn:${data.aws_partition.current.partition}:")
}

resource "aws_iam_role" "actor" {
  count = var.actor_role_name == null ? 0 : 1

  name                 = var.actor_role_name
  description          = "Keysteward deactivates and deletes this account's access keys."
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role_policy" "actor" {
  count = length(aws_iam_role.actor)

  name   = "keysteward"
  role   = aws_iam_role.actor[0].name
  policy = replace(local.acting, "arn:aws:", "arn:${data.aws_partition.current.partition}:")
}

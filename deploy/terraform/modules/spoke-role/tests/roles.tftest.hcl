mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws-us-gov" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

variables {
  hub_role_arn = "arn:aws-us-gov:iam::999900001111:role/keysteward-hub"
  external_id  = "a-long-random-id"
}

run "reads_only_unless_an_actor_is_named" {
  command = plan

  assert {
    condition     = aws_iam_role.spoke.name == "keysteward-spoke"
    error_message = "The default should be the name that the config's examples have."
  }
  assert {
    condition     = length(aws_iam_role.actor) == 0
    error_message = "Without actor_role_name there should be no role that writes."
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.spoke.policy, "cloudtrail:")
    error_message = "Nobody asked for callers."
  }
  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_role_policy.spoke.policy).Statement :
      statement.Resource == "*" || startswith(statement.Resource, "arn:aws-us-gov:iam::")
    ])
    error_message = "Resources should be of the account's own partition."
  }
}

run "trusts_the_hub_alone" {
  command = plan

  assert {
    condition = (
      one(data.aws_iam_policy_document.trust.statement[0].principals).identifiers ==
      toset(["arn:aws-us-gov:iam::999900001111:root"])
    )
    error_message = "The principal should be the hub's account."
  }
  assert {
    condition = {
      for one in data.aws_iam_policy_document.trust.statement[0].condition : one.variable => one.values
      } == {
      "aws:PrincipalArn" = tolist(["arn:aws-us-gov:iam::999900001111:role/keysteward-hub"])
      "sts:ExternalId"   = tolist(["a-long-random-id"])
    }
    error_message = "Both the hub's role and the external id should be asked for."
  }
}

run "writes_with_a_role_of_its_own" {
  command = plan

  variables {
    actor_role_name = "keysteward-actor"
    callers         = true
  }
  assert {
    condition     = aws_iam_role.actor[0].name == "keysteward-actor"
    error_message = "The actor should have the given name."
  }
  assert {
    condition = jsondecode(aws_iam_role_policy.actor[0].policy).Statement[*].Action == [
      ["iam:DeleteAccessKey", "iam:UpdateAccessKey"]
    ]
    error_message = "The actor should change access keys and do nothing else."
  }
  assert {
    condition     = strcontains(aws_iam_role_policy.spoke.policy, "cloudtrail:LookupEvents")
    error_message = "callers should let it look up who used a key."
  }
}

run "refuses_a_pattern_as_the_hub" {
  command = plan

  variables {
    hub_role_arn = "arn:aws:iam::999900001111:role/*"
  }
  expect_failures = [var.hub_role_arn]
}

run "refuses_an_external_id_that_aws_would_refuse" {
  command = plan

  variables {
    external_id = "!"
  }
  expect_failures = [var.external_id]
}

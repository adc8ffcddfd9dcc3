mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { id = "eu-central-1" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "999900001111" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::999900001111:role/keysteward-hub" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:999900001111:log-group:/keysteward/keysteward" }
  }
  mock_resource "aws_ecs_task_definition" {
    defaults = { arn = "arn:aws:ecs:eu-central-1:999900001111:task-definition/keysteward:1" }
  }
}

variables {
  image       = "keysteward:0.1.0"
  hub_policy  = "{\"Statement\": [{\"Resource\": \"arn:aws:dynamodb:eu-central-1:*:table/keysteward\"}]}"
  cluster_arn = "arn:aws:ecs:eu-central-1:999900001111:cluster/tools"
  vpc_id      = "vpc-1"
  subnet_ids  = ["subnet-1"]
  config      = <<-EOT
    mode: enforce
    rules:
      - {name: default, match: {}, exempt: {reason: none}}
    http: {listen: "0.0.0.0:9000"}
    ledger: dynamodb://keysteward?region=eu-central-1
  EOT
}

run "one_hardened_task_at_a_time" {
  assert {
    condition = (
      aws_ecs_service.hub.desired_count == 1 &&
      aws_ecs_service.hub.deployment_maximum_percent == 100 &&
      aws_ecs_service.hub.deployment_minimum_healthy_percent == 0
    )
    error_message = "The old task should end before the new one begins."
  }
  assert {
    condition = (
      local.container.readonlyRootFilesystem &&
      local.container.user == "10001:10001" &&
      local.container.linuxParameters.capabilities.drop == ["ALL"]
    )
    error_message = "The container should run without root, and write to its volume only."
  }
  assert {
    condition     = !aws_ecs_service.hub.network_configuration[0].assign_public_ip
    error_message = "It should have no public address."
  }
}

run "the_config_travels_in_the_environment" {
  assert {
    condition = (
      local.environment.KEYSTEWARD_MODE == "enforce" &&
      jsondecode(local.environment.KEYSTEWARD_RULES)[0].name == "default" &&
      local.environment.KEYSTEWARD_LEDGER == "dynamodb://keysteward?region=eu-central-1"
    )
    error_message = "Each setting should be a variable."
  }
}

run "nobody_may_connect_unless_prometheus_is_named" {
  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.scrape) == 0
    error_message = "Nothing should be let in."
  }
}

run "prometheus_reaches_the_port_of_the_config" {
  variables {
    scrape_security_group_id = "sg-prometheus"
  }
  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.scrape[0].from_port == 9000 &&
      aws_vpc_security_group_ingress_rule.scrape[0].to_port == 9000 &&
      aws_vpc_security_group_ingress_rule.scrape[0].referenced_security_group_id == "sg-prometheus"
    )
    error_message = "Only the given group should be let in, and to one port."
  }
  assert {
    condition     = strcontains(join(" ", local.container.healthCheck.command), ":9000/healthz")
    error_message = "The health check should ask the config's port."
  }
}

run "secrets_are_references_that_ecs_alone_may_read" {
  variables {
    secrets = {
      KEYSTEWARD_SINKS__SLACK__TOKEN = "arn:aws:secretsmanager:eu-central-1:999900001111:secret:keysteward-AbCdEf:slack::"
      KEYSTEWARD_SINKS__JIRA__TOKEN  = "arn:aws:secretsmanager:eu-central-1:999900001111:secret:keysteward-AbCdEf:jira::"
    }
  }
  assert {
    condition     = one(local.secret_arns) == "arn:aws:secretsmanager:eu-central-1:999900001111:secret:keysteward-AbCdEf"
    error_message = "The execution role should read the one secret that both are in."
  }
  assert {
    condition     = length(local.container.secrets) == 2 && length(keys(local.container.secrets[0])) == 2
    error_message = "The container should have them by reference."
  }
}

run "no_task_is_an_alarm" {
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.no_task.treat_missing_data == "breaching" &&
      aws_cloudwatch_metric_alarm.no_task.dimensions.ClusterName == "tools"
    )
    error_message = "Without a task somebody should hear of it."
  }
}

run "refuses_a_ledger_on_the_tasks_disk" {
  command = plan
  variables {
    config = "ledger: sqlite:///var/lib/keysteward/ledger.db"
  }
  expect_failures = [var.config]
}

run "refuses_a_ledger_in_another_region" {
  command = plan
  variables {
    config = "ledger: dynamodb://keysteward?region=us-east-1"
  }
  expect_failures = [aws_ecs_task_definition.hub]
}

run "refuses_the_policy_of_another_config" {
  command = plan
  variables {
    config = "ledger: dynamodb://another"
  }
  expect_failures = [aws_iam_role_policy.hub]
}

run "refuses_a_secret_by_its_value" {
  command = plan
  variables {
    secrets = { KEYSTEWARD_SINKS__SLACK__TOKEN = "xoxb-1" }
  }
  expect_failures = [var.secrets]
}

run "pulls_from_one_repository_only" {
  variables {
    image = "999900001111.dkr.ecr.eu-west-1.amazonaws.com/tools/keysteward@sha256:0123"
  }
  assert {
    condition     = local.from_ecr && local.repository_arn == "arn:aws:ecr:eu-west-1:999900001111:repository/tools/keysteward"
    error_message = "The execution role should pull this image and no other."
  }
}

run "pulls_nothing_from_ecr_that_is_elsewhere" {
  assert {
    condition     = !local.from_ecr
    error_message = "An image of another registry needs no permission."
  }
}

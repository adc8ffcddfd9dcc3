mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { id = "eu-central-1" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_data "aws_ssm_parameter" {
    defaults = { insecure_value = "ami-0123456789abcdef0" }
  }
}

variables {
  image      = "999900001111.dkr.ecr.eu-central-1.amazonaws.com/keysteward:0.1.0"
  hub_policy = "{\"Statement\": []}"
  subnet_id  = "subnet-1"
  config     = <<-EOT
    mode: observe
    ledger: sqlite:///var/lib/keysteward/ledger.db
  EOT
}

run "only_imdsv2_and_no_way_in" {
  assert {
    condition = (
      aws_instance.hub.metadata_options[0].http_tokens == "required" &&
      aws_instance.hub.metadata_options[0].http_put_response_hop_limit == 2
    )
    error_message = "A container one hop away should reach IMDSv2, and nothing should reach version 1."
  }
  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.scrape) == 0
    error_message = "Nothing should be let in."
  }
  assert {
    condition     = length(base64gzip(local.user_data)) < 16384
    error_message = "EC2 takes 16 KiB of user data."
  }
}

run "sqlite_has_an_encrypted_disk_of_its_own" {
  assert {
    condition     = aws_ebs_volume.ledger[0].encrypted && aws_ebs_volume.ledger[0].final_snapshot
    error_message = "The ledger should outlive the instance."
  }
  assert {
    condition     = strcontains(local.user_data, "mount /var/lib/keysteward") && length(module.ledger) == 0
    error_message = "The disk should be mounted, and no table made."
  }
}

run "dynamodb_needs_no_disk" {
  variables {
    config     = "ledger: dynamodb://keysteward?region=eu-central-1"
    hub_policy = "{\"Statement\": [{\"Resource\": \"arn:aws:dynamodb:eu-central-1:*:table/keysteward\"}]}"
  }
  assert {
    condition     = length(aws_ebs_volume.ledger) == 0 && !strcontains(local.user_data, "mkfs")
    error_message = "There should be no disk."
  }
  assert {
    condition     = module.ledger[0].table_name == "keysteward"
    error_message = "There should be a table."
  }
}

run "logs_in_to_ecr_only_for_an_image_there" {
  assert {
    condition     = local.registry == "999900001111.dkr.ecr.eu-central-1.amazonaws.com"
    error_message = "The registry should be the image's."
  }
  assert {
    condition     = local.repository_arn == "arn:aws:ecr:eu-central-1:999900001111:repository/keysteward"
    error_message = "The role should pull this image and no other."
  }
}

run "an_image_of_elsewhere_is_just_pulled" {
  variables {
    image = "example/keysteward:0.1.0"
  }
  assert {
    condition     = local.registry == "" && strcontains(local.user_data, "REGISTRY=\n")
    error_message = "There should be no login."
  }
}

run "refuses_a_ledger_on_the_instances_own_disk" {
  command = plan
  variables {
    config = "ledger: sqlite:///tmp/ledger.db"
  }
  expect_failures = [var.config]
}

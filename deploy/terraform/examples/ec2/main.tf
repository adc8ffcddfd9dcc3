# The hub on EC2, in the account that is the delegated administrator of both Organizations and StackSets, and the
# roles of all accounts by a StackSet.

provider "aws" {
  region = var.region
}

locals {
  organization = yamldecode(file("${path.module}/config.yaml")).accounts.organization
}

module "hub" {
  source = "../../modules/hub-ec2"

  image                    = var.image
  config                   = file("${path.module}/config.yaml")
  hub_policy               = file("${path.module}/hub-policy.json")
  subnet_id                = var.subnet_id
  scrape_security_group_id = var.scrape_security_group_id
  alarm_topic_arns         = var.alarm_topic_arns
}

# It reaches accounts that join later, too. Never the management account: that one gets the stack by hand.
resource "aws_cloudformation_stack_set" "spokes" {
  name             = "keysteward-spokes"
  permission_model = "SERVICE_MANAGED"
  call_as          = "DELEGATED_ADMIN"
  capabilities     = ["CAPABILITY_NAMED_IAM"]
  template_body    = file("${path.module}/../../../cloudformation/spoke.yaml")

  parameters = {
    HubRoleArn    = module.hub.hub_role_arn
    ExternalId    = local.organization.external_id
    RoleName      = local.organization.role_name
    ActorRoleName = local.organization.actor_role_name
  }
  auto_deployment {
    enabled                          = true
    retain_stacks_on_account_removal = false
  }
  operation_preferences {
    failure_tolerance_percentage = 10
    max_concurrent_percentage    = 25
  }
  lifecycle {
    ignore_changes = [administration_role_arn]
  }
}

# IAM is global: one region is enough.
resource "aws_cloudformation_stack_set_instance" "spokes" {
  stack_set_name = aws_cloudformation_stack_set.spokes.name
  call_as        = "DELEGATED_ADMIN"

  deployment_targets {
    organizational_unit_ids = var.organizational_unit_ids
  }
}

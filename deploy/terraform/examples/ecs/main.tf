# The hub on ECS, and the roles of three accounts. An organization has a StackSet instead of the latter
# (docs/deploy.md).

locals {
  config   = yamldecode(file("${path.module}/config.yaml"))
  accounts = { for account in local.config.accounts.static : account.name => account }
}

resource "aws_ecs_cluster" "keysteward" {
  name = "keysteward"
}

module "hub" {
  source = "../../modules/hub-ecs"

  image                    = var.image
  config                   = file("${path.module}/config.yaml")
  hub_policy               = file("${path.module}/hub-policy.json")
  secrets                  = var.secrets
  cluster_arn              = aws_ecs_cluster.keysteward.arn
  vpc_id                   = var.vpc_id
  subnet_ids               = var.subnet_ids
  scrape_security_group_id = var.scrape_security_group_id
  alarm_topic_arns         = var.alarm_topic_arns
}

module "tools" {
  source = "../../modules/spoke-role"

  hub_role_arn    = module.hub.hub_role_arn
  external_id     = local.accounts.tools.external_id
  actor_role_name = "keysteward-actor"
}

module "prod" {
  source    = "../../modules/spoke-role"
  providers = { aws = aws.prod }

  hub_role_arn    = module.hub.hub_role_arn
  external_id     = local.accounts.prod.external_id
  actor_role_name = "keysteward-actor"
}

module "data" {
  source    = "../../modules/spoke-role"
  providers = { aws = aws.data }

  hub_role_arn    = module.hub.hub_role_arn
  external_id     = local.accounts.data.external_id
  actor_role_name = "keysteward-actor"
}

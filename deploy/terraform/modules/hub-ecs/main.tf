# Keysteward as one Fargate task: the container, its service, and its network.

data "aws_partition" "current" {}
data "aws_region" "current" {}
data "aws_caller_identity" "current" {}

locals {
  config       = yamldecode(var.config)
  ledger       = regex("^dynamodb://([^?]+)(?:\\?(?:.*&)?region=([a-z0-9-]+))?", local.config.ledger)
  table        = local.ledger[0]
  table_region = coalesce(local.ledger[1], local.region)
  port         = tonumber(regex(":([0-9]+)$", try(local.config.http.listen, "0.0.0.0:8080"))[0])
  partition    = data.aws_partition.current.partition
  region       = data.aws_region.current.id
  account_id   = data.aws_caller_identity.current.account_id
  state        = "/var/lib/keysteward"

  # Every setting can come from the environment, and JSON is YAML: a task needs no config file.
  environment = merge(
    { for key, value in local.config : "KEYSTEWARD_${upper(key)}" => try(tostring(value), jsonencode(value)) },
    { AWS_REGION = local.region, TMPDIR = local.state },
  )
}

module "ledger" {
  source = "../ledger"

  table               = local.table
  deletion_protection = var.deletion_protection
}

resource "aws_ecs_task_definition" "hub" {
  family                   = var.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.hub.arn
  container_definitions    = jsonencode([local.container])

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.cpu_architecture
  }
  volume {
    name = "state"
  }
  lifecycle {
    precondition {
      condition     = local.table_region == local.region
      error_message = "The config's ledger is in ${local.table_region}, and this module makes it in ${local.region}."
    }
  }
}

locals {
  container = {
    name                   = "keysteward"
    image                  = var.image
    essential              = true
    user                   = "10001:10001"
    readonlyRootFilesystem = true
    linuxParameters        = { capabilities = { drop = ["ALL"] } }
    stopTimeout            = 30 # seconds: an act under way takes ten at the most
    portMappings           = [{ containerPort = local.port, protocol = "tcp" }]
    environment            = [for name, value in local.environment : { name = name, value = value }]
    secrets                = [for name, arn in var.secrets : { name = name, valueFrom = arn }]
    # The only folder that can be written, for temporary files too. Fargate gives a volume to root unless the
    # image declares it, as ours does this one.
    mountPoints = [{ sourceVolume = "state", containerPath = local.state, readOnly = false }]
    # ECS passes over the health check that is in the image.
    healthCheck = {
      command     = ["CMD", "python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:${local.port}/healthz', timeout=4)"]
      interval    = 30
      timeout     = 5
      retries     = 3
      startPeriod = 30
    }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = module.logs.group_name
        awslogs-region        = local.region
        awslogs-stream-prefix = "keysteward"
      }
    }
  }
}

# One task at a time: the old one ends before the new one begins. The lease keeps two from acting at once
# anyway; this way a deployment never waits for one.
resource "aws_ecs_service" "hub" {
  name                               = var.name
  cluster                            = var.cluster_arn
  task_definition                    = aws_ecs_task_definition.hub.arn
  launch_type                        = "FARGATE"
  desired_count                      = 1
  deployment_maximum_percent         = 100
  deployment_minimum_healthy_percent = 0
  enable_execute_command             = false
  propagate_tags                     = "SERVICE"

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [aws_security_group.hub.id]
    assign_public_ip = var.assign_public_ip
  }

  # A task that starts without its permissions or its table ends at once.
  depends_on = [aws_iam_role_policy.hub, aws_iam_role_policy.execution, module.ledger]
}

resource "aws_security_group" "hub" {
  name_prefix = "${var.name}-"
  description = "Keysteward: out to AWS and its sinks, in for Prometheus only"
  vpc_id      = var.vpc_id

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_egress_rule" "hub" {
  for_each = { for port in var.egress_ports : tostring(port) => port }

  security_group_id = aws_security_group.hub.id
  description       = "AWS, and the sinks"
  ip_protocol       = "tcp"
  from_port         = each.value
  to_port           = each.value
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_vpc_security_group_ingress_rule" "scrape" {
  count = var.scrape_security_group_id == null ? 0 : 1

  security_group_id            = aws_security_group.hub.id
  description                  = "Prometheus scrapes /metrics"
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
  referenced_security_group_id = var.scrape_security_group_id
}

# Keysteward on one EC2 instance: its container under systemd, with an instance profile and no SSH.

data "aws_partition" "current" {}
data "aws_region" "current" {}

data "aws_subnet" "hub" {
  id = var.subnet_id
}

data "aws_ssm_parameter" "ami" {
  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${var.cpu_architecture}"
}

locals {
  config    = yamldecode(var.config)
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.id
  tables    = try(regex("^dynamodb://([^?]+)", local.config.ledger), [])
  on_disk   = length(local.tables) == 0
  port      = tonumber(regex(":([0-9]+)$", try(local.config.http.listen, "0.0.0.0:8080"))[0])
  registry  = try(regex("^([0-9]{12}\\.dkr\\.ecr\\.[^/]+)/", var.image)[0], "")
  # 999900001111.dkr.ecr.eu-central-1.amazonaws.com/tools/keysteward:0.1.0
  ecr            = try(regex("^([0-9]{12})\\.dkr\\.ecr\\.([^.]+)\\.[^/]+/([^:@]+)", var.image), ["", "", ""])
  repository_arn = "arn:${local.partition}:ecr:${local.ecr[1]}:${local.ecr[0]}:repository/${local.ecr[2]}"

  user_data = templatefile("${path.module}/user-data.sh.tftpl", {
    config    = base64encode(var.config)
    unit      = filebase64("${path.module}/files/keysteward.service")
    pull      = filebase64("${path.module}/files/keysteward-pull")
    volume    = local.on_disk
    image     = var.image
    registry  = local.registry
    region    = local.region
    log_group = module.logs.group_name
    port      = local.port
  })
}

module "logs" {
  source = "../logs"

  name              = var.name
  retention_days    = var.log_retention_days
  stale_after_hours = var.stale_after_hours
  alarm_topic_arns  = var.alarm_topic_arns
}

module "ledger" {
  source = "../ledger"
  count  = length(local.tables)

  table               = local.tables[0]
  deletion_protection = var.deletion_protection
}

resource "aws_instance" "hub" {
  ami                         = coalesce(var.ami_id, data.aws_ssm_parameter.ami.insecure_value)
  instance_type               = var.instance_type
  subnet_id                   = var.subnet_id
  vpc_security_group_ids      = [aws_security_group.hub.id]
  iam_instance_profile        = aws_iam_instance_profile.hub.name
  user_data_base64            = base64gzip(local.user_data)
  user_data_replace_on_change = true
  tags                        = { Name = var.name }

  # IMDSv2 only. Two hops, because the container's network is one more than the instance's.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 2
  }
  root_block_device {
    encrypted   = true
    volume_type = "gp3"
  }
  lifecycle {
    ignore_changes = [ami] # a newer Amazon Linux comes with the next instance, not by surprise
  }

  depends_on = [aws_iam_role_policy.hub, aws_iam_role_policy.instance, module.ledger]
}

# A disk of its own, so that the ledger outlives the instance.
resource "aws_ebs_volume" "ledger" {
  count = local.on_disk ? 1 : 0

  availability_zone = data.aws_subnet.hub.availability_zone
  size              = var.volume_size
  type              = "gp3"
  encrypted         = true
  final_snapshot    = true
  tags              = { Name = "${var.name}-ledger" }
}

resource "aws_volume_attachment" "ledger" {
  count = length(aws_ebs_volume.ledger)

  device_name                    = "/dev/sdf"
  volume_id                      = aws_ebs_volume.ledger[0].id
  instance_id                    = aws_instance.hub.id
  stop_instance_before_detaching = true
}

resource "aws_security_group" "hub" {
  name_prefix = "${var.name}-"
  description = "Keysteward: out to AWS and its sinks, in for Prometheus only"
  vpc_id      = data.aws_subnet.hub.vpc_id

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

resource "aws_cloudwatch_metric_alarm" "status" {
  alarm_name          = "${var.name}-instance"
  alarm_description   = "Keysteward's instance fails its status checks, or is gone: nobody watches the keys."
  namespace           = "AWS/EC2"
  metric_name         = "StatusCheckFailed"
  dimensions          = { InstanceId = aws_instance.hub.id }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  period              = 60
  evaluation_periods  = 10
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}

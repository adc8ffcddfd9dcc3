terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80, < 7"
    }
  }
}

provider "aws" {
  region              = var.region
  allowed_account_ids = [local.accounts.tools.id]
}

provider "aws" {
  alias  = "prod"
  region = var.region
  assume_role {
    role_arn = "arn:aws:iam::${local.accounts.prod.id}:role/${var.admin_role_name}"
  }
}

provider "aws" {
  alias  = "data"
  region = var.region
  assume_role {
    role_arn = "arn:aws:iam::${local.accounts.data.id}:role/${var.admin_role_name}"
  }
}

"""User agents as SDKs and tools really send them, and what a person gets to read."""

import pytest

from app.inventory.agents import LONGEST, one_line, short_agent

KEY = "AKIA1234567890ABCDEF"


@pytest.mark.parametrize(
    ("raw", "short"),
    [
        ("aws-cli/2.15.30 Python/3.11.8 Linux/5.10 exe/x86_64.amzn.2 command/s3.ls", "aws-cli/2.15"),
        ("[aws-cli/1.18.69 Python/3.8.10 Linux/5.4 botocore/1.16.19]", "aws-cli/1.18"),
        (
            "Boto3/1.34.42 md/Botocore#1.34.42 ua/2.0 os/linux#5.10 lang/python#3.12.2 "
            "exec-env/AWS_Lambda_python3.12 cfg/retry-mode#legacy Botocore/1.34.42",
            "Boto3/1.34 (lambda)",
        ),
        ("Boto3/1.26.1 Python/3.9 Linux/4.14 exec-env/AWS_ECS_FARGATE Botocore/1.29", "Boto3/1.26 (ecs)"),
        ("aws-sdk-java/1.12.500 Linux/5.4 exec-env/EC2", "aws-sdk-java/1.12 (ec2)"),
        ("aws-cli/2.22.0 md/awscrt#0.22.0 exec-env/CloudShell", "aws-cli/2.22 (cloudshell)"),
        (
            "APN/1.0 HashiCorp/1.0 Terraform/1.7.4 (+https://www.terraform.io) terraform-provider-aws/5.37.0",
            "Terraform/1.7",
        ),
        ("APN/1.0 Pulumi/1.0 PulumiAws/6.1.0", "Pulumi/1.0"),
        ("aws-sdk-go/1.44.0 (go1.18; linux; amd64)", "aws-sdk-go/1.44"),
        ("rclone/v1.65.0", "rclone/1.65"),
        ("S3 Browser/9-5-5 https://s3browser.com", "S3 Browser/9"),
        (
            "aws-sdk-nodejs/2.1396.0 linux/v20 configure-aws-credentials-for-github-actions",
            "aws-sdk-nodejs/2.1396 (github-actions)",
        ),
        ("gitlab-runner/16.9", "gitlab-runner/16.9"),
        ("cloudformation.amazonaws.com", "cloudformation.amazonaws.com"),
        ("AWS Internal", "AWS Internal"),
        ("", ""),
    ],
)
def test_an_agent_is_cut_to_product_version_and_place(raw: str, short: str) -> None:
    assert short_agent(raw) == short


@pytest.mark.parametrize(
    "raw", ["x" * 500, f"tool {KEY} exec-env/{'y' * 99}", "Boto3/1.2 exec-env/AWS_Lambda_x " + "z" * 900]
)
def test_no_agent_is_longer_than_sixty_characters(raw: str) -> None:
    assert len(short_agent(raw)) <= LONGEST


@pytest.mark.parametrize("raw", [f"my-tool\r\nkey={KEY}\x1b[2J", f"{'x' * (LONGEST - 12)} {KEY}"])
def test_an_agent_is_one_line_and_shows_no_key_id_even_where_it_is_cut(raw: str) -> None:
    for text in (short_agent(raw), one_line(raw)):
        assert text.isprintable()
        assert KEY[:8] not in text

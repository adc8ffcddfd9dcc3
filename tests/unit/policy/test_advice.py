"""What a notice advises, by what the key seems to be used for."""

from datetime import UTC, datetime

import pytest

from app.model import Caller, LastUsed
from app.policy.advice import advice

NOW = datetime(2026, 11, 20, tzinfo=UTC)
S3 = LastUsed("at", NOW, "s3", "eu-central-1")
SES = LastUsed("at", NOW, "ses", "eu-central-1")
NEVER, UNKNOWN = LastUsed.never(), LastUsed.unknown("throttled")

MAIL = "SES SMTP"
DELETE = "delete it, nothing should break"
FUNCTION, TASK, INSTANCE = "function's execution role", "task role", "instance's role"
PIPELINE, PERSON, SERVICE = "OIDC", "aws sso login", "through an AWS service"
PROGRAM, ASK = "IAM Roles Anywhere", "is not known"


def by(*agents: str, source: str = "203.0.113.7", service: str = "s3") -> tuple[Caller, ...]:
    return tuple(Caller(source, agent, service, "eu-central-1", 9, NOW) for agent in agents)


@pytest.mark.parametrize(
    ("user", "last_used", "callers", "tags", "said"),
    [
        # mail
        ("app", SES, (), {}, MAIL),
        ("ses-smtp-user.20250101-120000", UNKNOWN, (), {}, MAIL),
        ("ses-smtp-user.20250101-120000", NEVER, (), {}, MAIL),
        ("shop", S3, by("Boto3/1.34", service="ses"), {}, MAIL),
        ("shop", S3, (), {"purpose": "SMTP of the shop"}, MAIL),
        ("courses", S3, (), {}, PROGRAM),
        # never used, which an unreadable last use is not
        ("ann", NEVER, (), {}, DELETE),
        ("ci-deploy", NEVER, (), {}, DELETE),
        ("ann", NEVER, by("aws-cli/2.15"), {}, PERSON),
        ("shop", UNKNOWN, (), {}, ASK),
        ("shop", UNKNOWN, (), None, ASK),
        # inside AWS
        ("shop", S3, by("Boto3/1.34 (lambda)"), {}, FUNCTION),
        ("shop", S3, by("Boto3/1.34 exec-env/AWS_Lambda_python3.12"), {}, FUNCTION),
        ("shop", S3, by("aws-cli/2.15", "Boto3/1.34 AWS_ECS_EC2"), {}, TASK),
        ("shop", S3, by("aws-sdk-java/1.12 (ec2)"), {}, INSTANCE),
        ("gitlab-runner", S3, by("aws-cli/2.15 (ec2)"), {}, INSTANCE),
        ("shop", S3, by("cloudformation.amazonaws.com", source="cloudformation.amazonaws.com"), {}, SERVICE),
        ("shop", S3, by("ec2.amazonaws.com", source="ec2.amazonaws.com"), {}, SERVICE),
        (
            "ann.lee",
            S3,
            by("cloudformation.amazonaws.com", source="cloudformation.amazonaws.com"),
            {},
            PERSON,
        ),
        # pipelines
        ("github-deploy", S3, (), {}, "GitHub Actions"),
        ("github.deploy", S3, (), {}, "GitHub Actions"),
        ("shop", S3, by("aws-sdk-nodejs/2.1396 (github-actions)"), {}, "GitHub Actions"),
        ("shop", S3, (), {"AKIA…": "for GitHub Actions"}, "GitHub Actions"),
        ("shop", S3, by("gitlab-runner/16.9"), {}, "GitLab"),
        ("Jenkins_Prod", UNKNOWN, (), {}, "Jenkins"),
        ("circleci", S3, (), {}, "CircleCI"),
        ("tfc-prod", S3, by("Terraform/1.7"), {}, "Terraform Cloud"),
        ("ci-deploy", S3, by("aws-cli/2.15"), {}, PIPELINE),
        ("terraform", S3, by("Terraform/1.7"), {}, PIPELINE),
        ("shop", S3, (), {"repo": "https://github.com/acme/shop"}, PROGRAM),
        ("shop", S3, (), {"repo": "https://gitlab.example.com/acme/shop"}, PROGRAM),
        ("shop", S3, by("tool (+github.com/acme/tool)"), {}, PROGRAM),
        ("lucia", S3, (), {}, PROGRAM),  # "ci" inside a name is no pipeline
        # people
        ("ann.lee", S3, (), {}, PERSON),
        ("Ann.Lee@example.com", UNKNOWN, (), {}, PERSON),
        ("ann", S3, by("aws-cli/2.15"), {}, PERSON),
        ("shop", S3, by("console.amazonaws.com"), {}, PERSON),
        ("shop-2", S3, by("aws-cli/2.15 (cloudshell)"), {}, PERSON),
        ("ann.lee", S3, by("Terraform/1.7"), {}, PERSON),
        # anything else
        ("backup", S3, by("aws-cli/2.15"), {}, PROGRAM),
        ("backup.prod", S3, by("rclone/1.65"), {}, PROGRAM),
        ("shop-2", UNKNOWN, by("Boto3/1.34"), {}, PROGRAM),
    ],
)
def test_the_advice_fits_what_the_key_looks_to_be_used_for(
    user: str, last_used: LastUsed, callers: tuple[Caller, ...], tags: dict[str, str] | None, said: str
) -> None:
    text = advice(user, last_used, callers, tags)
    assert said in text
    assert text.endswith(".")
    assert len(text) < 200


def test_a_guess_is_worded_as_one() -> None:
    assert "looks like" in advice("ann.lee", S3, (), {})
    assert "may be" in advice("app", SES, (), {})

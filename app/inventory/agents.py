"""User agents, cut down to what tells a person which program it is."""

import re

from app.model import redact

LONGEST = 60  # characters
# "APN/1.0 HashiCorp/1.0 Terraform/1.7.4 (+https://…)" says who sells it before it says what it is.
_PRODUCT = re.compile(r"(?:APN/1\.0 |HashiCorp/1\.0 )*([A-Za-z][\w .+-]{0,39}?)/v?(\d+(?:\.\d+)?)")
# What the SDKs append from AWS_EXECUTION_ENV: AWS_Lambda_python3.12, AWS_ECS_FARGATE, CloudShell, EC2.
_EXECUTION = re.compile(r"exec-env/(?:AWS_)?([A-Za-z0-9]+)")
_PIPELINE = re.compile(r"github-?actions|gitlab|jenkins|circleci", re.IGNORECASE)


def one_line(text: str) -> str:
    """At most 60 printable characters in one line, with key ids masked before anything is cut."""
    return _printable(text)[:LONGEST]


def short_agent(raw: str) -> str:
    """Product, version and where it runs: "Boto3/1.34 (lambda)". An unknown shape is only cut."""
    text = _printable(raw).strip("[] ")  # S3 puts brackets around it
    product = _PRODUCT.match(text)
    name = f"{product[1]}/{product[2]}" if product else text
    hint = _hint(text)
    return one_line(name if hint in name.lower() else f"{name[: LONGEST - len(hint) - 3]} ({hint})")


def _hint(text: str) -> str:
    if found := _EXECUTION.search(text):
        return found[1].lower()[:20]
    found = _PIPELINE.search(text)
    return found[0].lower() if found else ""


def _printable(text: str) -> str:
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return redact(" ".join(plain.split()))

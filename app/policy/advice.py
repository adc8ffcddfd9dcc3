"""How to get rid of a key, by what it seems to be used for. A guess, and worded as one."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from app.model import Caller, LastUsed

# Names as the SES console gives them (ses-smtp-user.20260101-120000), and the tag that it leaves.
_MAIL = re.compile(r"\bsmtp\b|\bsesconsole\b")
_SERVICE_AGENT = re.compile(r"\.amazonaws\.com(\.cn)?$")
_COMPUTE = (
    (re.compile(r"(?<![a-z])lambda(?![a-z])"), "a Lambda function", "the function's execution role"),
    (re.compile(r"(?<![a-z])ecs(?![a-z])"), "an ECS task", "the task role"),
    (re.compile(r"(?<![a-z])ec2(?![a-z])"), "an EC2 instance", "the instance's role"),
)
# A repository's address says nothing of where its pipelines run.
_LINK = re.compile(r"https?://\S+|\S*(?:github|gitlab|bitbucket)\.(?:com|org|io)\S*")
_PIPELINES = (
    (re.compile(r"\bgithub\b|\bgha\b"), "GitHub Actions"),
    (re.compile(r"\bgitlab\b"), "GitLab"),
    (re.compile(r"\bjenkins\b"), "Jenkins"),
    (re.compile(r"\bcircle ?ci\b"), "CircleCI"),
    (re.compile(r"\bterraform cloud\b|\bhcp terraform\b|\btfc\b"), "Terraform Cloud"),
)
_PIPELINE_USER = re.compile(r"\b(ci|cicd|pipelines?|terraform|buildkite|bitbucket|teamcity|travis)\b")
_INTERACTIVE = re.compile(r"console|signin\.|cloudshell|s3 browser|cyberduck|toolkit|mozilla")
_FIRST_AND_LAST = re.compile(r"[a-z][a-z'-]*\.[a-z][a-z'-]+\d{0,2}(@.+)?|.+@.+")
_ONE_WORD = re.compile(r"[a-z]+")
_PROGRAM = re.compile(
    r"\b(admin|api|app|backup|batch|bot|cron|data|deploy|deployer|dev|job|logs|mail|monitoring|prod|reader|robot"
    r"|s3|server|service|stage|staging|svc|sync|system|test|uploader|user|worker|writer)\b"
)


@dataclass(frozen=True, slots=True)
class _Evidence:
    user: str
    last_used: LastUsed
    callers: Sequence[Caller]
    tags: Mapping[str, str]

    @property
    def name(self) -> str:
        """The user name as words: `CI_deploy` is "ci deploy"."""
        return _words(self.user)

    @property
    def tag_text(self) -> str:
        return _words(" ".join(self.tags.values()))

    @property
    def agents(self) -> str:
        """The callers' own programs; one that is an AWS service says nothing of where the key lies."""
        own = (caller.agent.lower() for caller in self.callers)
        return "\n".join(agent for agent in own if not _SERVICE_AGENT.search(agent))


def advice(user: str, last_used: LastUsed, callers: Sequence[Caller], tags: Mapping[str, str] | None) -> str:
    """One or two sentences. The first use that fits is spoken of, mail before all: its loss hurts most."""
    evidence = _Evidence(user, last_used, callers, tags or {})
    return next(said for use in _USES if (said := use(evidence)))


def _mail(seen: _Evidence) -> str:
    called = seen.last_used.service == "ses" or any(caller.service == "ses" for caller in seen.callers)
    if not called and not _MAIL.search(f"{seen.name} {seen.tag_text}"):
        return ""
    return (
        "This key may be an SES SMTP password: deactivating it stops mail. "
        "Put new SMTP credentials in its place first, or send through the SES API with a role."
    )


def _never(seen: _Evidence) -> str:
    if seen.last_used.state != "never" or seen.callers:
        return ""
    return "AWS has never seen this key used: delete it, nothing should break."


def _compute(seen: _Evidence) -> str:
    for pattern, place, role in _COMPUTE:
        if pattern.search(seen.agents):
            return f"This key looks like it is used from {place}: use {role} instead, which needs no key."
    return ""


def _pipeline(seen: _Evidence) -> str:
    text = "\n".join((seen.name, _words(seen.agents), seen.tag_text))
    generic = "a CI pipeline" if _PIPELINE_USER.search(seen.name) else ""
    found = next((name for pattern, name in _PIPELINES if pattern.search(text)), generic)
    if not found:
        return ""
    return (
        f"This key looks like it is used by {found}: let the pipeline assume a role "
        "through OIDC federation, which needs no key."
    )


def _person(seen: _Evidence) -> str:
    by_hand = any(_INTERACTIVE.search(caller.agent.lower()) for caller in seen.callers)
    if not by_hand and not _named_like_a_person(seen):
        return ""
    return (
        "This key looks like it is used by a person: sign in through IAM Identity Center (SSO) "
        "with `aws sso login`, which needs no key."
    )


def _named_like_a_person(seen: _Evidence) -> bool:
    user = seen.user.lower()
    if _PROGRAM.search(_words(user.split("@")[0])):
        return False
    on_a_shell = "aws-cli/" in seen.agents and bool(_ONE_WORD.fullmatch(user))
    return on_a_shell or bool(_FIRST_AND_LAST.fullmatch(user))


def _service(seen: _Evidence) -> str:
    sources = (caller.source for caller in seen.callers)
    found = next((source for source in sources if _SERVICE_AGENT.search(source)), "")
    if not found:
        return ""
    return (
        f"This key looks like it is used through an AWS service ({found}): give the service a role instead."
    )


def _program(seen: _Evidence) -> str:
    if seen.last_used.state != "at" and not seen.callers:
        return ""
    return (
        "This key looks like it belongs to a program: outside AWS it can use IAM Roles Anywhere, "
        "inside AWS a role."
    )


def _unknown(_: _Evidence) -> str:
    return "What uses this key is not known: ask its owner, or deactivate it for a while before deleting it."


def _words(text: str) -> str:
    return " ".join(re.split(r"[^a-z0-9\n]+", _LINK.sub(" ", text.lower())))


_USES: tuple[Callable[[_Evidence], str], ...] = (
    _mail,
    _never,
    _compute,
    _pipeline,
    _person,
    _service,
    _program,
    _unknown,
)

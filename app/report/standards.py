"""What each standard asks of access keys, as data: exact thresholds, ids by version, and the source of each.

Only controls that can be judged by what is scanned are here. Where a control asks for more than access
keys, ``unseen`` says what is not looked at: a pass never speaks of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Rotated:
    """An Active key older than ``days`` fails; one that is exactly as old does not."""

    days: int


@dataclass(frozen=True, slots=True)
class Unused:
    """An Active key fails when it was not used for more than ``days``, or where ``at_limit`` just as long.

    Counted from its last use, or from its creation when it was never used.
    """

    days: int
    at_limit: bool


@dataclass(frozen=True, slots=True)
class OneActiveKey:
    """A user with more than one Active key fails."""


@dataclass(frozen=True, slots=True)
class NoRootKey:
    """An account whose root user has an active access key fails."""


Check = Rotated | Unused | OneActiveKey | NoRootKey


@dataclass(frozen=True, slots=True)
class Control:
    """``ids``: by version of the standard, the newest first; a version that lacks it is not named."""

    name: str  # short and unique within its standard
    title: str  # in the standard's own words, shortened where they are long
    check: Check
    threshold: str  # what is done here, to the boundary
    source: str
    ids: Mapping[str, str] = field(default_factory=dict)
    unseen: str = ""
    note: str = ""
    nist: str = ""  # NIST SP 800-53 Rev. 5

    @property
    def ids_text(self) -> str:
        """``7.0: 2.12, 5.0: 1.13``."""
        return ", ".join(f"{version}: {one}" for version, one in self.ids.items())


@dataclass(frozen=True, slots=True)
class Standard:
    key: str
    name: str
    controls: tuple[Control, ...]
    note: str = ""
    version: str = ""  # the newest, by whose ids controls go

    def label(self, control: Control) -> str:
        """``2.12``; ``1.12 (5.0)`` where the newest version lacks it; its name where that id is not its."""
        version, number = newest = next(iter(control.ids.items()), ("", ""))
        if sum(newest in other.ids.items() for other in self.controls) != 1:
            return control.name
        return number if version == self.version else f"{number} ({version})"


PASSWORDS = "console passwords"
UNSEEN = (
    "console passwords, their age, use and strength",
    "MFA of users and of the root user",
    "service-specific credentials, SSH public keys and signing certificates",
    "what a key is permitted to do",
    "roles and temporary credentials",
    "whether a key is kept safe by those who use it",
)
HUB = "https://docs.aws.amazon.com/securityhub/latest/userguide/iam-controls.html"
CIS = "https://www.tenable.com/audits/items/CIS_Amazon_Web_Services_Foundations_v7.0.0_L1.audit:"
CIS_3 = "https://www.tenable.com/audits/items/CIS_Amazon_Web_Services_Foundations_v3.0.0_L1.audit:"
PCI = "https://docs-prv.pcisecuritystandards.org/PCI%20DSS/Standard/PCI-DSS-v4_0_1.pdf"
PCI_INACTIVE = (
    "https://www.pcisecuritystandards.org/faq/articles/Frequently_Asked_Question/"
    "What-is-an-inactive-user-account-as-used-in-PCI-DSS-Requirement-8/"
)
TSC = "https://www.aicpa-cima.com/resources/download/2017-trust-services-criteria-with-revised-points-of-focus-2022"

OLDER_90 = "An Active key fails from the moment it is more than 90 days old. At exactly 90 days it passes."
IDLE_45 = "An Active key fails as soon as it was not used for 45 days, since creation if never."
IDLE_90 = "An Active key fails as soon as it was not used for 90 days, since creation if never."
IDLE_OVER_90 = (
    "An Active key fails when it was not used for more than 90 days, since creation if never. "
    "At exactly 90 days it passes."
)
ONE_KEY = "A user with two Active keys fails."
NO_ROOT = "An account fails when its root user has an access key that is active."
ROOT_NOTE = "The credential report shows active root keys only: one that was made inactive is not seen."
TOGGLED = "Counted from the key's true creation. Making a key inactive and active again does not rotate it."
NIST_3 = "AC-2(1), AC-2(3), AC-3(15)"
NIST_4 = "AC-2(1), AC-3(7), AC-3(15), AC-6, AC-6(2), AC-6(10)"
NIST_8 = "AC-2, AC-2(1), AC-2(3), AC-3, AC-3(7), AC-3(15), AC-6"

CIS_STANDARD = Standard(
    "cis",
    "CIS Amazon Web Services Foundations Benchmark",
    (
        Control(
            "unused-45",
            "Ensure credentials unused for 45 days or more are disabled",
            Unused(45, at_limit=True),
            IDLE_45,
            f"{CIS}9d7d8778fd777ba373b1c547c3cbaf98",
            {"7.0": "2.11", "5.0": "1.11", "3.0": "1.12", "1.4": "1.12"},
            unseen=PASSWORDS,
            note="Up to version 5.0 it says “45 days or greater”.",
            nist="AC-2(3)",
        ),
        Control(
            "rotated-90",
            "Ensure access keys are rotated every 90 days or less",
            Rotated(90),
            OLDER_90,
            f"{CIS}eac7dffb1e4bf37ac60384a3ae553903",
            {"7.0": "2.12", "5.0": "1.13", "3.0": "1.14", "1.4": "1.14"},
            note=TOGGLED,
            nist=NIST_3,
        ),
        Control(
            "one-active-key",
            "Ensure there is only one active access key available for any single IAM user",
            OneActiveKey(),
            ONE_KEY,
            f"{CIS_3}a36cf122ab848f92c133ff506e3dfecf",
            {"5.0": "1.12", "3.0": "1.13", "1.4": "1.13"},
            note="Two keys are normal on the day of a rotation: the standard makes no exception for it.",
        ),
        Control(
            "no-root-key",
            "Ensure no 'root' user account access key exists",
            NoRootKey(),
            NO_ROOT,
            f"{CIS}befdf1920000678a2a620ce196e09af4",
            {"7.0": "2.4", "5.0": "1.3", "3.0": "1.4", "1.4": "1.4"},
            note=ROOT_NOTE,
            nist=NIST_4,
        ),
    ),
    version="7.0",
)

FSBP_STANDARD = Standard(
    "fsbp",
    "AWS Security Hub: Foundational Security Best Practices, IAM",
    (
        Control(
            "IAM.3",
            "IAM users' access keys should be rotated every 90 days or less",
            Rotated(90),
            OLDER_90,
            f"{HUB}#iam-3",
            note=TOGGLED,
            nist=NIST_3,
        ),
        Control(
            "IAM.4",
            "IAM root user access key should not exist",
            NoRootKey(),
            NO_ROOT,
            f"{HUB}#iam-4",
            note=ROOT_NOTE,
            nist=NIST_4,
        ),
        Control(
            "IAM.8",
            "Unused IAM user credentials should be removed",
            Unused(90, at_limit=True),
            IDLE_90,
            f"{HUB}#iam-8",
            unseen=PASSWORDS,
            nist=NIST_8,
        ),
        Control(
            "IAM.22",
            "IAM user credentials unused for 45 days should be removed",
            Unused(45, at_limit=True),
            IDLE_45,
            f"{HUB}#iam-22",
            unseen=PASSWORDS,
            note="Security Hub counts it to the CIS benchmark, not to its own best practices.",
        ),
    ),
)

PCI_NOTE = (
    "The standard speaks of user accounts and passwords. AWS Security Hub maps access keys to these "
    "requirements, and so does this report. Whether an account is in scope of PCI DSS is for you to say."
)
PCI_STANDARD = Standard(
    "pci",
    "PCI DSS",
    (
        Control(
            "8.2.6",
            "Inactive user accounts are removed or disabled within 90 days of inactivity",
            Unused(90, at_limit=False),
            IDLE_OVER_90,
            PCI_INACTIVE,
            {"4.0.1": "8.2.6"},
            unseen=PASSWORDS,
            note="An inactive account is “one that has not been used in over 90 days” (FAQ 1066).",
            nist=NIST_8,
        ),
        Control(
            "8.3.9",
            "Passwords/passphrases used as the only authentication factor are changed every 90 days",
            Rotated(90),
            OLDER_90,
            PCI,
            {"4.0.1": "8.3.9"},
            unseen="passwords, and the other way to comply: dynamic analysis of the accounts",
            note=TOGGLED,
            nist=NIST_3,
        ),
        Control(
            "8.6.3",
            "Passwords/passphrases for any application and system accounts are changed periodically",
            Rotated(90),
            OLDER_90,
            PCI,
            {"4.0.1": "8.6.3"},
            unseen="passwords, complexity, and changes upon suspicion of compromise",
            note="The period is the one of your targeted risk analysis (12.3.1): 90 days is Security Hub's.",
            nist=NIST_3,
        ),
    ),
    PCI_NOTE,
    "4.0.1",
)

SOC2_NOTE = (
    "The criteria name no thresholds: those are your own controls'. Shown are facts that auditors ask for, "
    "at the thresholds of the CIS benchmark. The mapping to the criteria is this report's, not the AICPA's."
)
SOC2_STANDARD = Standard(
    "soc2",
    "SOC 2, Trust Services Criteria 2017 (points of focus 2022)",
    (
        Control(
            "CC6.1 rotation",
            "Logical access security protects information assets: credentials are managed",
            Rotated(90),
            OLDER_90,
            TSC,
            {"2017": "CC6.1"},
            unseen="everything else that logical access takes",
            note=TOGGLED,
            nist=NIST_3,
        ),
        Control(
            "CC6.1 root",
            "Logical access security protects information assets: no key of the root user",
            NoRootKey(),
            NO_ROOT,
            TSC,
            {"2017": "CC6.1"},
            unseen="everything else that logical access takes",
            note=ROOT_NOTE,
            nist=NIST_4,
        ),
        Control(
            "CC6.2 unused",
            "Credentials are removed when access is no longer authorized: none lies idle",
            Unused(45, at_limit=True),
            IDLE_45,
            TSC,
            {"2017": "CC6.2"},
            unseen="registration and authorization of users, console passwords",
            nist=NIST_8,
        ),
        Control(
            "CC6.3 one key",
            "Access is modified or removed with least privilege in mind: no user has a second key",
            OneActiveKey(),
            ONE_KEY,
            TSC,
            {"2017": "CC6.3"},
            unseen="roles, permissions, segregation of duties",
        ),
    ),
    SOC2_NOTE,
    "2017",
)

STANDARDS: Mapping[str, Standard] = {
    one.key: one for one in (CIS_STANDARD, PCI_STANDARD, FSBP_STANDARD, SOC2_STANDARD)
}

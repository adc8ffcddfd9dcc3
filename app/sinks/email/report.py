"""The run report: counts first, then the lists, and the whole run as JSON behind them."""

import json
from email.message import EmailMessage
from typing import Any

from app.model import redact
from app.plan.summary import RunSummary
from app.sinks.email.text import begin
from app.sinks.texts import Texts


def compose_report(summary: RunSummary, sender: str, to: tuple[str, ...], texts: Texts) -> EmailMessage:
    """One mail to all admins."""
    file = f"keysteward-run-{summary.at:%Y-%m-%d}.json"
    subject = texts.line("report_subject", summary=summary)
    mail = begin(sender, to, subject, summary.at, f"run-{summary.at:%Y%m%dT%H%M%S}")
    values = report_values(summary, subject, file)
    mail.set_content(texts.render("report.txt", **values) + "\n")
    mail.add_alternative(texts.render("report.html", **values), subtype="html")
    data = redact(json.dumps(summary.to_json(), ensure_ascii=False, indent=2)).encode()
    mail.add_attachment(data, maintype="application", subtype="json", filename=file)
    return mail


def report_values(summary: RunSummary, subject: str, file: str) -> dict[str, Any]:
    """What report.txt.j2 and report.html.j2 are handed."""
    return {"summary": summary, "subject": subject, "file": file}

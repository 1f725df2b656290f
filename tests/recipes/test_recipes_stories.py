"""Twenty events of every recipe's users, told from its description alone: who hears of which, and what stands at last.

Each is its time (a day, from the first of November 2025), what is other than in the story's usual payload, and where it
is told: `#alerts @maya@…`, nothing, `=` for a duplicate, `!` for what is refused.
"""

import json
import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from ingestlayer_cli import recipes
from tests.support.folder import Folder
from tests.support.recipes import connected, emitted, posted
from tests.support.standin import SlackStandin

MAYA, JON = "@maya@ourcompany.example", "@jon@ourcompany.example"
GB = 1_000_000_000


class Story(NamedTuple):
    """The usual payload, the events, and the titles that channels have at the end, as `posted` returns them."""

    usual: dict[str, Any]
    events: Sequence[tuple[str, dict[str, Any], str]]
    stands: Mapping[str, list[str]] = MappingProxyType({})


def canceled(customer: str, n: int, mrr: float, ends_on: str = "2025-12-31", **more: Any) -> dict[str, Any]:
    return {"customer_id": customer, "subscription_id": f"sub_{n}", "mrr": mrr, "ends_on": ends_on, **more}


def failure(account: str, attempts: int, ip: str = "198.51.100.1", role: str = "member") -> dict[str, Any]:
    told = {"account": account, "email": f"{account}@acme.example", "attempts": attempts, "ip": ip, "role": role}
    return {"attempt_id": f"{account} {attempts}", **told}


def unpaid(invoice: str, amount: float, attempt: int, more_tries: bool = True, **more: Any) -> dict[str, Any]:
    later = {"next_attempt_on": "2025-11-20"} if more_tries else {}
    return {"invoice_id": invoice, "amount": amount, "attempt": attempt, **later, **more}


def paid(invoice: str, amount: float, attempt: int, **more: Any) -> dict[str, Any]:
    told = {"invoice_id": invoice, "amount": amount, "attempt": attempt, "is_first": False}
    return {"type": "payment.succeeded", "reason": None, **told, **more}


def used(customer: str, feature: str, uses: int, **more: Any) -> dict[str, Any]:
    return {"customer_id": customer, "feature": feature, "uses": uses, **more}


def file(n: int, customer: str = "acme", **more: Any) -> dict[str, Any]:
    return {"file_id": f"f{n}", "customer_id": customer, "name": f"file-{n}", **more}


def sent(n: int, form: str, email: str, message: str | None = None, **more: Any) -> dict[str, Any]:
    return {"submission_id": f"fs{n}", "form": form, "email": email, "message": message, **more}


def bought(n: int, customer: str, mrr: float, **more: Any) -> dict[str, Any]:
    return {"subscription_id": f"s{n}", "customer_id": customer, "company": customer.title(), "mrr": mrr, **more}


def payment(n: int, customer: str, amount: float, first: bool = False, attempt: int = 1) -> dict[str, Any]:
    told = {"amount": amount, "is_first": first, "attempt": attempt}
    return {"invoice_id": f"in{n}", "customer_id": customer, **told}


def escalated(ticket: str, level: int, priority: str, late: bool, customer: str = "acme") -> dict[str, Any]:
    return {"ticket_id": ticket, "level": level, "priority": priority, "late": late, "customer_id": customer}


def converted(customer: str, mrr: float, day: int, **more: Any) -> dict[str, Any]:
    return {"customer_id": customer, "company": customer.title(), "mrr": mrr, "day": day, **more}


def usage(customer: str, amount: float, limit: float = 100, metric: str = "seats") -> dict[str, Any]:
    return {"customer_id": customer, "used": amount, "limit": limit, "metric": metric}


def joined(n: int, position: int, email: str | None = None, **more: Any) -> dict[str, Any]:
    return {"email": email or f"p{n}@mail.example", "position": position, **more}


def signup(n: int, email: str, size: int | None = None, customer: str | None = None, **more: Any) -> dict[str, Any]:
    return {"user_id": f"u{n}", "email": email, "company_size": size, "customer_id": customer, **more}


def reported(n: int, service: str, severity: str, title: str, **more: Any) -> dict[str, Any]:
    return {"delivery": f"d{n}", "service": service, "severity": severity, "title": title, **more}


STORIES: dict[str, Story] = {
    "canceled-subscriptions": Story(
        {"type": "subscription.canceled", "plan": "pro", "reason": "price", "comment": "Too dear for us"},
        [
            ("3 09:00", canceled("acme", 1, 1900), f"#churn {MAYA}"),
            ("3 09:01", canceled("acme", 1, 1900), "="),
            ("3 09:02", canceled("globex", 2, 490, comment=None), f"#churn {JON}"),
            ("3 09:03", canceled("umbrella", 3, 290), "#churn #customer-success"),
            ("3 09:04", canceled("nobody", 4, 90, reason="other"), "#churn #customer-success"),
            ("3 09:05", canceled("hooli", 5, 0, plan="free"), ""),
            ("3 09:06", canceled("globex", 6, 0), ""),
            ("3 09:07", canceled("acme", 7, 4999.99), f"#churn {MAYA}"),
            ("3 09:08", canceled("acme", 8, 5000), f"#churn #leadership {MAYA}"),
            ("3 09:09", canceled("initech", 9, 12500), f"#churn #leadership {MAYA}"),
            ("3 09:10", canceled("umbrella", 10, 7000), "#churn #customer-success #leadership"),
            # What has ended cannot be saved.
            ("3 09:11", canceled("acme", 11, 1900, "2025-11-02", reason="failed-payment"), "#churn"),
            ("3 09:12", canceled("initech", 12, 12500, "2025-10-31"), "#churn #leadership"),
            ("3 09:13", canceled("nobody", 13, 90, "2025-11-01"), "#churn"),
            ("3 09:14", canceled("globex", 14, 490, "2025-11-03"), "#churn"),
            # Taken back, and canceled again.
            ("9 09:00", canceled("acme", 1, 1900, "2026-01-31"), f"#churn {MAYA}"),
            ("9 09:01", canceled("acme", 1, 1900, "2026-01-31", reason="other"), "="),
            ("9 09:02", canceled("hooli", 15, 0.01, reason="failed-payment"), f"#churn {JON}"),
            ("9 09:03", canceled("globex", 16, 490, comment="x" * 2000), f"#churn {JON}"),
            ("9 09:04", canceled("globex", 17, 490, comment="x" * 2001), "!"),
        ],
    ),
    "failed-logins": Story(
        {"type": "login.failed", "reason": "wrong-password"},
        [
            ("3 09:00", failure("ann", 1), ""),
            ("3 09:01", failure("ann", 4), ""),
            ("3 09:02", failure("ann", 5), "#security"),
            ("3 09:03", failure("ann", 19), ""),
            ("3 09:04", failure("ann", 20), "#security"),
            ("3 09:05", failure("ann", 99), ""),
            ("3 09:06", failure("ann", 130), "#security"),
            # The hour is over, and it begins again: the message does not get better, and nobody is told again.
            ("3 15:00", failure("ann", 2), ""),
            ("3 15:01", failure("ann", 21), ""),
            ("4 09:00", failure("ann", 6), "#security"),
            # One address: three accounts an hour of what is alike, and whatever is worse.
            ("4 10:00", failure("decoy1", 5, "203.0.113.9"), "#security"),
            ("4 10:01", failure("decoy2", 6, "203.0.113.9"), "#security"),
            ("4 10:02", failure("decoy3", 7, "203.0.113.9"), "#security"),
            ("4 10:03", failure("decoy4", 8, "203.0.113.9"), ""),
            ("4 10:04", failure("boss", 5, "203.0.113.9", "owner"), "#security"),
            ("4 10:05", failure("boss", 100, "203.0.113.9", "owner"), "#security #alerts"),
            ("4 10:06", failure("decoy4", 25, "203.0.113.9"), "#security"),
            ("4 11:00", failure("decoy5", 5, "203.0.113.9"), "#security"),
            ("4 11:01", failure("root", 19, "203.0.113.10", "admin"), "#security"),
            ("4 11:02", failure("root", 20, "203.0.113.11", "admin"), "#security #alerts"),
        ],
        {
            "#security": [
                "130 failed logins: a•••@acme.example",
                *(f"> {n} failed logins: a•••@acme.example" for n in (5, 20, 130)),
                "6 failed logins: a•••@acme.example",
                *(f"{n} failed logins: d•••@acme.example" for n in (5, 6, 7)),
                "100 failed logins: b•••@acme.example",
                *(f"> {n} failed logins: b•••@acme.example" for n in (5, 100)),
                *(f"{n} failed logins: d•••@acme.example" for n in (25, 5)),
                "20 failed logins: r•••@acme.example",
                *(f"> {n} failed logins: r•••@acme.example" for n in (19, 20)),
            ]
        },
    ),
    "failed-payments": Story(
        {"type": "payment.failed", "customer_id": "acme", "currency": "EUR", "reason": "card-declined"},
        [
            ("3 09:00", unpaid("a", 47, 1), ""),
            ("4 09:00", unpaid("a", 47, 2), "#billing"),
            ("5 09:00", unpaid("a", 47, 3), "#billing #alerts"),
            ("5 09:00", unpaid("a", 47, 3), "="),
            ("6 09:00", paid("a", 47, 4), "#billing #alerts"),
            # No further try comes: at the second, and at the first of a small one.
            ("3 09:01", unpaid("b", 90, 2, False), "#billing #alerts"),
            ("4 09:01", paid("b", 90, 3), "#billing #alerts"),
            ("3 09:02", unpaid("c", 47, 1, False), "#billing #alerts"),
            ("3 09:03", unpaid("d", 999.99, 1), ""),
            ("4 09:03", paid("d", 999.99, 2), ""),
            ("3 09:04", unpaid("e", 1000, 1), "#billing"),
            ("4 09:04", paid("e", 1000, 3), "#billing"),
            # A try that is reported after what came of it is old.
            ("4 08:00", unpaid("e", 1000, 2), ""),
            ("3 09:05", unpaid("f", 5000, 1, customer_id="umbrella"), "#billing #alerts"),
            ("4 09:05", unpaid("f", 5000, 2, customer_id="umbrella"), "#billing #alerts"),
            ("5 09:05", paid("f", 5000, 1, customer_id="umbrella"), "#billing #alerts"),
            # What was never told is not resolved.
            ("3 09:07", paid("h", 9000, 3), ""),
            ("3 09:08", unpaid("i", 4999.99, 1, customer_id="nobody"), "#billing"),
            ("4 09:08", unpaid("i", 4999.99, 2, customer_id="nobody"), "#billing"),
            ("3 09:09", unpaid("j", 1200, 4, customer_id="globex"), "#billing #alerts"),
        ],
        {
            "#billing": [
                *("Acme Inc has paid", "> Acme Inc: try 2 failed", "> Acme Inc: try 3 failed", "> Acme Inc has paid"),
                *("Acme Inc has paid", "> Acme Inc: try 2 failed", "> Acme Inc has paid"),
                "Acme Inc: try 1 failed",
                *("Acme Inc has paid", "> Acme Inc: try 1 failed", "> Acme Inc has paid"),
                *("Umbrella & Sons has paid", "> Umbrella & Sons: try 1 failed", "> Umbrella & Sons: try 2 failed"),
                "> Umbrella & Sons has paid",
                *("A customer: try 2 failed", "> A customer: try 1 failed", "> A customer: try 2 failed"),
                "Globex GmbH: try 4 failed",
            ],
            "#alerts": [
                *("Acme Inc has paid: 47 EUR", "> Acme Inc does not pay: 47 EUR", "> Acme Inc has paid: 47 EUR"),
                *("Acme Inc has paid: 90 EUR", "> Acme Inc does not pay: 90 EUR", "> Acme Inc has paid: 90 EUR"),
                "Acme Inc does not pay: 47 EUR",
                "Umbrella & Sons has paid: 5,000 EUR",
                *("> Umbrella & Sons does not pay: 5,000 EUR",) * 2,
                "> Umbrella & Sons has paid: 5,000 EUR",
                "Globex GmbH does not pay: 1,200 EUR",
            ],
        },
    ),
    "feature-usage": Story(
        {"type": "feature.used"},
        [
            ("3 09:00", used("globex", "sso", 0), ""),
            ("3 09:01", used("globex", "sso", 1), "#product"),
            ("3 09:02", used("globex", "sso", 1), "="),
            ("3 09:03", used("globex", "sso", 40), ""),
            ("3 09:04", used("globex", "sso", 100, users=6), "#product #growth"),
            ("3 09:05", used("globex", "sso", 101), ""),
            ("4 09:00", used("globex", "sso", 999), ""),
            ("4 09:01", used("globex", "sso", 1000), "#product #growth"),
            ("9 09:00", used("globex", "sso", 5000), ""),
            # A counter that begins anew is no first time.
            ("10 09:00", used("globex", "sso", 0), ""),
            ("10 09:01", used("globex", "sso", 1), ""),
            ("10 09:02", used("globex", "dashboard", 1), ""),
            ("10 09:03", used("globex", "dashboard", 100), ""),
            ("11 09:00", used("initech", "sso", 7), "#product"),
            ("11 09:01", used("initech", "sso", 2300), "#product"),
            ("12 09:00", used("acme", "audit-log", 250), "#product"),
            ("12 09:01", used("hooli", "api", 120), "#product #growth"),
            ("12 09:02", used("nobody", "sso", 120), "#product"),
            ("12 09:03", used("umbrella", "audit-log", 1), "#product"),
            ("12 09:04", used("umbrella", "audit-log", 100), "#product #growth"),
        ],
    ),
    "file-uploads": Story(
        {"type": "file.uploaded", "size": 1000, "kind": "document", "visibility": "team", "scan": "clean"},
        [
            ("3 09:00", file(1), ""),
            ("3 09:01", file(2, size=GB), "#operations"),
            ("3 09:02", file(3, size=2 * GB), "#operations"),
            ("3 09:03", file(4, size=3 * GB), "#operations"),
            ("3 09:04", file(5, size=4 * GB), ""),
            ("3 09:05", file(6, kind="program", visibility="public"), "#security"),
            ("3 09:06", file(7, kind="archive", visibility="public"), "#security"),
            ("3 09:07", file(8, kind="program"), ""),
            ("3 09:08", file(9, kind="archive", visibility="private"), ""),
            ("3 09:09", file(10, visibility="public"), ""),
            ("3 09:10", file(11, scan="infected"), "#security"),
            ("3 09:11", file(12, scan="infected"), "#security"),
            ("3 09:12", file(13, scan="infected"), "#security"),
            ("3 09:13", file(14, scan="infected"), ""),
            # Infected, and public: that is worse than the three before it.
            ("3 09:14", file(15, scan="infected", kind="program", visibility="public"), "#security"),
            ("3 09:15", file(16, "globex", scan="failed"), "#operations"),
            ("3 09:16", file(17, "initech", scan="failed"), ""),
            ("3 09:17", file(18, "initech", scan="failed", kind="program", visibility="public"), "#security"),
            ("3 10:00", file(19, scan="failed"), "#operations"),
            ("3 10:01", file(20, scan="infected", size=2 * GB), "#security #operations"),
        ],
    ),
    "form-submissions": Story(
        {"type": "form.submitted", "spam_score": 0.1},
        [
            ("3 09:00", sent(1, "demo", "ines@wayne.example", answers={"Team size": "50"}), "#sales"),
            ("3 09:00:01", sent(2, "demo", "ines@wayne.example", answers={"Team size": "50"}), ""),
            ("3 09:00:02", sent(2, "demo", "ines@wayne.example", answers={"Team size": "50"}), "="),
            ("3 09:01", sent(3, "demo", "Ines@Wayne.example", answers={"Team size": "50"}), ""),
            ("3 09:02", sent(4, "demo", "ines@wayne.example", answers={"Team size": "500"}), "#sales"),
            ("3 09:10", sent(5, "contact", "omar@mail.example", "Where is my invoice?"), "#inbox"),
            ("3 09:11", sent(6, "contact", "omar@mail.example", "And one more thing"), "#inbox"),
            ("3 09:12", sent(7, "contact", "omar@mail.example", "And one more thing"), ""),
            ("3 09:30", sent(8, "contact", "omar@mail.example", "And one more thing"), "#inbox"),
            ("3 09:31", sent(9, "feedback", "omar@mail.example", "And one more thing"), "#feedback"),
            ("3 09:32", sent(10, "feedback", "lea@mail.example", "I like it"), "#feedback"),
            ("4 09:00", sent(11, "feedback", "lea@mail.example", "I like it very much"), "#feedback"),
            ("10 09:00", sent(12, "feedback", "kim@mail.example", "Well"), "#feedback"),
            ("10 09:01", sent(13, "contact", "spam@mail.example", "Buy", spam_score=0.99), ""),
            ("10 09:02", sent(14, "demo", "spam@mail.example", answers={}, spam_score=1), ""),
            ("10 09:03", sent(15, "contact", "real@mail.example", "Hello", spam_score=None), "#inbox"),
            ("10 09:04", sent(16, "demo", "big@stark.example", spam_score=0), "#sales"),
            ("10 09:05", sent(17, "contact", "none@mail.example"), "#inbox"),
            ("10 09:06", sent(18, "demo", "all@mail.example", answers={"Why": ["a"], "Who": {"I": "me"}}), "#sales"),
            ("10 09:07", sent(19, "survey", "kim@mail.example", "Well"), "!"),
        ],
    ),
    "new-subscriptions": Story(
        {"type": "subscription.created", "plan": "team", "interval": "month", "seats": 5, "sold_by": "self-serve"},
        [
            ("3 09:00", bought(1, "globex", 490), "#revenue"),
            ("3 09:01", bought(1, "globex", 490), "="),
            ("3 09:02", bought(2, "initech", 1000, plan="pro"), "#revenue #big-deals"),
            ("3 09:03", bought(3, "acme", 999.99, plan="pro"), "#revenue"),
            ("3 09:04", bought(4, "acme", 12500, plan="enterprise", interval="year"), "#revenue #big-deals"),
            ("3 09:05", bought(5, "hooli", 0, plan="free"), ""),
            ("3 09:06", bought(6, "hooli", 0, plan="enterprise"), ""),
            ("3 09:07", bought(7, "newco", 90), "#revenue"),
            ("3 09:08", bought(8, "bigco", 3000, sold_by="sales"), "#revenue #big-deals"),
            ("3 09:09", bought(9, "umbrella", 1000), "#revenue #big-deals"),
            ("3 09:10", bought(10, "hooli", 0.5), "#revenue"),
            ("4 09:00", bought(11, "globex", 1500, plan="pro"), "#revenue #big-deals"),
            ("4 09:01", bought(12, "globex", 10), "#revenue"),
            ("4 09:02", bought(13, "newco", 5000, sold_by="trial"), "#revenue #big-deals"),
            ("4 09:03", bought(14, "acme", 1, seats=0), "#revenue"),
            ("4 09:04", bought(15, "acme", 1, plan="gold"), "!"),
            ("4 09:05", bought(16, "nobody", 999, interval="year"), "#revenue"),
            ("4 09:06", bought(17, "nobody", 1001, interval="year"), "#revenue #big-deals"),
            ("4 09:07", bought(17, "nobody", 2002), "="),
            ("4 09:08", bought(18, "initech", 250000, seats=9000, plan="enterprise"), "#revenue #big-deals"),
        ],
    ),
    "quota-check": Story(
        {"type": "quota.reached"},
        [
            ("3 09:00", usage("acme", 79), ""),
            ("3 09:01", usage("acme", 80), "#alerts"),
            ("3 09:02", usage("acme", 80), "="),
            ("3 09:03", usage("acme", 95), ""),
            ("3 09:04", usage("acme", 100), "#alerts"),
            ("3 09:05", usage("acme", 180), ""),
            ("3 11:00", usage("acme", 180), ""),
            ("3 11:01", usage("acme", 1, 1, "storage"), "#alerts"),
            ("3 11:02", usage("globex", 85), "#alerts"),
            ("3 11:03", usage("globex", 0, 0), ""),
            ("3 11:04", usage("globex", 50, 0, "storage"), ""),
            ("3 11:05", usage("nobody", 90), "#alerts"),
            ("3 11:06", usage("umbrella", 120), "#alerts"),
            ("4 09:00", usage("umbrella", 120, 200), "#alerts"),
            ("4 09:01", usage("umbrella", 165, 200), "#alerts"),
            ("4 09:02", usage("umbrella", 210, 200), "#alerts"),
            ("9 09:00", usage("initech", 8_100_000_000, 10_000_000_000, "bytes"), "#alerts"),
            ("9 09:01", usage("initech", 8_200_000_000, 10_000_000_000, "bytes"), ""),
            ("30 23:59", usage("initech", 9_900_000_000, 10_000_000_000, "bytes"), ""),
            ("31 00:01", usage("initech", 9_900_000_000, 10_000_000_000, "bytes"), "#alerts"),
        ],
        {
            "#alerts": [
                *("Acme Inc is at 80% of seats", "Acme Inc is at 100% of seats", "Acme Inc is at 100% of storage"),
                *("Globex GmbH is at 85% of seats", "A customer is at 90% of seats"),
                *("Umbrella & Sons is at 120% of seats", "Resolved: Umbrella & Sons is at 60% of seats"),
                *("Umbrella & Sons is at 82.5% of seats", "Umbrella & Sons is at 105% of seats"),
                *("Initech is at 81% of bytes", "Initech is at 99% of bytes"),
            ]
        },
    ),
    "successful-payments": Story(
        {"type": "payment.succeeded", "currency": "USD"},
        [
            ("3 09:00", payment(1, "acme", 1900), "#revenue"),
            ("3 09:01", payment(2, "globex", 490), ""),
            ("3 09:02", payment(3, "hooli", 29, first=True), "#revenue"),
            ("3 09:03", payment(3, "hooli", 29, first=True), "="),
            ("3 09:04", payment(4, "acme", 1000), "#revenue"),
            ("3 09:05", payment(5, "acme", 999.99), ""),
            ("3 09:06", payment(6, "initech", 12500), "#revenue"),
            ("3 09:07", payment(7, "initech", 12500), "#revenue"),
            ("3 09:08", payment(8, "initech", 12500), "#revenue"),
            ("3 09:09", payment(9, "initech", 12500), "#revenue"),
            ("3 09:10", payment(10, "initech", 12500), "#revenue"),
            ("3 09:11", payment(11, "initech", 90000), "#revenue"),
            ("3 09:12", payment(12, "initech", 12500), "#revenue"),
            ("3 09:13", payment(13, "nobody", 5, first=True), "#revenue"),
            ("3 09:14", payment(14, "nobody", 5), ""),
            # A first payment is one at whichever try it worked, and so is a large one.
            ("3 09:15", payment(15, "umbrella", 47, first=True, attempt=2), "#revenue"),
            ("3 09:16", payment(16, "umbrella", 2000, attempt=3), "#revenue"),
            ("3 09:17", payment(17, "umbrella", 290, attempt=2), ""),
            ("3 09:18", payment(18, "umbrella", 0, first=True), ""),
            ("3 09:19", payment(19, "nobody", 0), ""),
        ],
    ),
    "support-escalations": Story(
        {"type": "support.escalated", "subject": "SSO login fails", "waiting_hours": 6.5},
        [
            ("3 09:00", escalated("1", 1, "normal", False), ""),
            ("3 09:01", escalated("2", 1, "high", False), ""),
            ("3 09:02", escalated("3", 1, "urgent", False), "#support"),
            ("3 09:03", escalated("3", 1, "urgent", False), "="),
            ("3 09:04", escalated("3", 2, "urgent", False), "#support"),
            ("3 09:05", escalated("3", 3, "urgent", False), "#support #alerts"),
            ("3 09:06", escalated("3", 4, "urgent", True), "#support #alerts"),
            ("3 09:07", escalated("4", 1, "low", True), "#support"),
            ("3 09:08", escalated("4", 3, "low", True), "#support"),
            ("3 09:09", escalated("5", 1, "urgent", False, "initech"), "#acct-initech"),
            ("3 09:10", escalated("5", 2, "urgent", True, "initech"), "#acct-initech #alerts"),
            ("3 09:11", escalated("6", 1, "low", True, "initech"), "#acct-initech #alerts"),
            ("3 09:12", escalated("7", 1, "high", False, "initech"), ""),
            ("3 09:13", escalated("8", 1, "urgent", True, "nobody"), "#support"),
            ("3 09:14", escalated("9", 1, "normal", True, "umbrella"), "#support"),
            # What comes late is older than what stands there.
            ("3 09:16", escalated("10", 2, "urgent", False), "#support"),
            ("3 09:15", escalated("10", 1, "urgent", False), ""),
            ("3 09:17", escalated("10", 3, "urgent", False), "#support #alerts"),
            # What was told is told on, though it is late no more.
            ("3 09:18", escalated("4", 4, "low", False), "#support"),
            ("3 09:20", escalated("7", 2, "high", True, "initech"), "#acct-initech #alerts"),
        ],
    ),
    "trial-conversions": Story(
        {"type": "trial.converted", "plan": "team", "seats": 5, "days": 14, "top_feature": "api"},
        [
            ("3 09:00", converted("hooli", 890, 9), f"#growth {JON}"),
            ("3 09:01", converted("hooli", 890, 9), "="),
            ("3 09:02", converted("acme", 499.99, 5), "#growth"),
            ("3 09:03", converted("globex", 500, 5), f"#growth {JON}"),
            ("3 09:04", converted("umbrella", 900, 8), "#growth #customer-success"),
            ("3 09:05", converted("newco", 900, 8), "#growth #customer-success"),
            ("3 09:06", converted("one", 90, 1), "#growth #product"),
            ("3 09:07", converted("two", 90, 2), "#growth #product"),
            ("3 09:08", converted("three", 90, 3), "#growth"),
            ("3 09:09", converted("initech", 9000, 1), f"#growth #product {MAYA}"),
            ("3 09:10", converted("four", 0, 14), ""),
            ("3 09:11", converted("five", 90, 14, top_feature=None), "#growth"),
            ("3 09:12", converted("six", 90, 20), "#growth"),
            ("3 09:13", converted("seven", 0, 1), ""),
            ("3 09:14", converted("eight", 600, 2), "#growth #product #customer-success"),
            ("3 09:15", converted("nine", 90, 7, plan="free"), "!"),
            ("3 09:16", converted("ten", 90, 30, days=30), "#growth"),
            ("3 09:17", converted("eleven", 90, 14, plan="enterprise"), "#growth"),
            ("3 09:18", converted("twelve", 12.5, 14), "#growth"),
            ("4 09:19", converted("twelve", 99, 15), "="),
        ],
    ),
    "usage-limit-hits": Story(
        {"type": "usage.limit_reached", "plan": "pro"},
        [
            ("3 09:00", usage("acme", 79), ""),
            ("3 09:01", usage("acme", 80), "#growth"),
            ("3 09:02", usage("acme", 80), "="),
            ("3 09:03", usage("acme", 85), ""),
            ("3 09:04", usage("acme", 90), "#growth"),
            ("3 09:05", usage("acme", 99), ""),
            ("3 09:06", usage("acme", 100), "#alerts"),
            ("3 09:07", usage("acme", 140), ""),
            ("9 09:00", usage("acme", 190), ""),
            ("9 09:01", usage("acme", 10, 10, "storage"), "#alerts"),
            ("9 09:02", usage("globex", 95), "#growth"),
            ("9 09:03", usage("globex", 85, 0), ""),
            ("9 09:04", usage("globex", 85, -1, "storage"), ""),
            ("9 09:05", usage("nobody", 120), "#alerts"),
            ("9 09:06", usage("umbrella", 81), "#growth"),
            ("9 09:07", usage("initech", 0, 100), ""),
            # A larger limit: what was over is no more.
            ("10 09:00", usage("acme", 190, 1000), "#alerts"),
            ("10 09:01", usage("acme", 810, 1000), "#growth"),
            ("30 09:00", usage("umbrella", 82), ""),
            ("31 09:00", usage("umbrella", 82), "#growth"),
        ],
        {
            "#alerts": [
                "Resolved: Acme Inc is out of seats",
                "> Acme Inc is out of seats",
                "> Resolved: Acme Inc is out of seats",
                "Acme Inc is out of storage",
                "A customer is out of seats",
            ]
        },
    ),
    "user-signups": Story(
        {"type": "user.signed_up", "plan": "team"},
        [
            ("3 09:00", signup(1, "rosa@vandelay.example", 220), "#sales"),
            ("3 09:01", signup(1, "rosa@vandelay.example", 220), "="),
            ("3 09:02", signup(2, "Rosa@Vandelay.example", 220), ""),
            ("3 09:03", signup(3, "tom@fifty.example", 50), "#sales"),
            ("3 09:04", signup(4, "tim@small.example", 49), "#signups"),
            ("3 09:05", signup(5, "cyd@mail.example"), "#signups"),
            ("3 09:06", signup(6, "Cyd@Mail.example"), ""),
            ("3 09:07", signup(7, "CYD@mail.EXAMPLE", 80), ""),
            ("3 09:08", signup(8, "jon@ourcompany.example"), ""),
            ("3 09:09", signup(9, "Jon@OurCompany.example", 500), ""),
            ("3 09:10", signup(10, "qa+test@mail.example"), ""),
            ("3 09:11", signup(11, "QA+TEST7@mail.example"), ""),
            ("3 09:12", signup(12, "new@acme.example", customer="acme"), "#customer-success"),
            ("3 09:13", signup(13, "two@acme.example", 400, "acme"), "#customer-success"),
            ("3 09:14", signup(14, "new@umbrella.example", customer="umbrella"), "#customer-success"),
            # An account that nobody knows of is none that we have.
            ("3 09:15", signup(15, "who@gone.example", customer="gone"), "#signups"),
            ("3 09:16", signup(16, "boss@gone.example", 90, "gone"), "#sales"),
            ("3 09:17", signup(17, "attest@contest.example"), "#signups"),
            ("3 09:18", signup(18, "liv@mail.example", company="liv.andersen@mail.example"), "#signups"),
            ("9 09:00", signup(19, "CYD@MAIL.EXAMPLE", 60), ""),
        ],
    ),
    "waitlist-signups": Story(
        {"type": "waitlist.joined"},
        [
            ("3 09:00", joined(1, 97), "#waitlist"),
            ("3 09:01", joined(1, 97), "="),
            ("3 09:02", joined(1, 98, "P1@Mail.example"), "="),
            ("3 09:03", joined(2, 98), "#waitlist"),
            ("3 09:04", joined(3, 100), "#waitlist #growth"),
            # One who came earlier is told later.
            ("3 09:03:30", joined(4, 99), "#waitlist"),
            ("3 09:05", joined(5, 101), "#waitlist"),
            # Two are taken off: the hundredth is no news again.
            ("3 09:06", joined(6, 100), "#waitlist"),
            ("3 09:07", joined(7, 101), "#waitlist"),
            ("4 09:00", joined(8, 102, use_case="Alerts"), "#waitlist"),
            ("4 09:01", joined(9, 103, company="Cloud Nine", referred_by="maya-r"), "#waitlist"),
            ("4 09:02", joined(10, 249), "#waitlist"),
            ("4 09:03", joined(11, 251), "#waitlist #growth"),
            ("4 09:04", joined(12, 1003), "#waitlist #growth"),
            ("4 09:05", joined(13, 900), "#waitlist"),
            ("4 09:06", joined(14, 1004), "#waitlist"),
            ("5 00:00", joined(15, 1005), "#waitlist"),
            ("5 00:01", joined(16, 1006), "#waitlist"),
            ("5 00:02", joined(17, 1007, email="P1@MAIL.example"), "="),
            ("5 00:03", joined(18, 1007, use_case="x" * 1001), "!"),
        ],
        {"#waitlist": ["16 more on the waitlist"]},
    ),
    "webhook-events": Story(
        {"type": "webhook.received", "action": "check.failed"},
        [
            ("3 09:00", reported(1, "ci", "info", "v42 is live", action="deploy.finished"), "#integrations"),
            ("3 09:01", reported(1, "ci", "info", "v42 is live", action="deploy.finished"), "="),
            ("3 09:02", reported(2, "ci", "info", "v43 is live", action="deploy.finished"), "#integrations"),
            ("3 09:03", reported(3, "ci", "info", "v44 is live", action="deploy.finished"), "#integrations"),
            ("3 09:04", reported(4, "ci", "info", "v45 is live", action="deploy.finished"), "#integrations"),
            # A monitor that flaps, and then is down.
            ("3 09:10", reported(5, "up", "warning", "checkout is slow"), "#integrations"),
            ("3 09:11", reported(6, "up", "warning", "checkout is slow"), "#integrations"),
            ("3 09:12", reported(7, "up", "warning", "checkout is slow"), "#integrations"),
            ("3 09:13", reported(8, "up", "warning", "checkout is slow"), ""),
            ("3 09:14", reported(9, "up", "critical", "checkout is down"), "#alerts"),
            ("3 09:15", reported(10, "up", "critical", "checkout is down"), "#alerts"),
            ("3 09:16", reported(11, "up", "critical", "checkout is down"), "#alerts"),
            ("3 09:17", reported(12, "up", "critical", "checkout is down"), ""),
            # Another monitor of the same service is another matter.
            ("3 09:18", reported(13, "up", "critical", "login is down"), "#alerts"),
            ("3 09:19", reported(14, "up", "warning", "login is slow"), "#integrations"),
            ("3 09:20", reported(15, "up", "warning", "checkout is slow"), "#integrations"),
            ("3 09:21", reported(16, "backup", "critical", "failed", data={"error": "no room"}), "#alerts"),
            ("3 09:22", reported(17, "backup", "info", "done", url="https://backup.example/1"), "#integrations"),
            ("4 09:00", reported(18, "ci", "info", "v46 is live", action="deploy.finished"), "#integrations"),
            ("4 09:01", reported(19, "ci", "fatal", "v47 is gone"), "!"),
        ],
    ),
}


def test_every_recipe_has_a_story_of_twenty_events() -> None:
    assert sorted(STORIES) == recipes.names()
    assert {name: len(story.events) for name, story in STORIES.items()} == dict.fromkeys(STORIES, 20)


@pytest.mark.parametrize("name", STORIES)
def test_a_recipe_keeps_its_words(name: str, tmp_path: Path, furnished: SlackStandin) -> None:
    story = STORIES[name]
    project = connected(tmp_path, furnished, name)
    lines = [_line(number, at, story.usual | payload) for number, (at, payload, _) in enumerate(story.events)]
    path = project.write("story.ndjson", "\n".join(lines) + "\n")
    result = emitted(project, path)
    assert (result["runs"]["failed"], result["deliveries"]["dead"]) == (0, 0)
    heard = _heard(project, [reject["line"] - 1 for reject in result["rejects"]], len(lines))
    found = [(at, payload, heard[number]) for number, (at, payload, _) in enumerate(story.events)]
    assert found == [(at, payload, " ".join(sorted(told.split()))) for at, payload, told in story.events]
    stands = posted(furnished)
    assert {channel: stands.get(channel) for channel in story.stands} == story.stands


@pytest.mark.parametrize(
    ("name", "changes"),
    [("webhook-events", {}), ("webhook-events", {"severity": "info"}), ("form-submissions", {"form": "contact"})],
)
def test_an_address_is_a_link_in_slack_and_none_is_nothing(name: str, changes: dict[str, str], tmp_path: Path) -> None:
    recipes.write(name, str(tmp_path))
    project, event = Folder(tmp_path), recipes.about(name).event
    example = tomllib.loads((tmp_path / "events" / f"{event}.toml").read_text())["example"] | changes
    field, address = ("page", example["page"]) if "page" in example else ("url", example["url"])
    for payload in (example, {key: value for key, value in example.items() if key != field}):
        (run,) = project.here("preview", event, "--data", json.dumps(payload), "--json").json["runs"]
        shown = json.dumps(run["messages"][0]["body"]["blocks"])
        assert shown.count(address) == shown.count(f"<{address}>") == (field in payload)
        assert "<>" not in shown


def _line(number: int, at: str, payload: dict[str, Any]) -> str:
    """Return a line of a batch; its source says which it is. What is None is not sent."""
    day, clock = at.split()
    moment = datetime.combine(datetime(2025, 11, 1) + timedelta(int(day) - 1), time.fromisoformat(clock))
    sent = {name: value for name, value in payload.items() if name != "type" and value is not None}
    told = {"type": payload["type"], "timestamp": f"{moment.isoformat()}Z", "source": str(number), "payload": sent}
    return json.dumps(told)


def _heard(project: Folder, refused: list[int], lines: int) -> list[str]:
    """Return where each line was told, as stories write it."""
    accepted = {int(source): seq for source, seq in project.rows("SELECT source, seq FROM events")}
    targets = project.rows("SELECT event, target FROM deliveries ORDER BY target")
    told = {number: " ".join(target for event, target in targets if event == seq) for number, seq in accepted.items()}
    return [told.get(number, "!" if number in refused else "=") for number in range(lines)]

"""Every table that the template asks for, by the name it has there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dicomanon.part10.encoding import TRANSFER_SYNTAXES, VIDEO
from dicomanon.statement import coverage, network, pixels, rules
from dicomanon.statement.choices import open_choices, values
from dicomanon.statement.inserted import container, inserted
from dicomanon.statement.model import Block, Bullets, Contents, Paragraph, Row, Table
from dicomanon.statement.objects import character_sets, sop_classes

if TYPE_CHECKING:
    from collections.abc import Callable

    from dicomanon.statement.subject import Policy, Subject

AUDIT = (
    ("time", "UTC"),
    ("outcome", "cleared, dropped, quarantined, withdrawn"),
    ("profile, route", "their names"),
    ("reason, why", "a word and a sentence of the program, without a value"),
    ("source", "keyed digest of the SOP Instance UID that was received"),
    ("target", "SOP Instance UID that leaves"),
    ("counts", "number of attributes by action"),
    (
        "pixels",
        "where they were looked into: policy, flavour, what was done; kind, score and box of what was found, no text",
    ),
)


def tables(subject: Subject) -> dict[str, Callable[[], tuple[Block, ...]]]:
    """Return makers of the tables; those of a node are there where there is one."""
    first = subject.policies[0]
    found: dict[str, Callable[[], tuple[Block, ...]]] = {
        "contents": lambda: (Contents(),),
        "content": lambda: (_content(),),
        "dimse services": lambda: (_dimse(subject),),
        "profiles": lambda: (_profiles(subject),),
        "character sets": lambda: (Paragraph(", ".join(character_sets())),),
        "mapping": lambda: (_mapping(subject),),
        "storage level": lambda: (coverage.storage_level(),),
        "coercion": lambda: (coverage.coercion(subject),),
        "limits": lambda: (coverage.limits(subject),),
        "options": lambda: (coverage.options(subject),),
        "as without": lambda: (coverage.as_without(),),
        "not promised": coverage.not_promised,
        "sop classes": lambda: (_sop_classes(),),
        "audit": lambda: (Table("A.C.2.2-1", "Fields of a line", ("Field", "Content"), AUDIT),),
        "actions": lambda: (_actions(subject),),
        "dummies": lambda: (rules.dummies(first),),
        "roles": lambda: (Bullets(tuple(", ".join(names) for names in rules.shared_roles(first))),),
        "inserted": lambda: _each(subject, "A.C.2.6-4", _inserted),
        "container": lambda: (
            Table("A.C.2.6-5", "Container of files that are written", ("Item", "Tag", "Value"), container()),
        ),
        "notes": lambda: _notes(subject),
        "cleaning": lambda: (_cleaning(subject),),
        "private": lambda: rules.private(subject.policies),
        "pixels": lambda: pixels.images(subject),
        "objects": lambda: (_objects(subject),),
        "site": lambda: _site(subject),
        "choices": lambda: (open_choices(),),
        "values": lambda: (values(),),
        "elements": lambda: _each(subject, "N.11-6", rules.elements),
    }
    config = subject.config
    if config is not None:
        found |= {
            "data flow": lambda: (network.data_flow(config),),
            "node parameters": lambda: (network.node_parameters(config),),
            "routes": lambda: (network.routes(config, subject.policies),),
            "keys": lambda: (network.keys(config),),
            "association parameters": lambda: (network.association_parameters(config),),
            "contexts accepted": lambda: (network.contexts_accepted(),),
            "contexts proposed": lambda: (network.contexts_proposed(),),
            "transfer syntaxes": lambda: (network.accepted_syntaxes(),),
            "rejections": lambda: (network.rejections(config),),
            "statuses answered": lambda: (network.statuses_answered(),),
            "statuses understood": lambda: (network.statuses_understood(),),
        }
    return found


def _each(subject: Subject, label: str, make: Callable[[Policy, str], Table]) -> tuple[Table, ...]:
    """Return a table for each policy, numbered where there are several."""
    many = len(subject.policies) > 1
    return tuple(
        make(policy, f"{label}.{number}" if many else label)
        for number, policy in enumerate(subject.policies, 1)
    )


def _content() -> Table:
    every = sop_classes()
    refused = sum(bool(one.refused) for one in every)
    rows = (
        ("Storage SOP Classes accepted", str(len(every))),
        ("of them de-identified", str(len(every) - refused)),
        ("of them refused, each with its reason", str(refused)),
        ("Transfer syntaxes accepted", str(len(TRANSFER_SYNTAXES))),
        ("of them of video, which is quarantined", str(len(VIDEO))),
    )
    return Table("1.1-1", "Composite objects", ("What", "Number"), rows)


def _dimse(subject: Subject) -> Table:
    node = "Y" if subject.config else "N"
    rows = (
        ("Verification", "N", node),
        ("Storage", node, node),
        ("Storage Commitment", "N", "N"),
        ("Workflow Management", "N", "N"),
        ("Query/Retrieve", "N", "N"),
        ("Print Management", "N", "N"),
    )
    return Table("1.2-1", "DIMSE services", ("Service", "SCU", "SCP"), rows)


def _mapping(subject: Subject) -> Table:
    rows: tuple[Row, ...] = (("Attribute confidentiality", subject.entity, "De-identifier"),)
    if subject.config:
        rows = (("Verification", subject.entity, "SCP"), ("Storage", subject.entity, "SCP and SCU"), *rows)
    return Table(
        "5.1-1", "Services and Application Entities", ("Service", "Application Entity", "Role"), rows
    )


def _profiles(subject: Subject) -> Table:
    rows = tuple(
        (
            policy.name,
            policy.profile.title,
            ", ".join(policy.routes) or "all files",
            _claims(policy) or "nothing",
            policy.profile.identity_removed,
            policy.profile.temporal,
        )
        for policy in subject.policies
    )
    columns = ("Profile", "Title", "Routes", "Claims (CID 7050)", "(0012,0062)", "(0028,0303)")
    return Table("1.6-1", "Profiles of this configuration", columns, rows)


def _claims(policy: Policy) -> str:
    """Return the codes that all outputs claim, and those that hold of some."""
    of_some = (f"{code} {meaning} (of instances)" for code, meaning in policy.profile.instance_codes)
    return ", ".join((*(f"{code} {meaning}" for code, meaning in policy.profile.codes), *of_some))


def _sop_classes() -> Table:
    rows = tuple((one.name, one.uid, "N" if one.refused else "Y", one.refused) for one in sop_classes())
    columns = ("SOP Class", "UID", "De-identified", "Refused because")
    return Table("A.A-1", "Storage SOP Classes", columns, rows)


def _actions(subject: Subject) -> Table:
    rows = tuple(
        (subject.called(policy), *row) for policy in subject.policies for row in rules.action_counts(policy)
    )
    columns = ("Profile", "Action", "Meaning", "Rules")
    return Table("A.C.2.6-1", "Actions, and the number of rules that have them", columns, rows)


def _inserted(policy: Policy, label: str) -> Table:
    title = f"Attributes and values inserted, profile {policy.name}"
    return Table(label, title, ("Attribute", "Tag (> in an item)", "Value"), inserted(policy))


def _notes(subject: Subject) -> tuple[Block, ...]:
    notes = tuple(
        f"{policy.name}: {note}"
        for policy in subject.policies
        for note in (policy.profile.note, ANONYMOUS if policy.profile.anonymous else "")
        if note
    )
    return (Bullets(notes),) if notes else ()


def _cleaning(subject: Subject) -> Table:
    rows = tuple(
        (subject.called(policy), *row) for policy in subject.policies for row in rules.cleaned(policy)
    )
    columns = ("Profile", "Manner", "Asked for by", "Attributes")
    return Table("A.C.2.6-6", "Ways of cleaning (action C), and where they are used", columns, rows)


ANONYMOUS = "meant for anonymous data: while somebody keeps a key it was run with, the data are pseudonymous."
OBJECTS = {
    "encapsulated": "Encapsulated documents (PDF, CDA, STL, OBJ, MTL)",
    "voice": "Voice recordings",
    "dicomdir": "DICOMDIR",
}


def _objects(subject: Subject) -> Table:
    rows = tuple(
        (subject.called(one), OBJECTS[kind], word)
        for one in subject.policies
        for kind, word in one.profile.objects.items()
    )
    return Table(
        "A.C.2.6-13", "Objects that are never de-identified", ("Profile", "Objects", "What happens"), rows
    )


def _site(subject: Subject) -> tuple[Block, ...]:
    """Return what profiles add of their own to the words and codes that stay, or that none does."""
    rows = tuple(
        row
        for one in subject.policies
        for row in (
            *((subject.called(one), "word of descriptions", word) for word in one.profile.words),
            *(
                (subject.called(one), "local code", f"{scheme} {value}: {meaning}")
                for (value, scheme), meaning in one.profile.local_codes.items()
            ),
        )
    )
    if not rows:
        return (Paragraph("Lists of the site: no profile has words or codes of its own."),)
    said = (
        f"Lists of the site: {len(rows)} words and codes stay because a profile lists them as harmless. "
        "They are choices of the site, and no table of the standard has them."
    )
    title = "Words and local codes that profiles list as harmless"
    return Paragraph(said), Table("A.C.2.6-14", title, ("Profile", "What", "Entry"), rows)

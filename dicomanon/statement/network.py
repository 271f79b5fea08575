"""What a node negotiates and answers, read from the code and its configuration: sections 4, 6 and 7 (PS3.2 N.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pydicom.uid import UID
from pynetdicom import AE
from pynetdicom._globals import APPLICATION_CONTEXT_NAME
from pynetdicom.sop_class import Verification

from dicomanon.node.negotiate import VERIFICATION_SYNTAXES
from dicomanon.sinks._paced import LARGEST_PDU
from dicomanon.sinks._upper_layer import ABORT
from dicomanon.sinks.dicom import CALLING
from dicomanon.statement.model import Table
from dicomanon.statement.objects import transfer_syntaxes
from dicomanon.statement.statuses import answered, understood

if TYPE_CHECKING:
    from dicomanon.config import Config
    from dicomanon.statement.subject import Policy

WRONG_CALLED = ("1 (permanent)", "1 (service user)", "7", "The called AE title is not the one of the node.")
WRONG_CALLING = ("1 (permanent)", "1 (service user)", "3", "No route takes the calling AE title.")
TOO_MANY = (
    "2 (transient)",
    "3 (provider, presentation)",
    "2",
    "As many associations as are allowed are open.",
)
"""Result, source and reason of A-ASSOCIATE-RJ (PS3.8 Table 9-21)."""


def facts(config: Config) -> dict[str, str]:
    """Return the words that the prose on a node needs."""
    node = config.node
    calling = sorted({name for route in config.routes for name in route.calling})
    everybody = takes_everybody(config)
    return {
        "listens": f"{node.host} port {node.port}",
        "calling": "Any calling AE title is accepted."
        if everybody
        else f"Calling AE titles accepted: {', '.join(calling)}.",
        "calling_ae": CALLING,
        "abort_source": str(ABORT[8]),
        "abort_reason": str(ABORT[9]),
    }


def takes_everybody(config: Config) -> bool:
    """Tell whether a route takes every sender."""
    return any(not route.calling for route in config.routes)


def data_flow(config: Config) -> Table:
    """Return who sends through which route to where."""
    rows = tuple(
        (route.name, ", ".join(route.calling) or "every other sender", config.node.ae_title, destination(url))
        for route in config.routes
        for url in route.destinations
    )
    return Table("4.1-1", "Data flow", ("Route", "From (calling AE title)", "Through", "To"), rows)


def destination(url: str) -> str:
    """Return a destination without what only its owner has to know: queries, passwords and folders."""
    if "://" not in url or url.startswith("file:"):
        return "a folder"
    parts = urlsplit(url)
    called = f"{unquote(parts.username)} at " if parts.username else ""
    port = f" port {parts.port}" if parts.port else ""
    return f"{called}{parts.hostname}{port} ({parts.scheme})"


def node_parameters(config: Config) -> Table:
    """Return what a node was told."""
    node, retry = config.node, config.node.retry
    rows = (
        ("AE title", node.ae_title),
        ("Listens on", f"{node.host} port {node.port}"),
        ("Largest PDU taken", f"{node.max_pdu:,} bytes"),
        ("Simultaneous associations", str(node.max_associations)),
        ("Largest header", f"{node.max_header:,} bytes before Pixel Data"),
        (
            "First pause before another try",
            f"{retry.first:g} s, doubled each time, less up to a half by chance",
        ),
        ("Longest pause", f"{retry.longest:g} s"),
        ("Tries", str(retry.attempts) if retry.attempts else "without end"),
    )
    return Table("6.2-1", "Parameters of the node", ("Parameter", "Value"), rows)


def routes(config: Config, policies: tuple[Policy, ...]) -> Table:
    """Return each route with its profile; keys and scopes are told of, not told."""
    by_route = {name: policy.name for policy in policies for name in policy.routes}
    rows = tuple(
        (
            route.name,
            ", ".join(route.calling) or "every other sender",
            by_route[route.name],
            "yes" if route.scope else "no",
            ", ".join(map(destination, route.destinations)),
        )
        for route in config.routes
    )
    columns = ("Route", "Calling AE titles", "Profile", "Scope", "Destinations")
    return Table("6.2-2", "Routes", columns, rows)


def keys(config: Config) -> Table:
    """Return how long the replacement values of each route can be repeated."""
    rows = tuple(
        (route.name, "a key file: for as long as the key is kept" if route.key else "until the node stops")
        for route in config.routes
    )
    return Table("A.C.2.6-3", "Replacement values by route", ("Route", "Can be repeated"), rows)


def association_parameters(config: Config) -> Table:
    """Return what associations are made with, some of it the library's own."""
    library: AE = AE()
    node, times = config.node, config.node.timeouts
    rows = (
        ("Application Context Name", APPLICATION_CONTEXT_NAME),
        ("Implementation Class UID", str(library.implementation_class_uid)),
        ("Implementation Version Name", str(library.implementation_version_name)),
        ("Largest PDU taken as acceptor", f"{node.max_pdu:,} bytes"),
        ("Largest PDU taken as initiator", f"{library.maximum_pdu_size:,} bytes"),
        ("Largest PDU sent", f"what the peer takes, at most {LARGEST_PDU:,} bytes"),
        ("Simultaneous associations as acceptor", str(node.max_associations)),
        ("Simultaneous associations as initiator", "one for each destination"),
        ("Asynchronous operations", "not negotiated: one operation at a time"),
        ("Role selection, extended negotiation, user identity", "not supported"),
        ("Time-out of a connection", f"{times.connect:g} s"),
        ("Time-out of negotiation (ACSE)", f"{times.associate:g} s"),
        ("Time-out of an idle association", f"{times.idle:g} s"),
        ("Time-out for the next bytes of a data set", f"{times.transfer:g} s"),
        ("Time-out of a destination's answer (DIMSE)", f"{times.response:g} s"),
    )
    return Table("7.1-1", "Association parameters", ("Parameter", "Value"), rows)


def contexts_accepted() -> Table:
    """Return the presentation contexts that are accepted."""
    verification = (UID(Verification).name, str(Verification), ", ".join(VERIFICATION_SYNTAXES), "SCP")
    storage = ("each SOP Class of Table A.A-1", "Table A.A-1", "Table 7.2-2", "SCP")
    columns = ("Abstract syntax", "UID", "Transfer syntaxes", "Role")
    return Table("7.2-1", "Presentation contexts accepted", columns, (verification, storage))


def contexts_proposed() -> Table:
    """Return the presentation contexts that are proposed."""
    row = ("the SOP Class of the instance", "Table A.A-1", "that of the instance, of Table 7.2-2", "SCU")
    columns = ("Abstract syntax", "UID", "Transfer syntax", "Role")
    return Table("7.2-4", "Presentation contexts proposed, one for each pair", columns, (row,))


def accepted_syntaxes() -> Table:
    """Return the transfer syntaxes that are accepted."""
    return Table(
        "7.2-2", "Transfer syntaxes for storage", ("Name", "UID", "Pictures"), tuple(transfer_syntaxes())
    )


def rejections(config: Config) -> Table:
    """Return why associations are rejected."""
    rows = (WRONG_CALLED, *(() if takes_everybody(config) else (WRONG_CALLING,)), TOO_MANY)
    return Table("7.2-3", "Associations rejected", ("Result", "Source", "Reason", "When"), rows)


def statuses_answered() -> Table:
    """Return what a sender can be told."""
    columns = ("Status", "Word in the log", "Meaning")
    return Table("7.3-1", "Statuses the node answers a C-STORE with", columns, tuple(answered()))


def statuses_understood() -> Table:
    """Return what becomes of a destination's answer."""
    return Table(
        "7.3-2", "What the node makes of a destination's answer", ("Status", "Behaviour"), tuple(understood())
    )

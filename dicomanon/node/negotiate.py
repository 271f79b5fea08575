"""What the node agrees to: every storage SOP Class, in the transfer syntax the sender puts first."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pynetdicom import AllStoragePresentationContexts
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.sop_class import Verification

from dicomanon.part10.encoding import EXPLICIT_LITTLE, IMPLICIT_LITTLE, TRANSFER_SYNTAXES
from dicomanon.standard import sop_classes

if TYPE_CHECKING:
    from collections.abc import Iterable

VERIFICATION_SYNTAXES = (IMPLICIT_LITTLE, EXPLICIT_LITTLE)


@cache
def storage_classes() -> frozenset[str]:
    """Return the UIDs of the SOP Classes that are accepted for storage."""
    known = {str(context.abstract_syntax) for context in AllStoragePresentationContexts}
    return frozenset(known | set(sop_classes()))


def narrow_to_first_known(proposed: Iterable[Any]) -> list[PresentationContext]:
    """Make the contexts to support for one association request.

    Of each proposed context only its first transfer syntax that can be passed through is left in place,
    because pynetdicom goes by the order of the acceptor and the sender knows best how the instance is stored.
    """
    wanted: dict[str, list[str]] = {str(Verification): list(VERIFICATION_SYNTAXES)}
    for context in proposed:
        abstract = str(context.abstract_syntax)
        if abstract not in storage_classes():
            continue
        known = [syntax for syntax in context.transfer_syntax if str(syntax) in TRANSFER_SYNTAXES]
        if not known:
            continue
        context.transfer_syntax = known[:1]
        syntaxes = wanted.setdefault(abstract, [])
        if str(known[0]) not in syntaxes:
            syntaxes.append(str(known[0]))
    return [build_context(abstract, syntaxes) for abstract, syntaxes in wanted.items()]

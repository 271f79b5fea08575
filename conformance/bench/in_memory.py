"""Our engine from bytes to bytes, with memory in place of the disk."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, cast

from dicomanon.deidentify import Deidentifier
from dicomanon.part10.read import read_instance
from dicomanon.pipeline import write
from dicomanon.profile import load_profile
from dicomanon.pseudonym import Pseudonymizer, ephemeral_key
from dicomanon.verify import Verifier
from dicomanon.verify.surface import WrittenBytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from dicomanon.part10.write import AsideFile


def deidentify_in_memory(*, verified: bool) -> Callable[[bytes], bytes]:
    """Return a function from a Part 10 file to the de-identified one, under the default profile.

    `verified`: search each output for the identifying values of its source, as the pipeline does.
    """
    profile = load_profile()
    deidentifier = Deidentifier(profile, Pseudonymizer(ephemeral_key(), ephemeral=True))
    verifier = Verifier(profile)

    def one(data: bytes) -> bytes:
        deidentified = deidentifier(read_instance(BytesIO(data)))
        out = BytesIO()
        write(deidentified, cast("AsideFile", out))  # of the file, only `write` is used
        made = out.getvalue()
        if verified:
            findings = verifier.check(WrittenBytes(made), deidentified.values)
            assert not findings, sorted({finding.check for finding in findings})
        return made

    return one

"""The command line: one module a verb, each thin; nothing heavy is imported before a verb needs it."""

from __future__ import annotations

import gc
import signal
import sys

import click

from dicomanon import __version__
from dicomanon.cli import (
    conformance,
    convert,
    deid,
    demo,
    explain,
    formats,
    inspect,
    key,
    node,
    pixels,
    verify,
)
from dicomanon.errors import DicomanonError


@click.group(
    name="dicomanon",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="dicomanon", message="%(prog)s %(version)s")
def app() -> None:
    """De-identify pathology whole-slide images: vendor slides and DICOM in, DICOM that names nobody out."""


for _verb in (
    *(convert, formats, inspect, deid, pixels, verify),
    *(node, explain, conformance, key, demo),
):
    app.add_command(_verb.run)


_COLLECTIONS = (50_000, 20, 20)
"""Libraries are a million objects that stay: looking through them as often as by default is a tenth of a short run."""


class _Terminated(BaseException):
    """SIGTERM, as an exception: whatever is half-written is removed on the way out."""


def _terminate(*_: object) -> None:
    raise _Terminated


def main() -> None:
    """Run the command line; errors of ours end in one line and their exit code, never in a traceback."""
    signal.signal(signal.SIGTERM, _terminate)
    gc.set_threshold(*_COLLECTIONS)
    try:
        app(prog_name="dicomanon", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except DicomanonError as error:
        click.echo(f"dicomanon: {error}", err=True)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("dicomanon: stopped; nothing half-written is left", err=True)
        sys.exit(130)
    except _Terminated:
        click.echo("dicomanon: stopped; nothing half-written is left", err=True)
        sys.exit(143)
    finally:
        gc.freeze()  # the interpreter would look through all of it once more on its way out

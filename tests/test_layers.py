"""The order of layers (docs/design.md), and what no module of the package may do."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.parsed import parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "dicomanon"

LAYERS = (
    *("errors", "standard", "part10", "pseudonym", "laxer", "profile", "icc", "characters", "kept"),
    *(
        "identifying",
        "labels",
        "vocabulary",
        "descriptors",
        "codes",
        "characteristics",
        "actions",
        "content",
        "private",
    ),
    *(
        "rules",
        "objects",
        "gone",
        "private_group",
        "flags",
        "walk",
        "deidentify",
        "pixels",
        "verify",
        "audit",
        "pipeline",
        "sources",
        "native",
        "inspection",
        "convert",
    ),
    *(
        "survey",
        "sinks",
        "config",
        "node",
        "processes",
        "inputs",
        "fileset",
        "review",
        "batch",
        "copies",
        "looking",
        "check",
        "explain",
        "difference",
        "statement",
    ),
    *("risk", "demo", "cli"),
)
"""From the bottom up: a module imports only from layers before its own; a package is one layer."""

VERIFY_AVOIDS = ("actions", "rules", "content", "flags", "walk", "deidentify")
"""A second opinion is no use when it asks the first one."""

CODECS = (
    "PIL",
    "imagecodecs",
    "turbojpeg",
    "openjpeg",
    "jpeg_ls",
    "pylibjpeg",
    "gdcm",
    "cv2",
    "pydicom.pixels",
)
NO_CODEC = ("imagecodecs.cms_profile",)
"""In a codec library, but makes no pixels."""
LINES = 400


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def layer_of(path: Path) -> str:
    """Layer of a file; `__main__` is command line; the package's `__init__` (empty string) is below all."""
    name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return {"__init__": "", "__main__": "cli"}.get(name, name)


def imported(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything imported, also in functions and under TYPE_CHECKING."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
            source = ".".join(part for part in (base, node.module or "") if part)
            yield from ((node.lineno, f"{source}.{alias.name}") for alias in node.names)


def package_of(path: Path) -> str:
    return ".".join(path.relative_to(REPOSITORY).parent.parts)


def layers_imported(path: Path, source: str) -> Iterator[tuple[int, str]]:
    known = {entry.name.removesuffix(".py") for entry in PACKAGE.iterdir()} | set(LAYERS)
    for line, name in imported(parsed(source), package_of(path)):
        head, _, rest = name.partition(".")
        layer = rest.partition(".")[0]
        if head == "dicomanon" and layer in known:
            yield line, layer


def order_offences(path: Path, source: str) -> list[str]:
    own = layer_of(path)
    rank = LAYERS.index(own) if own else -1
    return [
        f"{path.relative_to(REPOSITORY)}:{line}: {own or 'the package'} imports {layer}, not below it"
        for line, layer in layers_imported(path, source)
        if layer != own and (layer not in LAYERS or LAYERS.index(layer) > rank)
    ]


@dataclass(frozen=True, slots=True)
class Ban:
    """Something no module does outside the layers named, and why."""

    what: str
    reason: str
    found: Callable[[ast.AST], bool]
    allowed: tuple[str, ...] = ()


def _attribute(*names: str) -> Callable[[ast.AST], bool]:
    return lambda node: isinstance(node, ast.Attribute) and node.attr in names


def _call(*names: str) -> Callable[[ast.AST], bool]:
    def found(node: ast.AST) -> bool:
        if not isinstance(node, ast.Call):
            return False
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        return name in names

    return found


def _named(*names: str) -> Callable[[ast.AST], bool]:
    def found(node: ast.AST) -> bool:
        if isinstance(node, ast.Constant):
            return isinstance(node.value, str) and node.value.lower() in names
        if isinstance(node, ast.alias):
            return node.name.split(".")[0] in names
        name = getattr(node, "attr", None) or getattr(node, "id", None)
        return name in names

    return found


def _imports(*names: str) -> Callable[[ast.AST], bool]:
    def found(node: ast.AST) -> bool:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            return False
        return any(
            name not in NO_CODEC and (name == banned or name.startswith(f"{banned}."))
            for _, name in imported(ast.Module([node], []), "dicomanon")
            for banned in names
        )

    return found


def _print(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"


def _broad(node: ast.AST) -> bool:
    if not isinstance(node, ast.ExceptHandler):
        return False
    caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    if isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None:
        return False  # it tidies up and lets the error pass
    return any(kind is None or getattr(kind, "id", "") in {"Exception", "BaseException"} for kind in caught)


def _shell(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.keyword)
        and node.arg == "shell"
        and getattr(node.value, "value", True) is not False
    )


BANS = (
    Ban("pixel_array", "decodes every frame at once; pixels pass as bytes", _attribute("pixel_array")),
    Ban(
        "dcmread",
        "part10 is the only parser: it is bounded, and names the offset of what is wrong",
        _call("dcmread"),
    ),
    Ban(
        "save_as",
        "part10 is the only writer: it writes aside, syncs and renames",
        _call("save_as", "dcmwrite"),
    ),
    Ban(
        "a codec",
        "only pixels, and the sources of what DICOM has no place for, use codecs; elsewhere frames pass as bytes",
        _imports(*CODECS),
        ("pixels", "sources", "native"),
    ),
    Ban(
        "a broad except",
        "what nobody foresaw must reach the pipeline, which quarantines",
        _broad,
        ("pipeline",),
    ),
    Ban("print", "only the command line speaks to a person", _print, ("cli",)),
    Ban("random", "can be guessed: pseudonyms are keyed, keys come from secrets", _imports("random")),
    Ban("md5 or sha1", "broken: digests are keyed SHA-256", _named("md5", "sha1")),
    Ban("shell=True", "a file name would become a command", _shell),
)


def ban_offences(path: Path, source: str) -> list[str]:
    layer = layer_of(path)
    return [
        f"{path.relative_to(REPOSITORY)}:{getattr(node, 'lineno', '?')}: {ban.what}: {ban.reason}"
        for node in ast.walk(parsed(source))
        for ban in BANS
        if layer not in ban.allowed and ban.found(node)
    ]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_layers_below(path: Path) -> None:
    assert layer_of(path) in ("", *LAYERS), "a new layer needs its place in LAYERS and in docs/design.md"

    assert order_offences(path, path.read_text()) == []


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_does_nothing_that_is_banned(path: Path) -> None:
    assert ban_offences(path, path.read_text()) == []


def test_verification_never_reaches_the_code_it_verifies() -> None:
    below: dict[str, set[str]] = {}
    for path in modules():
        below.setdefault(layer_of(path), set()).update(
            layer for _, layer in layers_imported(path, path.read_text())
        )
    reached, waiting = set[str](), ["verify"]
    while waiting:
        new = below.get(waiting.pop(), set()) - reached
        reached |= new
        waiting += new

    assert reached.isdisjoint(VERIFY_AVOIDS)


def test_no_file_is_longer_than_one_idea() -> None:
    roots = ("dicomanon", "tests", "conformance", "scripts", "tools")
    files = [path for root in roots for path in (REPOSITORY / root).rglob("*.py")]
    long = [str(path.relative_to(REPOSITORY)) for path in files if len(path.read_text().splitlines()) > LINES]

    assert files
    assert long == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("part10/reader.py", "from dicomanon.profile import Profile"),
        ("part10/reader.py", "from ..profile import Profile"),
        ("part10/reader.py", "def read():\n    import dicomanon.cli"),
        ("errors.py", "from dicomanon import standard"),
        (
            "errors.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from dicomanon.node import x",
        ),
        ("__init__.py", "from dicomanon.errors import DicomanonError"),
        ("sources/aperio.py", "from .. import convert"),
    ],
)
def test_a_planted_import_from_above_is_caught(module: str, source: str) -> None:
    assert len(order_offences(PACKAGE / module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("part10/reader.py", "from dicomanon.errors import MalformedError"),
        ("part10/reader.py", "from dicomanon.part10.instance import Instance"),
        ("part10/reader.py", "from .instance import Instance"),
        ("cli/deid.py", "from dicomanon import __version__, convert"),
        ("__main__.py", "from dicomanon.cli import main"),
    ],
)
def test_an_import_from_below_is_let_through(module: str, source: str) -> None:
    assert order_offences(PACKAGE / module, source) == []


@pytest.mark.parametrize(
    "source",
    [
        "pixels = dataset.pixel_array",
        "import pydicom\npydicom.dcmread(path)",
        "dataset.save_as(path)",
        "def look():\n    from PIL import Image",
        "from pydicom.pixels import decode",
        "try:\n    pass\nexcept Exception:\n    pass",
        "try:\n    pass\nexcept (ValueError, BaseException):\n    pass",
        "try:\n    pass\nexcept:\n    pass",
        "print(1)",
        "import random",
        "from random import choice",
        "from hashlib import md5",
        "hashlib.new('SHA1')",
        "hashlib.sha1(b'')",
        "subprocess.run(command, shell=True)",
    ],
)
def test_a_planted_offence_is_caught(source: str) -> None:
    assert ban_offences(PACKAGE / "audit.py", source) != []


def test_a_ban_spares_the_layer_it_allows() -> None:
    assert ban_offences(PACKAGE / "cli/deid.py", "print(1)") == []
    assert ban_offences(PACKAGE / "pipeline.py", "try:\n    pass\nexcept Exception:\n    pass") == []
    assert (
        ban_offences(
            PACKAGE / "sinks/folder.py", "try:\n    pass\nexcept BaseException:\n    tidy()\n    raise"
        )
        == []
    )
    assert ban_offences(PACKAGE / "pixels/decode.py", "from PIL import Image") == []
    assert ban_offences(PACKAGE / "audit.py", "subprocess.run(command, shell=False)\nimport secrets") == []

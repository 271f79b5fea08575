"""What the README and the docs say is what the program does."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from importlib import util
from pathlib import Path

import pytest

from tests.canary import make_canary_slide
from tests.slides import Shape, make_svs

REPOSITORY = Path(__file__).resolve().parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
PAGES = [
    REPOSITORY / "README.md",
    REPOSITORY / "CONTRIBUTING.md",
    *sorted((REPOSITORY / "docs").glob("*.md")),
]
PROGRAM = Path(sys.executable).parent / "dicomanon"


def _commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lay out what the README speaks of: a slide, files from a PACS, and .venv/bin/dicomanon."""
    folder = tmp_path_factory.mktemp("desk")
    make_svs(folder / "slide.svs", Shape())
    make_canary_slide(folder / "from-pacs")
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "dicomanon").symlink_to(PROGRAM)
    return folder


def test_the_commands_of_the_readme_run_in_their_order(desk: Path) -> None:
    ran = 0
    for command in _commands():
        if " node " in command:
            continue
        done = subprocess.run(
            shlex.split(command), cwd=desk, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        ran += 1
        if " explain " in command:
            printed = done.stdout.strip().splitlines()
            told = [line.strip() for line in README.split(command)[1].splitlines()]
            assert [line for line in printed if line in told] == printed
    assert ran >= 5
    assert list((desk / "released").rglob("*.dcm"))


def test_the_node_of_the_readme_starts_and_stops(desk: Path) -> None:
    (command,) = [each for each in _commands() if " node " in each]
    words = shlex.split(command.replace("--port 11112", "--port 0"))
    assert "0" in words
    if not (desk / "research.key").exists():
        subprocess.run([desk / ".venv/bin/dicomanon", "key", "research.key"], cwd=desk, check=True)
    with subprocess.Popen(
        words, cwd=desk, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            assert "listens on" in process.stdout.readline()
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_the_page_of_commands_is_what_the_program_prints() -> None:
    path = REPOSITORY / "scripts" / "commands_page.py"
    spec = util.spec_from_file_location("commands_page", path)
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)

    written = (REPOSITORY / "docs" / "commands.md").read_text(encoding="utf-8")

    assert written == module.page(), "run `python scripts/commands_page.py`"


def test_no_link_of_a_page_leads_nowhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_option_of_the_standard_is_in_the_page_of_profiles() -> None:
    page = (REPOSITORY / "docs" / "profiles.md").read_text(encoding="utf-8")

    for path in (REPOSITORY / "profiles" / "options").glob("*.toml"):
        assert f"`{path.stem}`" in page
    for path in (REPOSITORY / "profiles").glob("*.toml"):
        assert path.stem == "supplement" or f"`{path.stem}`" in page


def test_the_node_page_shows_a_configuration_that_loads(tmp_path: Path) -> None:
    from dicomanon.config import load_config

    page = (REPOSITORY / "docs" / "node.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```toml\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    (tmp_path / "node.toml").write_text(block, encoding="utf-8")

    config = load_config(tmp_path / "node.toml")

    assert config.routes[0].destinations == ("dicom://ORTHANC@localhost:4242",)


def test_the_profile_page_shows_a_profile_that_compiles(tmp_path: Path) -> None:
    from dicomanon.pixels import masks_in
    from dicomanon.profile import load_profile

    page = (REPOSITORY / "docs" / "profiles.md").read_text(encoding="utf-8")
    block, labels = re.findall(r"^```toml\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    masks = page.partition("so what is special stands first.\n")[2].partition("`*` is and")[0]
    (tmp_path / "my-study.toml").write_text(block, encoding="utf-8")
    (tmp_path / "with-labels.toml").write_text(labels, encoding="utf-8")
    (tmp_path / "scanners.txt").write_text(masks, encoding="utf-8")

    profile = load_profile(str(tmp_path / "my-study.toml"))
    with_labels = load_profile(str(tmp_path / "with-labels.toml"))

    assert profile.rule_for(0x00100040, "CS").code == "K"
    assert profile.pixels["THUMBNAIL"] == "drop"
    assert (with_labels.pixels["LABEL"], with_labels.pixels["OVERVIEW"]) == ("replace", "crop")
    assert [len(mask.boxes) for mask in masks_in(with_labels.device_masks)] == [2, 1]


def test_every_policy_for_pixels_is_in_the_page_of_profiles() -> None:
    from dicomanon.profile import PIXEL_POLICIES
    from dicomanon.profile.pixels import DEFAULTS

    page = (REPOSITORY / "docs" / "profiles.md").read_text(encoding="utf-8").partition("## Pixels")[2]

    for word in PIXEL_POLICIES:
        assert f"\n| `{word}`" in page
    for setting in DEFAULTS:
        assert re.search(rf"(?m)`{setting}`|^{setting} = ", page), setting

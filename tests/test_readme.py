"""What the README shows works: its Python is taken from examples whose tests pass, its commands exist."""

import re
import shlex
import shutil
import subprocess
import textwrap
from pathlib import Path

import click
import pytest

from mockserver import worlds
from mockserver.app import App
from mockserver.cli import main
from mockserver.sandbox import Sandbox
from mockserver.serving.live import LiveServer

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^([ \t]*)```(\w*)[^\n]*\n(.*?)^\1```[ \t]*$", re.DOTALL | re.MULTILINE)
MARK = re.compile(r"^\s*# \[/?[\w ]+\]\n", re.MULTILINE)
SHELL = ("bash", "sh", "shell", "console")


def blocks(text: str, *languages: str) -> list[str]:
    found = FENCE.findall(text)
    return [textwrap.dedent(code).strip("\n") for _, language, code in found if language in languages]


def sources() -> list[str]:
    """The files of the examples, with and without the marks around what the README shows."""
    files = [path.read_text() for path in sorted((ROOT / "tests" / "examples").rglob("*.py"))]
    return files + [MARK.sub("", text) for text in files]


def shown(code: str, files: list[str]) -> bool:
    """Whether these lines stand in one of the files one after the other, at whatever depth."""
    wanted = code.splitlines()
    for text in files:
        lines = text.splitlines()
        starts = (at for at, line in enumerate(lines) if line.strip() == wanted[0].strip())
        found = (textwrap.dedent("\n".join(lines[at : at + len(wanted)])) for at in starts)
        if any(text.splitlines() == wanted for text in found):
            return True
    return False


def commands(code: str) -> list[list[str]]:
    """The commands of a shell block as words, those behind `&&` and `|` too."""
    found = []
    for line in code.replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True)
        start = 0
        for at in [*(at for at, word in enumerate(words) if word in ("&&", "|", ";", "&")), len(words)]:
            found.append(words[start:at])
            start = at + 1
    return [words for words in found if words]


def wrong(words: list[str]) -> str | None:
    """What is wrong with a command, if it is one of ours."""
    if words[0] == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        named = [word for word in words[1:] if "=" not in word and not word.startswith("-")]
        unknown = [word for word in named if word not in targets]
        return f"make has no target {unknown[0]}" if unknown else None
    if Path(words[0]).name == "mockserver" or words[1:3] == ["-m", "mockserver"]:
        arguments = words[words.index("mockserver") + 1 :] if "mockserver" in words else words[1:]
        return wrong_arguments(arguments)
    return None


def wrong_arguments(arguments: list[str]) -> str | None:
    context, command, names = click.Context(main), main, ["mockserver"]
    parameters = main.get_params(context)
    words = [word for word in arguments if not word.startswith("-")]
    while isinstance(command, click.Group) and words:
        names.append(words.pop(0))
        command = command.get_command(context, names[-1])
        if command is None:
            return f"{' '.join(names[:-1])} has no command {names[-1]}"
        parameters = parameters + command.get_params(context)
    options = {option for parameter in parameters for option in parameter.opts}
    unknown = [word for word in arguments if word.startswith("-") and word.partition("=")[0] not in options]
    return f"{' '.join(names)} has no option {unknown[0]}" if unknown else None


def test_python_in_the_readme_is_from_the_examples():
    files = sources()
    for code in blocks((ROOT / "README.md").read_text(), "python"):
        assert shown(code, files), f"No file of tests/examples, whose tests would prove it, has this:\n\n{code}"


def test_commands_in_the_readme_exist():
    for code in blocks((ROOT / "README.md").read_text(), *SHELL):
        for words in commands(code):
            assert wrong(words) is None, f"{shlex.join(words)}: {wrong(words)}"


README = """
Text.

```python
with mockserver.Mock() as mock:
    pass
```

1. In a list:

   ```bash
   make serve PORT=9000 && curl -s localhost:9000/
   mockserver serve --port 9000  # and so on
   ```
"""


def test_blocks_are_found_where_they_stand():
    assert blocks(README, "python") == ["with mockserver.Mock() as mock:\n    pass"]
    [code] = blocks(README, "bash")
    assert commands(code) == [
        ["make", "serve", "PORT=9000"],
        ["curl", "-s", "localhost:9000/"],
        ["mockserver", "serve", "--port", "9000"],
    ]


def test_a_snippet_may_stand_deeper_but_not_differ():
    files = ["class Example:\n    def run(self):\n        with a:\n            b()\n"]
    assert shown("with a:\n    b()", files)
    assert not shown("with a:\n    c()", files)
    assert not shown("with a:\n        b()", files)


def test_what_is_wrong_with_a_command_is_told():
    assert wrong(["make", "test"]) is None
    assert wrong(["make", "coffee"]) == "make has no target coffee"
    assert wrong(["mockserver", "serve", "--port", "9000"]) is None
    assert wrong([".venv/bin/mockserver", "brew"]) == "mockserver has no command brew"
    assert wrong(["mockserver", "serve", "--milk=yes"]) == "mockserver serve has no option --milk=yes"
    assert wrong(["python", "-m", "mockserver", "serve"]) is None
    assert wrong(["pip", "install", "anything"]) is None


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl on this machine")
def test_curls_in_the_readme_work(tmp_path):
    with LiveServer(App(Sandbox(worlds.load("default")))) as server:
        for code in blocks((ROOT / "README.md").read_text(), *SHELL):
            if "curl" in code:
                script = code.replace("http://127.0.0.1:8080", server.url)
                done = subprocess.run(["sh", "-ec", script], cwd=tmp_path, capture_output=True, text=True, timeout=120)
                assert done.returncode == 0, f"{done.stderr}\n{done.stdout}\n{script}"

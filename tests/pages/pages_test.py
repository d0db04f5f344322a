#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the tables are made into: --help fits a terminal, man pages are without a warning, completions work.

pages_test.py BUILD
"""

import pathlib
import re
import subprocess
import sys

WIDTH = 100


def run(*words, **options):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)


def check_help(program, name):
    shown = run(program, *([name] if name else []), "--help")
    what = f"{program.name} {name} --help".replace("  ", " ")
    if shown.returncode != 0 or shown.stderr:
        yield f"{what}: status {shown.returncode}: {shown.stderr}"
    for line in shown.stdout.splitlines():
        if len(line) > WIDTH or line != line.rstrip():
            yield f"{what}: too wide, or blanks at its end: {line!r}"
    for part in ("Usage: ", "Exit status:"):
        if part not in shown.stdout:
            yield f"{what}: no '{part}'"


def check_page(page):
    rendered = run("man", "--warnings=w", "-E", "UTF-8", "-l", page, env={"MANWIDTH": "80", "PATH": "/usr/bin:/bin"})
    if rendered.returncode != 0 or rendered.stderr:
        yield f"{page.name}: {rendered.stderr}"
    for part in ("NAME", "SYNOPSIS", "DESCRIPTION"):
        if part not in rendered.stdout:
            yield f"{page.name}: no section {part}"
    named = page.read_text().split('.SH "NAME"\n')[1].split("\n")[0].replace("\\-", "-")
    if not named.startswith(page.stem + " - "):
        yield f"{page.name}: its NAME is {named!r}"


def complete(script, *words):
    """What bash offers for the last of the words."""
    quoted = " ".join(f"'{word}'" for word in words)
    function = "_" + "".join(c if c.isalnum() else "_" for c in words[0])
    text = f'. "{script}"; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; {function}; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = run("bash", "-euc", text)
    return done.stdout.split(), done.stderr


def check_completions(folder):
    script = folder / "powercut"
    for words, wanted in (
        (("powercut", "ver"), ["verify"]),
        (("powercut", "verify", "--max"), ["--max-findings"]),
        (("powercut", "log", "--kind", "fl"), ["flush"]),
        (("powercut", "zzz"), []),
    ):
        seen, errors = complete(script, *words)
        if seen != wanted or errors:
            yield f"completion of {' '.join(words)}: {seen}, not {wanted} {errors}"


def check_documents(top, commands):
    """What the documents call a command is one, and each command is named in the README."""
    pages = [top / "README.md", *sorted((top / "docs").rglob("*.md"))]
    for page in pages:
        for name in re.findall(r"(?:^    |`|; )powercut ([a-z-]+)", page.read_text(), re.M):
            if name not in commands:
                yield f"{page.relative_to(top)}: there is no 'powercut {name}'"
    for name in commands:
        if not re.search(rf"`(powercut )?{name}`", (top / "README.md").read_text()):
            yield f"README.md does not name 'powercut {name}'"


def main():
    build = pathlib.Path(sys.argv[1])
    powercut = build / "bin/powercut"
    pages = sorted((build / "share/man/man1").glob("*.1"))
    commands = [page.stem.removeprefix("powercut-") for page in pages if page.stem.startswith("powercut-")]
    if not commands:
        print("error: no man pages of commands")
        return 1
    problems = [problem for name in [""] + commands for problem in check_help(powercut, name)]
    problems += [problem for page in pages for problem in check_page(page)]
    problems += check_documents(pathlib.Path(__file__).resolve().parent.parent.parent, commands)
    problems += check_completions(build / "share/bash-completion/completions")
    for problem in problems:
        print("error:", problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

"""The workshop's tasks. Bare `nox` runs all that a change needs; the same names run in CI."""

import shutil

import nox

nox.options.sessions = ["lint", "types", "test", "docs"]
nox.options.reuse_existing_virtualenvs = True
nox.options.stop_on_first_error = False

PROJECT = nox.project.load_toml("pyproject.toml")


def install(session: nox.Session, *groups: str) -> None:
    """Install stackd, editable, with the dependency groups a session needs."""
    requirements = nox.project.dependency_groups(PROJECT, *groups)
    session.install("-e", ".", *requirements)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, spelling and the import rules."""
    install(session, "check", "test")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("codespell")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Types, strictly."""
    install(session, "check", "test")
    session.run("mypy")


@nox.session
def test(session: nox.Session) -> None:
    """Every test; `nox -s test -- tests/imaging -k breathing` runs some."""
    install(session, "test")
    session.run("pytest", *session.posargs)


@nox.session
def long(session: nox.Session) -> None:
    """What takes too long for every change: real stacks, and the service under a real systemd."""
    install(session, "test")
    session.run("pytest", "-m", "long", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """The docs tell the truth: commands exist, examples load, pictures and tables match the code."""
    install(session, "test")
    session.run("pytest", "tests/docs", "tests/architecture", "tests/config", *session.posargs)


@nox.session
def generated(session: nox.Session) -> None:
    """Rewrite what docs take from the code: the example configuration, the table of keys, the pictures of imports."""
    install(session, "test")
    session.run("python", "docs/generate.py")


@nox.session
def picture(session: nox.Session) -> None:
    """Make the pictures anew: the demo's own before and after, what features make possible, and what finishing steps do."""
    install(session)
    folder = session.create_tmp()
    session.run("stackd", "demo", "--folder", f"{folder}/demo")
    shutil.copy(f"{folder}/demo/before-after.jpg", "docs/images/before-after.jpg")
    shutil.rmtree(f"{folder}/demo")
    session.run("python", "docs/draw_finishing.py")
    session.run("python", "docs/draw_features.py")


@nox.session
def measure(session: nox.Session) -> None:
    """Print the numbers that the pages on methods state; `nox -s measure -- features --stacks FOLDER` prints some."""
    install(session)
    for part in [session.posargs] if session.posargs else [["finishing"], ["features"], ["tones"]]:
        session.run("python", "docs/measure.py", *part)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Try a running service with 5,000 images damaged at random; `nox -s fuzz -- --count 500 --seed 7` tries others."""
    install(session, "test")
    session.run("python", "-m", "tests.faults.mutated_images", *session.posargs)

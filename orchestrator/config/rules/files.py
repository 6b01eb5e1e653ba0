"""Rules about the paths of a release: build outputs, shared paths, permissions and assets."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from orchestrator.config import published
from orchestrator.config.paths import overlap

if TYPE_CHECKING:
    from orchestrator.config.settings import Settings


def build_steps_are_distinct(settings: Settings) -> str | None:
    """Return an error message if two build steps have the same name, otherwise None."""
    names = [step.name for step in settings.build]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        return f"build: several steps have the name {', '.join(twice)}: give each step a different name"
    return None


def web_steps_come_last(settings: Settings) -> str | None:
    """Return an error message if a build step of the deploy user follows a step of the web user, otherwise None.

    Steps of the web user run after the stage ``permit``, and all other steps run before this stage.
    """
    users = [step.user for step in settings.build]
    if "web" in users and "deploy" in users[users.index("web") :]:
        first, later = (
            settings.build[users.index("web")],
            next(step for step in settings.build[users.index("web") :] if step.user == "deploy"),
        )
        return (
            f"build.{later.name}: the step follows {first.name}, but steps of the web user run after all other steps: "
            f"move {first.name} to the end of the list"
        )
    return None


def seeds_are_shared_directories(settings: Settings) -> str | None:
    """Return an error message if ``shared.seed`` has a path that ``shared.directories`` lacks, otherwise None."""
    if strange := [path for path in settings.shared.seed if path not in settings.shared.directories]:
        return (
            f"shared.seed: these paths are not in shared.directories: {', '.join(strange)}: add them to "
            "shared.directories, or remove them from shared.seed"
        )
    return None


def outputs_overlap_nothing(settings: Settings) -> str | None:
    """Return an error message if a build output overlaps a shared path, a writable path or the environment file.

    Otherwise return None. The next release may reuse an output, so only the build step may write to the output.
    """
    used = dict.fromkeys((*settings.shared.directories, *settings.shared.files), "shared")
    if settings.environment:
        used[settings.environment.path] = "environment"
    # if the next release reuses an output, both releases have the same file, so the application must not change it
    used |= dict.fromkeys(settings.permissions.writable, "permissions.writable")
    for step in settings.build:
        for path in step.outputs:
            for other, why in used.items():
                if overlap(path, other):
                    return (
                        f"build.{step.name}.outputs: {path} overlaps the {why} path {other}: choose another output path"
                    )
    return None


def assets_are_relative_to_the_document_root(settings: Settings) -> str | None:
    """Return an error message if a path in ``assets`` begins with the document root, otherwise None.

    The paths in ``assets`` are relative to the document root, so they must not repeat the document root.
    """
    root = f"{settings.php.public}/"
    if strange := [path for path in settings.assets if path.startswith(root)]:
        right = strange[0].removeprefix(root)
        return f"assets: {strange[0]} begins with the document root {root}: write {right}"
    return None


def cached_files_are_assets(settings: Settings) -> str | None:
    """Return an error message if ``web.cache`` is set but ``assets`` is empty, otherwise None.

    ``web.cache`` has an effect only on the files in the directories that ``assets`` lists.
    """
    if settings.web.cache and not settings.assets:
        return (
            "web.cache: the cache has an effect only on directories in assets, but assets is empty: list "
            "directories in assets, or remove web.cache"
        )
    return None


def web_paths_are_relative_to_the_document_root(settings: Settings) -> str | None:
    """Return an error message if a path in ``web.serve`` or ``web.deny`` begins with the document root, otherwise None.

    These paths are relative to the document root, so they must not repeat the document root.
    """
    root = f"{settings.php.public}/"
    for key, paths in (("serve", settings.web.serve), ("deny", settings.web.deny)):
        if strange := [path for path in paths if path.startswith(root)]:
            right = strange[0].removeprefix(root)
            return f"web.{key}: {strange[0]} begins with the document root {root}: write {right}"
    return None


def private_files_are_not_served(settings: Settings) -> str | None:
    """Return an error message if ``web.serve`` lists the environment file or a private path, otherwise None.

    A path below a private path is also private.
    """
    for other in published.private(settings):
        if named := [path for path in settings.web.serve if f"{path}/".startswith(f"{other}/")]:
            return (
                f"web.serve: nginx never sends {named[0]}, which is the environment file or in permissions.private: "
                f"remove {named[0]} from web.serve"
            )
    return None


def included_file_is_not_writable(settings: Settings) -> str | None:
    """Return an error message if ``web.include`` is in a directory of ``permissions.writable``, otherwise None.

    The deploy user copies the text of the file for nginx. The web user could replace the file by a symlink to a file
    that only the deploy user may read.
    """
    include = settings.web.include
    for path in settings.permissions.writable:
        if include and overlap(include, path):
            return (
                f"web.include: {include} is in {path} (permissions.writable), where the web user could replace the "
                "file: move the file to another directory"
            )
    return None


def shared_paths_do_not_overlap(settings: Settings) -> str | None:
    """Return an error message if a shared path is listed twice or lies below another shared path, otherwise None.

    Everything in a shared directory is already shared, so no link is needed for a path in this directory.
    """
    for (where, path), (there, other) in itertools.combinations(shared_paths(settings), 2):
        if path == other:
            return f"{there}: {path} is also in {where}: list {path} only once"
        if overlap(path, other):
            (at, outer), (of, inner) = sorted(((where, path), (there, other)), key=lambda named: len(named[1]))
            return f"{of}: {inner} is shared already, because it is in {outer} ({at}): remove {inner}"
    return None


def release_files_are_not_shared(settings: Settings) -> str | None:
    """Return an error message if ``environment`` or ``permissions`` lists a shared path, otherwise None.

    The live release also uses the shared files, so a release must not change them.
    """
    permissions = settings.permissions
    lists = {"modes": permissions.modes, "private": permissions.private, "writable": permissions.writable}
    for setting, other in shared_paths(settings):
        if settings.environment and overlap(settings.environment.path, other):
            return (
                f"environment.path: {settings.environment.path} overlaps the {setting} path {other}, which all "
                "releases share, but each release has a separate environment: choose another environment path"
            )
        for name, paths in lists.items():
            if below := [path for path in paths if f"{path}/".startswith(f"{other}/")]:
                return (
                    f"permissions.{name}: {below[0]} is in the {setting} path {other}, which the live release also "
                    f"uses: remove {below[0]} from permissions.{name}"
                )
    return None


def shared_paths(settings: Settings) -> list[tuple[str, str]]:
    """Return a pair for each shared path: the setting that lists the path, such as ``shared.files``, and the path."""
    shared = {"shared.directories": settings.shared.directories, "shared.files": settings.shared.files}
    return [(setting, path) for setting, paths in shared.items() for path in paths]

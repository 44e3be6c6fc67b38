"""The environment of a container, built from nothing: what AWS gives it, and what keeps it on this machine.

The credentials are the service's own key, the endpoint is the service, there are no profiles and credential files, so
that boto3 in a job needs no change and the user's real account is out of reach. Nothing of the service's own
environment is passed on.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import shlex
import shutil
import sys
import sysconfig
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from pipeline.limits import Row
from pipeline.local.egress.variables import unset, variables
from pipeline.local.identity import Identity
from pipeline.local.service_context import ServiceContext

_IMAGE: Final = "image"
_INSTALLED: Final = "packages"
_SYSTEM: Final = ("/usr/local/bin", "/usr/bin", "/bin")
_CACHES: Final = shutil.ignore_patterns("__pycache__")
_COMMANDS: Final = {"python": "", "python3": "", "pip": " -m pip", "pip3": " -m pip"}
_PIP: Final = """\
import os, runpy, shutil, sys, tempfile, zipfile

# Unpacked once: from within the archive each start would compile all of pip anew, which takes seconds.
place = {place!r}
if not os.path.isdir(place):
    fresh = tempfile.mkdtemp(dir=os.path.dirname(place))
    with zipfile.ZipFile({wheel!r}) as archive:
        archive.extractall(fresh)
    try:
        os.rename(fresh, place)
    except OSError:
        shutil.rmtree(fresh)
for name in [name for name in sys.modules if name == "pip" or name.startswith("pip.")]:
    del sys.modules[name]
sys.path.insert(0, place)
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""

_LACKING: Final = """\
raise ModuleNotFoundError(
    "the image on AWS has {name}, the interpreter of SageMaker on localhost has not: `pip install {name}` beside the"
    " service, or in the job",
    name={name!r},
)
"""

PARITY: Final = (
    Row(
        area="jobs",
        subject="pip install in a job",
        here="Installs into the job's own folder, with all that the package needs, from whatever index the machine"
        " reaches; gone with the job. --target and --user are refused by pip.",
        aws="Installs into the container.",
    ),
    Row(
        area="jobs",
        subject="AWS variables in a job's Environment",
        here="Credentials, profiles, endpoints and regions that a job is given are replaced by the service's own; the"
        " configuration files show them as given.",
        aws="Taken as they are.",
    ),
    Row(
        area="jobs",
        subject="network isolation, VPC, IAM role",
        here="EnableNetworkIsolation takes the network away from a job of one instance, where there are namespaces; all"
        " else is stored and shown. A job reaches the service through AWS_ENDPOINT_URL with the service's key and"
        " whatever else the machine reaches.",
        aws="Enforced.",
    ),
)


def environment(service: ServiceContext, home: Path, given: Mapping[str, str], **more: str) -> dict[str, str]:
    """The whole environment of one container: `given` is the job's own, `more` what its kind of job adds.

    `home` becomes HOME and holds TMPDIR; it is made if need be.
    """
    temporary, packages = home / "tmp", _packages(home)
    for folder in (temporary, *packages):  # Python looks once whether a folder of its path is there
        folder.mkdir(parents=True, exist_ok=True)
    cache = service.state.root / "cache"
    cache.mkdir(exist_ok=True)
    tools = _tools(service.state.root / "tools")
    settings = service.configuration
    identity = Identity(settings.key.access_key_id, settings.key.secret_access_key, settings.account, settings.region)
    own = variables(service.state.egress, service.address(), service.proxy.port, identity)
    defaults = {
        "PATH": os.pathsep.join(
            (f"{home}/bin", f"{tools}/bin", f"{home}/{_INSTALLED}/bin", str(Path(sys.executable).parent), *_SYSTEM)
        ),
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        # Kept from job to job: matplotlib takes seconds to look through many fonts.
        "XDG_CACHE_HOME": str(cache),
        "MPLCONFIGDIR": str(cache / "matplotlib"),
        "PYTHONUNBUFFERED": "1",
        # Not PIP_TARGET, which the pip that builds a source distribution would heed too.
        "PIP_PREFIX": str(home / _INSTALLED),
        "PIP_IGNORE_INSTALLED": "1",
        # The look through all that the interpreter has takes seconds. Of a flag with `no` the variable is the value.
        "PIP_NO_WARN_CONFLICTS": "false",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    places = (given.get("PYTHONPATH"), *map(str, packages), str(home / _IMAGE), str(tools / "lib"))
    path = os.pathsep.join(filter(None, places))
    own["PYTHONPATH"] = path
    harmless = {name: given[name] for name in given.keys() - set(unset(given))}
    return defaults | harmless | more | own


def _packages(home: Path) -> list[Path]:
    """Where pip puts modules below its prefix: one folder, or two where compiled ones have their own."""
    scheme, base = sysconfig.get_preferred_scheme("prefix"), str(home / _INSTALLED)
    paths = [sysconfig.get_path(kind, scheme, {"base": base, "platbase": base}) for kind in ("purelib", "platlib")]
    return [Path(path) for path in dict.fromkeys(paths)]


def install(home: Path, package: Path, libraries: Iterable[str] = ()) -> None:
    """Copy an image's Python package into a container and make its modules `train` and `serve` commands.

    Of the image's `libraries` those that the interpreter lacks say so to a script that imports them.
    """
    commands = home / "bin"
    commands.mkdir(exist_ok=True)
    shutil.copytree(package, home / _IMAGE / package.name, ignore=_CACHES, dirs_exist_ok=True)
    for name in ("train", "serve"):
        _write_command(commands / name, f" -m {package.name}.{name}")
    for name in libraries:
        if importlib.util.find_spec(name) is None:
            (home / _IMAGE / f"{name}.py").write_text(_LACKING.format(name=name))


@functools.cache
def _tools(folder: Path) -> Path:
    """`python`, `python3` and `pip` of this interpreter in `bin`, whatever its name and whether it has pip."""
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    for name, arguments in _COMMANDS.items():
        _write_command(folder / "bin" / name, arguments)
    wheel = _bundled_pip()
    if wheel:
        # Not the wheel itself: a zip on the path costs each start of Python 20 ms.
        package = folder / "lib" / "pip"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(_PIP.format(wheel=wheel, place=str(folder / "pip")))
    return folder


def _write_command(path: Path, arguments: str) -> None:
    """Whole at every moment: of jobs that start at once each may write the commands that all share."""
    fresh = path.parent.with_name(f".{path.name}-{threading.get_ident()}")
    fresh.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)}{arguments} "$@"\n')
    fresh.chmod(0o755)
    fresh.replace(path)


def _bundled_pip() -> str:
    """The wheel of pip that comes with Python, for an interpreter that has no pip; else nothing."""
    if importlib.util.find_spec("pip") is not None:
        return ""
    ensurepip = importlib.util.find_spec("ensurepip")
    if ensurepip is None or ensurepip.origin is None:
        return ""
    wheels = sorted((Path(ensurepip.origin).parent / "_bundled").glob("pip-*.whl"))
    return str(wheels[-1]) if wheels else ""

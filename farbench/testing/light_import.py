"""Which heavy libraries a plugin's module imports as it is loaded, asked of another process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence

HEAVY = (
    "dlib",
    "facer",
    "h5py",
    "matplotlib",
    "pandas",
    "scipy",
    "segmentation_models_pytorch",
    "sklearn",
    "tensorflow",
    "timm",
    "torch",
    "torchvision",
)
"""Libraries that take a noticeable time to import."""

# The libraries are not really imported: who asks for one is told that it is missing.
_CHILD = """
import importlib, json, sys
from pathlib import Path

HEAVY, modules = json.loads(sys.argv[1])
found = {}

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in HEAVY:
            return None
        frame = sys._getframe(1)
        while "importlib" in frame.f_code.co_filename:
            if "util" in frame.f_code.co_filename.rpartition("importlib")[2]:  # only asks for it
                return None
            frame = frame.f_back
        where = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
        found.setdefault(current, []).append(f"{name} ({where})")
        raise ImportError(f"{name} is heavy")

sys.meta_path.insert(0, Watch())
for current in modules:
    try:
        if current.endswith(".py"):
            from farbench.plugins.files import load_file
            load_file(Path(current))
        else:
            importlib.import_module(current)
    except (Exception, SystemExit) as error:
        if current not in found:
            found[current] = [f"!{type(error).__name__}: {error}"]
print("\\n" + json.dumps(found))
"""


def heavy_imports(modules: Sequence[str]) -> dict[str, list[str]]:
    """Return what each module imports of :data:`HEAVY`: ``["torch (my_method.py:5)"]``.

    An entry that begins with ``!`` says why the module could not be imported at all. A module
    that only imports what an earlier one has imported already is not named again.

    Args:
        modules: Names of modules, or paths of plugin files (ending in ``.py``).
    """
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, json.dumps([HEAVY, list(modules)])],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().split("\n") or [""])[-1]
        return {module: [f"!{last}"] for module in modules}
    found: dict[str, list[str]] = json.loads(done.stdout.strip().split("\n")[-1])
    return found

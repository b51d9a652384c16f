"""Results folders for the report's tests: several seeds, failures, odd labels."""

import json

from fake_store import FakeStore

ODD = "<b>\"A&G\"</b> 'x' </script>"
ROWS = (
    ("baseline", "Baseline", ()),
    ("attribute_grouping", ODD, ("AG",)),
    ("aml", "+ AG + AML", ("AG", "AML")),
    ("broken", "+ nothing", ()),
    ("late", "not begun", ()),
)
HISTORY = """\
stage,epoch,loss,images_per_second,valid_accuracy,valid_mA
global,1,0.5,90,0.80,0.60
global,2,nan,91,0.85,0.65
joint,1,0.3,80,0.90,0.70
"""
LOG = "[1/3] baseline\n</script><script>window.broken = true</script>\n"


def store(root, **benchmark):
    """Write three finished rows of two seeds, one of which failed once; a failed and an absent row.

    Returns:
        The store.
    """
    made = FakeStore(root, rows=ROWS, seeds=(0, 1), compare="baseline", **benchmark)
    for seed in (0, 1):
        place = made.cell(
            "baseline", 0.90 + 0.01 * seed, 0.80, seed=seed, per_attribute={"Bald": 1}
        )
        (place / "history.csv").write_text(HISTORY)
        (place / "log.txt").write_text(LOG)
        made.cell("attribute_grouping", 0.95, 0.75 + 0.01 * seed, seed=seed)
    made.cell("aml", 0.92, 0.85)
    failed = made.cell("aml", seed=1, error="loss is not finite <in> epoch 3")
    (failed / "log.txt").write_text("".join(f"line {number}\n" for number in range(100)))
    made.cell("broken", seed=0, error="RuntimeError: out of memory")
    made.planned("late")
    return made


def change_record(folder, **changes):
    """Change what ``cell.json`` says."""
    path = folder / "cell.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

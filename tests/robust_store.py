"""Adds made-up scores under corruption to the cells of a fake store."""

from farbench.store.robustness import RobustnessFile

SETTINGS = {
    "corruptions": ["blur", "rotation"],
    "strengths": [1, 3, 5],
    "images": 100,
    "masks": ["predicted"],
    "seed": 0,
}


def scores_of(accuracy, mA, reference=None):
    """Make the scores of an entry."""
    held = {
        "accuracy": accuracy,
        "mA": mA,
        "images": 100,
        "metric_version": 1,
        "accuracy_per_attribute": {"Bald": accuracy + 0.05, "Smiling": accuracy - 0.05},
    }
    return {"attributes": held | ({"reference": reference} if reference else {})}


def evaluated(folder, clean, falls, *, masks=None, agreement=None, settings=SETTINGS, leave_out=()):
    """Write ``robustness.json``: a strength costs ``falls[corruption]`` of accuracy and of mA.

    Args:
        folder: The cell's folder.
        clean: Accuracy and mA on clean images.
        falls: Corruption to what each step of strength costs.
        masks: "predicted", "clean" or None.
        agreement: Mean F1 of masks at strength 1; each strength costs a tenth of it.
        settings: What was asked.
        leave_out: (corruption, strength) pairs that are missing.
    """
    held = RobustnessFile(folder, folder.name[-8:], dict(settings))
    place = {"images": settings["images"], "seed": settings["seed"], "key": "k", "options": {}}
    reference = {"accuracy": 0.75, "mA": 0.5}
    first = {"corruption": None, "strength": 0, "masks": None, "mask_agreement": {}}
    held.entries.append({**place, **first, "scores": scores_of(*clean, reference)})
    for corruption, fall in falls.items():
        for strength in (1, 2, 3, 4, 5):
            if (corruption, strength) in leave_out:
                continue
            f1 = {"mean": agreement - 0.1 * (strength - 1)} if agreement else {}
            held.entries.append(
                {
                    **place,
                    "corruption": corruption,
                    "strength": strength,
                    "masks": masks,
                    "scores": scores_of(*(value - fall * strength for value in clean)),
                    "mask_agreement": f1,
                }
            )
    held.write()
    return held

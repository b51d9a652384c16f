"""Fits the intercepts that give the synthetic attributes their rates: run it after editing traits.

``python -m farbench_datasets.synthetic.calibration`` prints the body of ``intercepts.py``.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from .sampling import sample_latents, stream
from .traits import ATTRIBUTES, FREQUENCIES, TRAITS, Trait

_SEED = 2**40  # far from the small seeds that users take
_FACES = 20_000
_ROUNDS = 14


def target_rates(trait: Trait) -> tuple[float, float] | None:
    """Rates (women, men) of a trait, scaled so that both together give its total frequency."""
    if trait.odds is None:
        return None
    men = FREQUENCIES["Male"]
    wanted = FREQUENCIES[trait.name]
    women_rate, men_rate = trait.odds
    if women_rate == 1.0:
        return 1.0, 1.0 - (1.0 - wanted) / men
    factor = wanted / ((1.0 - men) * women_rate + men * men_rate)
    return women_rate * factor, men_rate * factor


def fit(faces: int = _FACES, rounds: int = _ROUNDS) -> dict[str, tuple[float, float]]:
    """Intercepts (women, men) for every trait, by repeated correction on the probit scale."""
    probit = NormalDist().inv_cdf
    intercepts = {trait.name: (0.0, 0.0) for trait in TRAITS}
    column = {name: place for place, name in enumerate(ATTRIBUTES)}
    for _ in range(rounds):
        drawn = [sample_latents(stream(_SEED, i, 0), intercepts)[1] for i in range(faces)]
        have = np.array([[face[name] > 0 for name in ATTRIBUTES] for face in drawn])
        male = have[:, column["Male"]]
        for trait in TRAITS:
            rates = target_rates(trait)
            observed = have[:, column[trait.name]]
            if rates is None:
                groups = [(FREQUENCIES[trait.name], observed)] * 2
            else:
                groups = [(rates[0], observed[~male]), (rates[1], observed[male])]
            spread = float(np.sqrt(1.0 + sum(w * w for w in trait.causes.values())))
            moved = []
            for (wanted, group), intercept in zip(groups, intercepts[trait.name], strict=True):
                if 0.0 < wanted < 1.0:
                    share = min(max(float(group.mean()), 1e-3), 1 - 1e-3)
                    intercept += 0.9 * spread * (probit(max(wanted, 1e-3)) - probit(share))
                moved.append(round(intercept, 3))
            intercepts[trait.name] = (moved[0], moved[1])
    return intercepts


def main() -> None:
    """Print the fitted table as Python source."""
    for name, (women, men) in fit().items():
        print(f'    "{name}": ({women}, {men}),')


if __name__ == "__main__":
    main()

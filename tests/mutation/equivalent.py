"""Mutants that compute the same as the original: module to changed line to the reason."""

EQUIVALENT = {
    "farbench/scoring/attributes.py": {
        "share = np.asarray([np.nan if (False) else value for value in prevalence], float)": (
            "NumPy makes NaN of None as well"
        ),
    },
    "farbench/scoring/identity.py": {
        "unit = embeddings / np.where(norm > 0, norm, (2.0))": "zeros divided by 2 are zeros",
        "best = int(np.argmax(np.where(cut, right, (1))))": (
            "the first place may be cut, and of two pairs or more its count or the last's is above"
        ),
        "best = int(np.argmax(np.where(cut, right, (0))))": (
            "the first place may be cut and its count is not below 0"
        ),
        "after = int(np.argmax((gap < 0)))": (
            "the gap falls at every step, and where it is 0 both ways end in that point"
        ),
        "fold = np.arange(len(chosen)) * FOLDS // max(len(chosen), (2))": (
            "the fold of a single pair is 0 either way"
        ),
    },
    "farbench/masks/scaling.py": {
        "height, width = masks.shape[(2):]": "masks have four dimensions",
    },
    "plugins/farbench_losses/elementwise.py": {
        "values = focal_values(logits, (targets >= 0.5), self.gamma, self.alpha)": (
            "targets are 1, 0 and -1"
        ),
        "known, positive = targets >= 0, (targets >= 0.5)": "targets are 1, 0 and -1",
    },
    "plugins/farbench_weightings/measured_weights.py": {
        "weights = weights / size.where(size > 0, (2.0))": (
            "sizes are 0 only where no term is known, and there all are"
        ),
        "left = self.average / self.reference.where(known, (2.0))": (
            "what is not known is 1 whatever it is divided by"
        ),
        "ratio = torch.where(measured, now / self.last.where(measured, (2.0)), 1.0)": (
            "what is not measured is 1 whatever it is divided by"
        ),
    },
}

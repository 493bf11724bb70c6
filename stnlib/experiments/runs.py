"""What there is to measure: the list of runs, and what identifies each."""

import dataclasses
import itertools
import math

ARTICLE_MODELS = ("fcn_clean", "fcn_mixed", "cnn", "stn_fcn", "stn_cnn", "cnn_wide", "cnn_long")
PAPER_MODELS = ("fcn", "cnn", "st_fcn", "st_cnn")
ADDITION_MODELS = ("fcn", "cnn", "st_fcn", "st2_fcn")
TRANSFORMS = ("affine", "projective", "tps")
SEEDS = (0, 1, 2)
EPOCHS = {"article": 5, "paper": 80, "clutter": 80, "addition": 80, "readings": 20}
BATCH = {"article": 32, "paper": 256, "clutter": 256, "addition": 256, "readings": 256}
DISTORTIONS = {
    "article": ("article", "article_clutter"),
    "paper": ("RTS", "R", "P", "E"),
    "clutter": ("clutter",),
    "addition": ("addition",),
    "readings": ("P_stretch",),  # what the paper's description of an exam could also mean
}
MODELS = {
    "article": ARTICLE_MODELS,
    "paper": PAPER_MODELS,
    "clutter": PAPER_MODELS,
    "addition": ADDITION_MODELS,
    "readings": PAPER_MODELS,
}


def same_networks(experiment, distortion):
    """Name the experiment and the distortion that stand for all whose networks are the same, layer by layer.

    >>> same_networks("paper", "E"), same_networks("readings", "P_stretch"), same_networks("paper", "RTS")
    (('paper', 'R'), ('paper', 'R'), ('paper', 'RTS'))
    """
    same = distortion in ("P", "E", "P_stretch")
    return ("paper", "R") if same else (experiment, distortion)


@dataclasses.dataclass(frozen=True)
class Run:
    """All that decides a result: the same Run gives the same numbers."""

    experiment: str
    model: str
    transform: str | None
    distortion: str
    seed: int
    epochs: int
    dataset: str = "mnist"
    train_size: int | None = None

    @property
    def name(self):
        """The run's file name, without ending.

        >>> Run("paper", "st_cnn", "affine", "RTS", seed=0, epochs=80).name
        'paper-RTS-st_cnn-affine-80-epochs-seed-0'
        """
        parts = [self.experiment, self.distortion, self.model, self.transform, self.epochs, "epochs", "seed", self.seed]
        if self.dataset != "mnist":
            parts.append(self.dataset)
        if self.train_size is not None:
            parts += ["of", self.train_size]
        return "-".join(str(part) for part in parts if part is not None)

    @property
    def batch_size(self):
        """The number of images in a step."""
        return BATCH[self.experiment]

    def steps(self, digits):
        """Count the steps of an epoch with so many training digits; the article adds a distorted copy of each.

        >>> Run("article", "cnn", None, "article", seed=0, epochs=5).steps(60_000)
        3750
        """
        doubled = self.experiment == "article" and self.model != "fcn_clean"
        return math.ceil(digits * (1 + doubled) / self.batch_size)


def select(experiment, model=None, transform=None, distortion=None, seed=None, epochs=None, **data):
    """List the runs of one experiment; what is None stands for all of its kind, but seed None for 0.

    Errors: ValueError where nothing fits.

    >>> [run.name for run in select("paper", "st_fcn", "tps", "E", 0)]
    ['paper-E-st_fcn-tps-80-epochs-seed-0']
    """
    chosen = [
        Run(experiment, m, t, d, s, EPOCHS[experiment] if epochs is None else epochs, **data)
        for s, m, d in itertools.product(SEEDS, MODELS[experiment], DISTORTIONS[experiment])
        for t in transforms(experiment, m)
        if model in (None, m) and transform in (None, t) and distortion in (None, d) and s == (seed or 0)
    ]
    if not chosen:
        raise ValueError(f"{experiment}: no run fits model {model}, transform {transform}, distortion {distortion}")
    return chosen


def transforms(experiment, model):
    """List the transforms that a model is measured with.

    >>> transforms("paper", "st_cnn"), transforms("paper", "cnn"), transforms("clutter", "st_cnn")
    (('affine', 'projective', 'tps'), (None,), ('affine',))
    """
    if not model.startswith("st"):
        return (None,)
    return TRANSFORMS if experiment == "paper" else ("affine",)


def everything(**options):
    """List all runs, in the order in which they are worth having.

    Convention: a seed at a time; the article, affine transformers of the paper, its baselines, clutter,
        addition and other readings of an exam, then the other transforms.

    >>> len(everything())
    174
    """
    ordered = []
    for seed in SEEDS:
        listed = {name: select(name, seed=seed, **options) for name in EPOCHS}
        affine = [run for run in listed["paper"] if run.transform == "affine"]
        baselines = [run for run in listed["paper"] if run.transform is None]
        others = [run for run in listed["paper"] if run.transform in ("projective", "tps")]
        ordered += listed["article"] + affine + baselines
        ordered += listed["clutter"] + listed["addition"] + listed["readings"] + others
    return ordered

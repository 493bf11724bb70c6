"""The errors that the article and the paper report, in percent, by (model, transform, distortion, test)."""

_ARTICLE = {  # from the article's accuracies: original, distorted
    ("fcn_clean", None, "article"): {"original": 2.17, "distorted": 48.20},
    ("fcn_mixed", None, "article"): {"original": 2.33, "distorted": 24.31},
    ("cnn", None, "article"): {"distorted": 12.0},
    ("stn_fcn", "affine", "article"): {"original": 1.33, "distorted": 10.72},
    ("fcn_clean", None, "article_clutter"): {"distorted": 82.50},
    ("fcn_mixed", None, "article_clutter"): {"distorted": 24.80},
    ("stn_fcn", "affine", "article_clutter"): {"distorted": 8.60},
}
_PAPER = {  # R, RTS, P, E
    ("fcn", None): (2.1, 5.2, 3.1, 3.2),
    ("cnn", None): (1.2, 0.8, 1.5, 1.4),
    ("st_fcn", "affine"): (1.2, 0.8, 1.5, 2.7),
    ("st_fcn", "projective"): (1.3, 0.9, 1.4, 2.6),
    ("st_fcn", "tps"): (1.1, 0.8, 1.4, 2.4),
    ("st_cnn", "affine"): (0.7, 0.5, 0.8, 1.2),
    ("st_cnn", "projective"): (0.8, 0.6, 0.8, 1.3),
    ("st_cnn", "tps"): (0.7, 0.5, 0.8, 1.1),
}

ARTICLE = {(*cell, test): error for cell, errors in _ARTICLE.items() for test, error in errors.items()}
PAPER = {
    (*network, distortion, "distorted"): error
    for network, errors in _PAPER.items()
    for distortion, error in zip(("R", "RTS", "P", "E"), errors, strict=True)
}
STRETCH = {  # those of P
    (model, transform, "P_stretch", "distorted"): errors[2]
    for (model, transform), errors in _PAPER.items()
    if transform in (None, "affine")
}
PROTOCOL = {
    (model, transform, distortion, test): error
    for (model, transform, distortion, test), error in (PAPER | STRETCH).items()
    if model in ("fcn", "st_fcn") and transform in (None, "affine") and distortion != "P"
}
CLUTTER = {
    ("fcn", None, "clutter", "distorted"): 13.2,
    ("cnn", None, "clutter", "distorted"): 3.5,
    ("st_fcn", "affine", "clutter", "distorted"): 2.0,
    ("st_cnn", "affine", "clutter", "distorted"): 1.7,
}
_ADDITION = {("fcn", None): 47.7, ("cnn", None): 14.7, ("st_fcn", "affine"): 22.6, ("st2_fcn", "affine"): 9.0}
ADDITION = {(*network, "addition", "distorted"): error for network, error in _ADDITION.items()}
SECOND_HAND = {key for key in ADDITION if "affine" in key}  # a reader's recollection of the paper's table
ADDITION_BEST = {"st_fcn": ("projective", 18.5), "st2_fcn": ("tps", 5.8)}  # of the kinds that the paper tried
# What another implementation reports for st2_fcn, affine: its page, and the error after about 300 epochs.
ADDITION_ELSEWHERE = ("https://github.com/tensorpack/tensorpack/tree/master/examples/SpatialTransformer", 8.8)

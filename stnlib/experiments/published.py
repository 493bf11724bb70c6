"""The errors that the article and the paper report."""

ARTICLE = {  # error in percent, from the article's accuracies: original, distorted
    ("fcn_clean", "article"): {"original": 2.17, "distorted": 48.20},
    ("fcn_mixed", "article"): {"original": 2.33, "distorted": 24.31},
    ("cnn", "article"): {"distorted": 12.0},
    ("stn_fcn", "article"): {"original": 1.33, "distorted": 10.72},
    ("fcn_clean", "article_clutter"): {"distorted": 82.50},
    ("fcn_mixed", "article_clutter"): {"distorted": 24.80},
    ("stn_fcn", "article_clutter"): {"distorted": 8.60},
}
PAPER = {  # error in percent: R, RTS, P, E
    ("fcn", None): (2.1, 5.2, 3.1, 3.2),
    ("cnn", None): (1.2, 0.8, 1.5, 1.4),
    ("st_fcn", "affine"): (1.2, 0.8, 1.5, 2.7),
    ("st_fcn", "projective"): (1.3, 0.9, 1.4, 2.6),
    ("st_fcn", "tps"): (1.1, 0.8, 1.4, 2.4),
    ("st_cnn", "affine"): (0.7, 0.5, 0.8, 1.2),
    ("st_cnn", "projective"): (0.8, 0.6, 0.8, 1.3),
    ("st_cnn", "tps"): (0.7, 0.5, 0.8, 1.1),
}
CLUTTER = {"fcn": 13.2, "cnn": 3.5, "st_fcn": 2.0, "st_cnn": 1.7}
ADDITION = {"fcn": 47.7, "cnn": 14.7, "st_fcn": 18.5, "st2_fcn": 5.8}


def error(experiment, model, transform, distortion, test="distorted"):
    """Look up a published error in percent, or None.

    >>> error("paper", "st_cnn", "affine", "RTS"), error("clutter", "cnn", None, "clutter")
    (0.5, 3.5)
    """
    if experiment == "article":
        return ARTICLE.get((model, distortion), {}).get(test)
    if experiment in ("paper", "readings"):
        family = distortion.split("_")[0]  # another reading of P has P's figures
        return PAPER[model, transform][("R", "RTS", "P", "E").index(family)]
    return {"clutter": CLUTTER, "addition": ADDITION}[experiment][model]

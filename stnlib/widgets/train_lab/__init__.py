"""TrainLab: a spatial transformer that trains in the page, beside the same classifier without it."""

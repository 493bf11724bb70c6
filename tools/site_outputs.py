"""Sphinx extension: what a cell prints piece by piece is one text on the page, as in Jupyter.

MyST-NB's own `nb_merge_streams` starts a new line with every piece, so that a line of progress that
grows while a network trains would become a column.
"""

import myst_nb.core.render
import nbformat


def join_streams(outputs):
    """Return a cell's outputs with the pieces of a stream joined as they were printed, up to the next figure or value.

    >>> pieces = [nbformat.v4.new_output("stream", text=text) for text in ("epoch", " 1", " 2\\\\n")]
    >>> [output.text for output in join_streams(pieces)]
    ['epoch 1 2\\\\n']
    """
    joined, open_streams = [], {}
    for output in outputs:
        if output.output_type != "stream":
            open_streams = {}
        elif output.name in open_streams:
            open_streams[output.name].text += output.text
            continue
        else:
            output = open_streams[output.name] = nbformat.from_dict(dict(output))
        joined.append(output)
    return joined


def setup(app):
    """Put the function in the place of MyST-NB's."""
    myst_nb.core.render.coalesce_streams = join_streams
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

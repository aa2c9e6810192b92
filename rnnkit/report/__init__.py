"""A folder of checkpoints and tables as one HTML page: what is there, and how each part of the page is made.

Nothing here draws or runs networks; :mod:`rnnkit.stages.report` does, and puts the page together.
"""

"""How good a detector is: labelled footage in, figures with intervals out. Needs no torch."""

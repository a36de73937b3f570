"""Inputs that nobody would write, for everything that reads what others wrote: ``python -m tests.fuzz``.

`targets` says what is fuzzed, one a file. Where atheris is installed it finds inputs by the code they reach;
`mutation` makes them without looking, elsewhere and in the short run of ``make test``. Whatever is raised but an
error of `stream_guard.errors` that the target expects is a finding.
"""
